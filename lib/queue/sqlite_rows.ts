/** Messages and recipients as they cross to the worker and stand in the database. @module */
import type { MailParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import type { Reply } from "../smtp/reply.ts";
import { searchText } from "./filter.ts";
import { senderTurn } from "./sender_turn.ts";
import type {
  Attempt,
  Entry,
  NewEntry,
  NewRecipient,
  Notify,
  Origin,
  Outcome,
  Recipient,
  RecipientState,
} from "./store.ts";

/**
 * A recipient to be committed: domain, local part, domain as written, due, held, NOTIFY, ORCPT, route, and
 * whom a hook has rewritten it from.
 */
export type NewRecipientRow = readonly [
  domain: string,
  localPart: string,
  mailDomain: string,
  due: number,
  held: 0 | 1,
  notify: string | null,
  orcpt: string | null,
  route: string | null,
  rewrittenFrom: string | null,
];

/** A message to be committed, in plain values, since each level of an object costs at the crossing. */
export interface NewMessageRow {
  readonly id: string;
  readonly accepted: number;
  readonly expires: number;
  /** The reverse-path, as filters look at it. */
  readonly sender: string;
  /** The turn of the sender among those of mail to the same domain. */
  readonly turn: number;
  /** What is only read back whole: JSON. */
  readonly facts: string;
  readonly recipients: readonly NewRecipientRow[];
  readonly size: number;
  /** The octets, unless they are in a blob file. */
  octets?: Uint8Array<ArrayBuffer>;
  /** The name of the blob file, and the checksum of what is in it. */
  readonly blob?: string;
  readonly crc?: number;
}

/** Recipients that are added to a message. */
export interface AddedRow {
  readonly id: string;
  /** At least one. */
  readonly recipients: readonly NewRecipientRow[];
  readonly expires: number;
}

/** What an attempt came to for a recipient: number, state, due, the reply as JSON, delay told. */
export type OutcomeRow = readonly [
  index: number,
  state: Outcome["state"],
  due: number | null,
  reply: string,
  delayTold: 0 | 1,
];

/** An attempt to be recorded, in plain values as well. */
export interface AttemptRow {
  readonly ended: number;
  /** All of it: JSON. */
  readonly facts: string;
  readonly outcomes: readonly OutcomeRow[];
}

/** A value out of the database. */
export type Row = Readonly<Record<string, unknown>>;

/** The columns of a message that {@linkcode readMessage} reads. */
export const MESSAGE_COLUMNS = "seq, id, accepted, expires, facts, size";

/** The columns of a recipient that {@linkcode readRecipient} reads. */
export const RECIPIENT_COLUMNS =
  "number, local_part, mail_domain, domain, state, due, attempts, delay_told, notify, orcpt, route, rewritten_from, last_reply";

/** The part of a message that is only read back whole. */
interface Facts {
  readonly mail: MailParameters;
  readonly origin: Origin;
  readonly headerChanges?: readonly string[];
}

/** What is wrong with an entry that cannot be read back as it was committed. */
export class Damage extends Error {
  override readonly name = "Damage";
}

/** Makes the row of a message, but for its octets. */
export function messageRow(entry: NewEntry, size: number): NewMessageRow {
  const { id, mail, origin, headerChanges, accepted, expires, recipients } = entry;
  const facts: Facts = { mail, origin, headerChanges };
  return {
    id,
    accepted,
    expires,
    sender: searchText(mail.reversePath),
    turn: senderTurn(mail.reversePath),
    facts: JSON.stringify(facts),
    size,
    recipients: recipients.map(recipientRow),
  };
}

/** Makes the row of a recipient. */
export function recipientRow(recipient: NewRecipient): NewRecipientRow {
  const { domain, mailbox, due, held, notify, orcpt, route, rewrittenFrom } = recipient;
  return [
    domain,
    mailbox.localPart,
    mailbox.domain,
    due,
    held ? 1 : 0,
    notify === undefined ? null : JSON.stringify(notify),
    orcpt ?? null,
    route ?? null,
    rewrittenFrom ?? null,
  ];
}

/** Makes the row of an attempt. */
export function attemptRow(attempt: Attempt): AttemptRow {
  return {
    ended: attempt.ended,
    facts: JSON.stringify(attempt),
    outcomes: attempt.outcomes.map(({ index, state, due, reply, delayTold }) => [
      index,
      state,
      state === "queued" ? due ?? null : null,
      JSON.stringify(reply),
      delayTold === true ? 1 : 0,
    ]),
  };
}

/** Reads a message back. @throws {Damage} if the row cannot be one */
export function readMessage(row: Row): Omit<Entry, "recipients"> {
  const { mail, origin, headerChanges } = parseJson(row.facts) as Partial<Facts>;
  if (!isReversePath(mail?.reversePath) || typeof origin?.client !== "string") {
    throw new Damage("its envelope cannot be read");
  }
  return {
    id: text(row.id),
    mail: mail!,
    accepted: integer(row.accepted),
    expires: integer(row.expires),
    origin,
    ...headerChanges !== undefined && { headerChanges },
    size: integer(row.size),
  };
}

const STATES: ReadonlySet<unknown> = new Set<RecipientState>([
  "queued",
  "held",
  "delivered",
  "failed",
  "removed",
]);

/** Reads a recipient back. @throws {Damage} if the row cannot be one */
export function readRecipient(row: Row): Recipient {
  if (!STATES.has(row.state)) throw new Damage("a recipient's state cannot be read");
  const { notify, orcpt, route, rewritten_from: rewrittenFrom, last_reply: lastReply } = row;
  return {
    index: integer(row.number),
    mailbox: { localPart: text(row.local_part), domain: text(row.mail_domain) },
    domain: text(row.domain),
    state: row.state as RecipientState,
    due: integer(row.due),
    attempts: integer(row.attempts),
    delayTold: row.delay_told === 1,
    ...notify !== null && { notify: parseJson(notify) as Notify },
    ...orcpt !== null && { orcpt: text(orcpt) },
    ...route !== null && { route: text(route) },
    ...rewrittenFrom !== null && { rewrittenFrom: text(rewrittenFrom) },
    ...lastReply !== null && { lastReply: parseJson(lastReply) as Reply },
  };
}

/** Reads an attempt back. @throws {Damage} if the row cannot be one */
export function readAttempt(row: Row): Attempt {
  const attempt = parseJson(row.facts) as Partial<Attempt>;
  if (!Array.isArray(attempt.outcomes)) throw new Damage("an attempt cannot be read");
  return attempt as Attempt;
}

function parseJson(value: unknown): object {
  try {
    const parsed: unknown = JSON.parse(text(value));
    if (typeof parsed === "object" && parsed !== null || parsed === "never") {
      return parsed as object;
    }
  } catch {
    // Said below.
  }
  throw new Damage("a field cannot be read");
}

function isReversePath(value: Mailbox | null | undefined): boolean {
  return value === null ||
    (typeof value?.localPart === "string" && typeof value.domain === "string");
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new Damage("a field is not text");
  return value;
}

function integer(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new Damage("a field is not a number");
  return value as number;
}
