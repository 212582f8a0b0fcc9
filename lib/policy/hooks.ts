/**
 * The whole of what a policy can be asked: five hooks, each at one step of a session.
 *
 * A hook answers nothing (go on, by the built-in rules), a {@linkcode Verdict}, or throws an
 * `SmtpError`, whose reply the client gets. The hooks for a recipient and for a message can also change
 * what becomes of it. Anything else that a hook throws or answers is a bug: the client gets `451 4.3.0`
 * and the log the stack. While a hook waits, only its own session does.
 *
 * @module
 */
import type { HeaderField } from "../message/header.ts";
import type { HeaderChange } from "../message/header_changes.ts";
import type { Envelope, MailParameters, RcptParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
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

/**
 * What a `rcpt` hook decides for a recipient that it does not refuse. Everything may be left out. It is plain
 * data, which JSON can carry.
 *
 * @example A catch-all: whoever is unknown stands for one mailbox.
 * ```ts
 * import type { Hooks } from "@smtpd/smtpd";
 *
 * const known = new Set(["ann", "joe"]);
 * const hooks: Hooks = {
 *   rcpt(_session, { forwardPath: { localPart, domain } }) {
 *     if (known.has(localPart)) return;
 *     return { forwardPaths: [{ localPart: "catchall", domain }] };
 *   },
 * };
 * ```
 */
export interface RcptDecision {
  /** Whether the recipient passes although the relaying rules would refuse it. */
  readonly permit?: boolean;
  /**
   * The mailboxes that get the message in place of the one that was named, 1 to 100 of them, as if an alias
   * led to them: they need not pass the relaying rules. Several take a queue.
   */
  readonly forwardPaths?: readonly Mailbox[];
  /**
   * Where their mail goes next: `mx`, `smtp://host[:port]`, `smtps://...`, `lmtp://...`, `discard`, or, with
   * a queue, `hold`. Routes that run programs, write files or log in are for the configuration alone. In a
   * server of `listen` there is none, since the program decides where mail goes.
   */
  readonly route?: string;
}

/**
 * What a `data` hook decides for a message that it does not refuse. Everything may be left out. It is plain
 * data, which JSON can carry.
 *
 * Without a queue, and in a server of `listen`, the octets go on as they come: there the header section can
 * be changed only by a hook that answers without reading the content, and there is no route.
 *
 * @example A subject that is tagged.
 * ```ts
 * import type { Hooks } from "@smtpd/smtpd";
 *
 * const hooks: Hooks = {
 *   data(_session, { header }) {
 *     const subject = header.find(({ name }) => name.toLowerCase() === "subject")?.value ?? "";
 *     return {
 *       header: [
 *         { kind: "replace", name: "Subject", value: `[list] ${subject}` },
 *         { kind: "remove", name: "X-Internal" },
 *         { kind: "add", name: "X-Checked", value: "yes", at: "top" },
 *       ],
 *     };
 *   },
 * };
 * ```
 */
export interface DataDecision {
  /**
   * Changes of the header section, at most 100, made one after the other. The body is never changed, and
   * neither are the fields that tell the way of a message.
   */
  readonly header?: readonly HeaderChange[];
  /** Where the message goes next, for all of its recipients; as in {@linkcode RcptDecision}. */
  readonly route?: string;
}

/** A message whose header section has come, and whose body is coming. */
export interface IncomingMessage {
  /** The envelope as the client named it and it was accepted. */
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
  rcpt?(
    session: Session,
    rcpt: RcptParameters,
    mail: MailParameters,
  ): MaybePromise<Verdict | RcptDecision | void>;
  /** The header section is there. The message is accepted only once this hook has answered. */
  data?(session: Session, message: IncomingMessage): MaybePromise<Verdict | DataDecision | void>;
}
