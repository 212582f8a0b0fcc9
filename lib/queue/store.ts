/**
 * What a queue is kept in. Every implementation passes the one contract suite; nothing here supposes
 * that it is in this process, on this machine, or that its clock is ours.
 *
 * @module
 */
import type { DsnRcptParameters, Notify } from "../smtp/dsn_parameters.ts";
import type { MailParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import type { Reply } from "../smtp/reply.ts";

export type { Notify };

/** A recipient as it is committed. */
export interface NewRecipient extends DsnRcptParameters {
  /** Whom the message is for. */
  readonly mailbox: Mailbox;
  /** What recipients are grouped and leased by: the domain as `normalizeDomain` writes it. */
  readonly domain: string;
  /** The first attempt is due at this time, in milliseconds since the epoch. */
  readonly due: number;
  /** Whether it waits for somebody to release it. */
  readonly held: boolean;
  /** The route that was chosen for it, as a release takes it; that of the server unless there is one. */
  readonly route?: string;
  /** The mailbox that the client named, written out, where a hook has named this one in its place. */
  readonly rewrittenFrom?: string;
}

/** Who handed a message in, and how. */
export interface Origin {
  /** The client's address, or `local` for a message that was not handed in by SMTP. */
  readonly client: string;
  /** What the client called itself. */
  readonly heloName?: string;
  /** The protocol, as in the Received field. */
  readonly protocol: string;
  /** The session that it came in by. */
  readonly session?: string;
  /** The TLS that it came in by: version and cipher suite. */
  readonly tls?: string;
  /** The account that the client had authenticated as. */
  readonly account?: string;
}

/** A message as it is committed. */
export interface NewEntry {
  /** A name that no other entry has: 16 letters and digits, ascending in time. */
  readonly id: string;
  /** What MAIL said. */
  readonly mail: MailParameters;
  /** When it was accepted, in milliseconds since the epoch. */
  readonly accepted: number;
  /** When it is given up. */
  readonly expires: number;
  /** Where it came from. */
  readonly origin: Origin;
  /** What a hook has changed in its header section, for people. */
  readonly headerChanges?: readonly string[];
  /** At least one. */
  readonly recipients: readonly NewRecipient[];
}

/** Recipients that are added to a message. */
export interface AddedRecipients {
  /** At least one. */
  readonly recipients: readonly NewRecipient[];
  /** How long the message is tried at least. */
  readonly expires: number;
}

/** A message's octets on their way into the store. Nothing of it lasts unless it is committed. */
export interface StagedBody {
  /** Octets that were written so far. */
  readonly size: number;
  /** Takes the next slice, which may be overwritten once this has settled. */
  write(bytes: Uint8Array): Promise<void> | void;
  /**
   * Reads back what was written, from an octet on, while nothing is written. A slice is valid until the next
   * is asked for.
   */
  read(start: number): AsyncIterable<Uint8Array>;
  /** Forgets it. Does no harm behind a commit, or twice. */
  abort(): void;
}

/** What becomes of a recipient. */
export type RecipientState = "queued" | "held" | "delivered" | "failed" | "removed";

/** A recipient as it stands. */
export interface Recipient extends Omit<NewRecipient, "held"> {
  /** Its number within the message, from 0. */
  readonly index: number;
  readonly state: RecipientState;
  /** How many attempts were made. */
  readonly attempts: number;
  /** What the last attempt came to. */
  readonly lastReply?: Reply;
  /** Whether the sender was told of the delay. */
  readonly delayTold: boolean;
}

/** A message as it stands. */
export interface Entry extends Omit<NewEntry, "recipients"> {
  /** The octets of the message. */
  readonly size: number;
  readonly recipients: readonly Recipient[];
}

/** Recipients of one message that one worker may attempt, or end, until the lease is over. */
export interface Lease {
  /** The message; of its recipients only those that are leased. */
  readonly entry: Entry;
  /** The one who holds it. */
  readonly owner: string;
  /** When it ends by itself, in milliseconds since the epoch. */
  readonly until: number;
  /** What this lease is told by from every other, of the same owner as well; kept when it is renewed. */
  readonly token: string;
}

/** Whom to lease. */
export interface LeaseOptions {
  /** The domain whose due recipients are looked for. */
  readonly domain: string;
  /**
   * Other domains, whose due recipients of the messages that are found are leased along: those that
   * have the same next hop, so that it gets a message once.
   */
  readonly along?: readonly string[];
  readonly owner: string;
  readonly now: number;
  readonly until: number;
  /** How many messages, at most. */
  readonly limit: number;
}

/** What one attempt came to for one recipient. */
export interface Outcome {
  /** The recipient's number. */
  readonly index: number;
  /** Where it stands now. `queued` asks for another attempt at `due`. */
  readonly state: "queued" | "delivered" | "failed";
  /** When the next attempt is due; only for `queued`. */
  readonly due?: number;
  /** The reply, of the next hop or our own. */
  readonly reply: Reply;
  /** Who said that; left out where the words are ours. */
  readonly remote?: { readonly host: string; readonly address: string };
  /**
   * How it arrived, for `delivered`: at its mailbox, or at a server that sends no notices. Left out
   * where the next hop has taken over the request for them (RFC 3461 section 5.2.1).
   */
  readonly success?: "delivered" | "relayed";
  /** Set when this attempt's notices tell the sender of the delay. */
  readonly delayTold?: boolean;
}

/** How a session with a next hop was encrypted. */
export interface AttemptTls {
  readonly version: "TLSv1.2" | "TLSv1.3";
  /** The cipher suite, as IANA names it. */
  readonly cipher: string;
  /** Whether the certificate was verified for the name of the host. */
  readonly isVerified: boolean;
  /** Why it was not; printable. */
  readonly problem?: string;
}

/** One attempt, for the ledger. */
export interface Attempt {
  /** When it began and ended. */
  readonly begun: number;
  readonly ended: number;
  /** Where it went, as far as it got. */
  readonly host?: string;
  readonly address?: string;
  /** How it was encrypted on the way there, where it was. */
  readonly tls?: AttemptTls;
  /** What it came to for each recipient that it was for. */
  readonly outcomes: readonly Outcome[];
}

/** A message to be committed in the same transaction as an attempt: a notice of what it came to. */
export interface Notice {
  readonly entry: NewEntry;
  readonly body: StagedBody;
}

/** Which recipients an operator means. All that is given must fit. */
export interface Filter {
  readonly ids?: readonly string[];
  /** Part of the recipient's address, `local-part@domain` unquoted; ASCII letters without case. */
  readonly to?: string;
  /** Part of the reverse-path, in the same way. */
  readonly from?: string;
  readonly domain?: string;
  readonly state?: RecipientState;
  /** Accepted before this time. */
  readonly before?: number;
}

/** A page of a list, oldest first. */
export interface Page {
  readonly entries: readonly Entry[];
  /** Where the next page begins, which may be an empty one; nothing at the end. */
  readonly next?: string;
}

/**
 * Why a store takes no message: there is no room for its octets, as where the disk is below its watermark, or
 * there are as many messages as there may be.
 */
export type Shortage = "octets" | "messages";

/** How much there is. */
export interface Stats {
  /** Recipients by state. */
  readonly recipients: Readonly<Record<RecipientState, number>>;
  /** Messages that are not finished, and their octets. */
  readonly messages: number;
  readonly octets: number;
  /** When the oldest of them was accepted. */
  readonly oldest?: number;
}

/**
 * A queue store. What has settled is on stable storage, but for leases: one that is lost when the machine
 * stops is over, and so is whoever held it. A method rejects with `StoreFullError` where
 * there is no room, and with the store's own error otherwise; then nothing has changed, unless that is a
 * `StoreError` of the kind `uncertain`.
 */
export interface Store extends AsyncDisposable {
  /** Whether a message of so many octets would be taken now, as far as is known without asking. */
  hasRoom(octets?: number): boolean;
  /**
   * Asks everything that the store works with to answer, which changes nothing, and tells why no message is
   * taken now; nothing where one is.
   */
  probe(): Promise<Shortage | undefined>;
  /** Begins to take a message's octets. */
  stage(): StagedBody;
  /** Makes a message one of the queue's. Once this has settled it is delivered, bounced or still there. */
  commit(entry: NewEntry, body: StagedBody): Promise<void>;
  /** The domains with queued recipients that are due at `now` and not leased, from `after` on in order. */
  dueDomains(options: { now: number; after?: string; limit: number }): Promise<string[]>;
  /**
   * When `dueDomains` will next have something: when a queued recipient is due, or a lease of one that
   * nobody ends in time is over. `undefined` if there is none.
   */
  nextDue(): Promise<number | undefined>;
  /**
   * Leases due recipients of a domain, at most `limit` messages: of each sender those first that are due
   * longest, and of all senders alike, as far as a store tells them apart.
   */
  lease(options: LeaseOptions): Promise<Lease[]>;
  /**
   * Leases what an operator means: recipients that are queued or held, due or not, and that nobody has
   * leased at `now`, of at most `limit` messages, oldest first. Such a lease may be for several domains.
   * A held recipient stays held, unless it is recorded as delivered or failed.
   */
  claim(
    filter: Filter,
    options: { owner: string; now: number; until: number; limit: number },
  ): Promise<Lease[]>;
  /** Puts the end of a lease off; false if it is not the owner's any more. */
  renew(lease: Lease, until: number): Promise<boolean>;
  /**
   * Records an attempt, ends the lease, and commits notices, in one transaction. False, and nothing
   * changed, if the lease is not the owner's any more.
   */
  record(lease: Lease, attempt: Attempt, notices: readonly Notice[]): Promise<boolean>;
  /** Gives a lease back unused. */
  giveBack(lease: Lease): Promise<void>;
  /** Ends all leases of an owner, at its start: it cannot hold any then. */
  endLeases(owner: string): Promise<number>;
  /** Stops queued recipients; answers how many. A leased one is stopped once its attempt is recorded as queued. */
  hold(filter: Filter): Promise<number>;
  /** Makes held recipients due at `now`, by a route if one is given; answers how many. */
  release(filter: Filter, now: number, route?: string): Promise<number>;
  /** Makes queued recipients due at `now`; answers how many. */
  retry(filter: Filter, now: number): Promise<number>;
  /**
   * Ends recipients at `now` without a word to the sender; answers how many. A leased one whose attempt
   * is recorded as delivered or failed stands as that.
   */
  remove(filter: Filter, now: number): Promise<number>;
  /**
   * Adds recipients to a message that is there, finished or not, which is tried until `expires` at least;
   * false if it is not there.
   */
  add(
    id: string,
    added: AddedRecipients,
  ): Promise<boolean>;
  /** Lists messages, oldest first, with the recipients that fit. */
  list(filter: Filter, options: { after?: string; limit: number }): Promise<Page>;
  /** The ids that begin so, in order, at most `limit`. */
  find(prefix: string, limit: number): Promise<string[]>;
  /** One message with all its recipients, by its whole id. */
  show(id: string): Promise<Entry | undefined>;
  /** Its attempts in order. */
  attempts(id: string): Promise<Attempt[]>;
  /** Its octets, from the first on. A slice is valid until the next is asked for. */
  read(id: string): AsyncIterable<Uint8Array>;
  /** Deletes what was finished before `before`, at most `limit` messages; answers how many. */
  sweep(options: { before: number; limit: number }): Promise<number>;
  /** How many recipients of a domain wait, queued or held; it stops to count at `limit`. */
  waiting(domain: string, limit: number): Promise<number>;
  /** Counts. */
  stats(): Promise<Stats>;
}

/** There is no room for more: the disk is below its watermark, or the queue at its limit. */
export class StoreFullError extends Error {
  override readonly name = "StoreFullError";
}
