/** What is found of messages without reading them again: the index that lists and searches. @module */
import { StoreError } from "../queue/store_error.ts";

/** How a message stands: `held` or `queued` where one of its recipients does, else what became of them. */
export type MessageState = "held" | "queued" | "failed" | "delivered" | "removed";

/** A message in a list. */
export interface Summary {
  /** Its name, 16 letters and digits. */
  readonly id: string;
  /** How it stands. */
  readonly state: MessageState;
  /** The reverse-path, without angle brackets; empty for the null reverse-path. */
  readonly from: string;
  /** The recipients of the envelope, at most 100 of them. */
  readonly to: readonly string[];
  /** How many there are. */
  readonly recipients: number;
  /** The subject, decoded. */
  readonly subject: string;
  /** The octets as accepted. */
  readonly size: number;
  /** When it was accepted, in milliseconds since the epoch. */
  readonly received: number;
  /** How many attachments it has. */
  readonly attachments: number;
  /** The first words of its text. */
  readonly preview: string;
  /** Whether somebody has looked at it. */
  readonly seen: boolean;
}

/** A message as it comes into the index. */
export interface IndexedMessage extends Omit<Summary, "seen"> {
  /** The beginning of its text, for search. */
  readonly text: string;
}

/** What messages are looked for. All that is given must fit. */
export interface Search {
  /** Whole ids, at most 1,000. */
  readonly ids?: readonly string[];
  /** The reverse-path, whole; without regard to case. */
  readonly from?: string;
  /** A recipient of the envelope, whole; without regard to case. */
  readonly to?: string;
  /** A part of the subject, without regard to case. */
  readonly subject?: string;
  /** A part of the subject, the text or an address, without regard to case. */
  readonly text?: string;
  /** How they stand. */
  readonly state?: MessageState;
  /** Accepted at this time or later, in milliseconds since the epoch. */
  readonly since?: number;
  /** Accepted before this time. */
  readonly before?: number;
  /** At least so many octets. */
  readonly minSize?: number;
  /** At most so many octets. */
  readonly maxSize?: number;
  /** Whether they have attachments. */
  readonly hasAttachment?: boolean;
  /** Whether somebody has looked at them. */
  readonly seen?: boolean;
}

/** A page of what was found, newest first; of one millisecond, what came into the index last. */
export interface SummaryPage {
  readonly messages: readonly Summary[];
  /** The cursor of the next page, which may be an empty one; nothing at the end. */
  readonly next?: string;
}

/**
 * The index. It is made of the queue and can be made anew of it at any time, but for `seen`. Messages that
 * are `removed` are found only where that state is asked for.
 */
export interface MessageIndex extends AsyncDisposable {
  /** Adds messages, or replaces what is known of them but `seen`. */
  put(messages: readonly IndexedMessage[]): Promise<void>;
  /** Tells how messages stand now. Those that it does not know are passed over. */
  setStates(states: ReadonlyMap<string, MessageState>): Promise<void>;
  /** Marks messages as looked at, or not; answers how many were not so before. */
  setSeen(ids: readonly string[], seen: boolean): Promise<number>;
  /** Forgets messages. */
  remove(ids: readonly string[]): Promise<void>;
  /** Which of these it knows. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Finds messages, newest first. A cursor that is none is a `SyntaxError`. */
  search(search: Search, options: { cursor?: string; limit: number }): Promise<SummaryPage>;
  /** How many messages there are, how many of them nobody has looked at, and how many in each state. */
  counts(): Promise<IndexCounts>;
}

/** How many messages an index has. */
export interface IndexCounts {
  /** All but those that are removed. */
  readonly total: number;
  readonly unseen: number;
  readonly states: Readonly<Record<MessageState, number>>;
}

/** Says that an index was closed before it was asked. */
export function indexClosed(): StoreError {
  return new StoreError("closed", "Cannot use the index: it was closed");
}
