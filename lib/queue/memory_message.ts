/** A message as the store in memory keeps it. @module */
import type { Attempt, Entry, NewRecipient, Recipient, RecipientState } from "./store.ts";

/** What a store may change of what it shows. */
type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A recipient with its lease. */
export interface KeptRecipient extends Mutable<Recipient> {
  lease?: { owner: string; until: number; token: string };
}

/** A message in memory. */
export interface Message {
  readonly entry: Mutable<Omit<Entry, "recipients">>;
  readonly body: Uint8Array;
  readonly recipients: KeptRecipient[];
  readonly attempts: Attempt[];
  /** When the last recipient ended. */
  finished?: number;
}

/** A recipient as it begins. */
export function kept({ held, ...recipient }: NewRecipient, index: number): KeptRecipient {
  return {
    ...structuredClone(recipient),
    index,
    state: held ? "held" : "queued",
    attempts: 0,
    delayTold: false,
  };
}

const OPEN: ReadonlySet<RecipientState> = new Set(["queued", "held"]);

/** When a recipient can be leased; never, unless it is queued. */
export function readyAt({ state, due, lease }: KeptRecipient): number {
  return state !== "queued" ? Infinity : lease?.until ?? due;
}

/** Whether a recipient waits, queued or held, and nobody has leased it. */
export function isFree({ state, lease }: KeptRecipient, now: number): boolean {
  return OPEN.has(state) && (lease === undefined || lease.until <= now);
}

/** A copy of a message, with some of its recipients. */
export function view(message: Message, recipients: readonly KeptRecipient[]): Entry {
  return structuredClone({
    ...message.entry,
    recipients: recipients.map(({ lease: _, ...recipient }) => recipient),
  });
}

/** Marks a message as finished if none of its recipients waits any more. */
export function finish(message: Message, time: number): void {
  if (message.recipients.every(({ state }) => !OPEN.has(state))) message.finished ??= time;
}
