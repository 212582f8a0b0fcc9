/** The queue as somebody looks at it: messages to read, search, wait for, and act on. @module */
import type { Attempt, Entry } from "../queue/store.ts";
import type { Content, ContentPart } from "./content.ts";
import type { IndexCounts, Search, Summary, SummaryPage } from "./message_index.ts";

/** A message with all that it says. */
export interface InboxMessage {
  readonly summary: Summary;
  readonly entry: Entry;
  readonly content: Content;
}

/** What has happened. */
export type InboxEvent =
  /** A message came, and can be found. */
  | { readonly type: "arrived"; readonly summary: Summary }
  /** Messages stand otherwise than before, or were looked at. */
  | { readonly type: "changed"; readonly ids: readonly string[] }
  /** Messages are gone. */
  | { readonly type: "gone"; readonly ids: readonly string[] };

/** How far what is found has come behind the queue. */
export interface IndexCondition {
  /** How many messages are found, all but those that are removed. */
  readonly messages: number;
  /** How many have come, or stand otherwise, and are not found so yet. */
  readonly waiting: number;
  /** Whether it is still being compared with the whole queue. */
  readonly isComparing: boolean;
}

/** What can be done to messages. */
export type InboxAction = "hold" | "release" | "retry" | "bounce" | "remove" | "seen" | "unseen";

/** Whereto a message is released, other than to those for whom it is held. */
export interface ReleaseOptions {
  /** Other recipients, as `local-part@domain`; those that it is held for stay as they are then. */
  readonly to?: readonly string[];
  /** A route as `--route` takes it; that of the server if left out. */
  readonly route?: string;
}

/** What came of waiting. */
export type Awaited =
  | { readonly kind: "found"; readonly message: InboxMessage }
  /** Time is up. What arrived meanwhile, newest first, at most 20. */
  | { readonly kind: "nothing"; readonly arrived: readonly Summary[] };

/** The inbox. Ids are whole; a method that is given one which is not there answers nothing. */
export interface Inbox extends AsyncDisposable {
  /** Finds messages, newest first. */
  search(search: Search, options: { cursor?: string; limit: number }): Promise<SummaryPage>;
  counts(): Promise<IndexCounts>;
  /** How far the index is, as it stands: nothing is hurried up. */
  condition(): Promise<IndexCondition>;
  /** One message, read. */
  show(id: string): Promise<InboxMessage | undefined>;
  /** What is known of its way, without reading it. */
  ledger(id: string): Promise<
    { readonly entry: Entry; readonly attempts: readonly Attempt[] } | undefined
  >;
  /** Its octets as accepted. */
  raw(
    id: string,
  ): Promise<{ readonly size: number; readonly octets: ReadableStream<Uint8Array> } | undefined>;
  /** Its header section as text, with the lines ended by LF; at most 1 MiB. */
  header(id: string): Promise<string | undefined>;
  /** One of its parts. */
  part(id: string, index: number): Promise<
    { readonly part: ContentPart; readonly octets: Uint8Array } | undefined
  >;
  /**
   * The first message that fits: the newest of those that are there already and came at `since` or later,
   * or the next that comes. Without `since`, only messages that come from now on.
   *
   * @throws the reason of `signal`, once it is aborted
   */
  wait(
    search: Search,
    options: { readonly timeout: number; readonly signal?: AbortSignal },
  ): Promise<Awaited>;
  /** Does something to all messages that are found; answers how many messages it was for. */
  act(action: InboxAction, search: Search): Promise<number>;
  /**
   * Releases one message; false if it is not there, or nothing of it is held and no other recipients are
   * named.
   *
   * @throws {SyntaxError} if a recipient or the route cannot be read
   */
  release(id: string, options?: ReleaseOptions): Promise<boolean>;
  /** Tells what happens from now on, until the answer is disposed of. */
  watch(listener: (event: InboxEvent) => void): Disposable;
}
