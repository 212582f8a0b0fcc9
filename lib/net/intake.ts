/** What a server hands accepted commands to: the seam between a session and where its mail goes. @module */
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import type { Reply } from "../smtp/reply.ts";
import type { MaybePromise, RcptDecision } from "../policy/hooks.ts";
import type { Session } from "../policy/session.ts";

/** What is known of a message once it is whole. */
export interface ContentFacts {
  /** Whether its header section has `TLS-Required: No` (RFC 8689 section 3). */
  readonly tlsRequiredNo: boolean;
  /** The route that policy has chosen for all of its recipients, as {@linkcode RcptDecision} has it. */
  readonly route?: string;
  /** What policy has changed in its header section, for people. */
  readonly headerChanges?: readonly string[];
  /** The header section that it gets, where policy has decided that when the old one was written. */
  readonly newHead?: NewHead;
}

/** Another beginning for a message. */
export interface NewHead {
  readonly octets: Uint8Array;
  /** How many of the octets that were written, from the first on, it takes the place of. */
  readonly replaces: number;
}

/**
 * One mail transaction on its way: begun by MAIL, ended by `end` or `abort`, whichever comes first.
 * Each method is called only after the one before has settled. A throw is a bug and becomes
 * `451 4.3.0`, unless it is an `SmtpError`.
 */
export interface IntakeTransaction {
  /**
   * Whether `end` can give all recipients another route and the message another head. Left out where the
   * octets go on as they come.
   */
  readonly takesLateChanges?: boolean;
  /**
   * A recipient that policy allows, and what policy has decided for it. A positive reply makes it one of the
   * transaction's. A throw for a decision that cannot be carried out is a bug of the policy.
   */
  rcpt(rcpt: RcptParameters, decision?: RcptDecision): MaybePromise<Reply>;
  /**
   * Mail data is about to come. A negative reply refuses it; nothing (or a positive one) lets it
   * come. `trace` is the Received field to stand above the first octet, with its CRLF.
   */
  data(trace: string): MaybePromise<Reply | void>;
  /**
   * Takes a slice of unstuffed mail data, in order. The slice may be overwritten once this has
   * settled. A throw refuses the message after the rest has been read and dropped.
   */
  write(bytes: Uint8Array): MaybePromise<void>;
  /**
   * The mail data is whole. The reply for the message, or in LMTP one a recipient in the order they
   * were accepted. A positive one is a promise that the message is safe. A throw ends it as `abort` does.
   */
  end(facts?: ContentFacts): MaybePromise<Reply | readonly Reply[]>;
  /** The transaction is over without a message: RSET, a lost connection, refused data. */
  abort(): void;
}

/** Takes mail transactions, one at a time for each session. */
export interface Intake {
  /**
   * MAIL has come and policy allows it. A reply instead of a transaction refuses it. `id` is the name
   * of the message, which stands in its Received field and in the log.
   */
  mail(session: Session, mail: MailParameters, id: string): MaybePromise<IntakeTransaction | Reply>;
}
