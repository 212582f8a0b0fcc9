/**
 * The whole of what a policy can be asked: five hooks, each at one step of a session.
 *
 * A hook answers nothing (go on, by the built-in rules), a {@linkcode Verdict}, or throws an
 * `SmtpError`, whose reply the client gets. Anything else that it throws is a bug: the client gets
 * `451 4.3.0` and the log the stack. While a hook waits, only its own session does.
 *
 * @module
 */
import type { HeaderField } from "../message/header.ts";
import type { Envelope, MailParameters, RcptParameters } from "../smtp/envelope.ts";
import type { Reply } from "../smtp/reply.ts";
import type { Session } from "./session.ts";

/** A value that is there, or will be. Answering at once saves the session a turn of the event loop. */
export type MaybePromise<T> = T | Promise<T>;

/**
 * What a hook decides. A `Reply` of 4yz or 5yz refuses with it. `"permit"` from `rcpt` lets this
 * recipient pass although the relaying rules would refuse it; from any other hook it is the same as
 * nothing. A positive reply is no verdict: it is taken as a bug.
 */
export type Verdict = Reply | "permit";

/** A message whose header section has come, and whose body is coming. */
export interface IncomingMessage {
  /** The envelope as accepted. */
  readonly envelope: Envelope;
  /** The header fields, in order, as they stand in the message. */
  readonly header: readonly HeaderField[];
  /**
   * The octets of the whole message, header section first, as they come. A hook that does not read it
   * costs nothing; one that does sets the pace for the client. It ends at the end of mail data, and
   * fails when the client goes away before.
   */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Hooks at the steps of a session. All of them are optional. */
export interface Hooks {
  /** A client has connected; nothing was said yet. A refusal is its greeting (RFC 5321 section 3.1). */
  connect?(session: Session): MaybePromise<Verdict | void>;
  /** The client has named itself; `session.heloName` says how. */
  helo?(session: Session): MaybePromise<Verdict | void>;
  /** A mail transaction begins. */
  mail?(session: Session, mail: MailParameters): MaybePromise<Verdict | void>;
  /** A recipient is named. Runs before the relaying rules. */
  rcpt?(session: Session, rcpt: RcptParameters, mail: MailParameters): MaybePromise<Verdict | void>;
  /** The header section is there. The message is accepted only once this hook has answered. */
  data?(session: Session, message: IncomingMessage): MaybePromise<Verdict | void>;
}
