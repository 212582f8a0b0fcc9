/**
 * The client side of an SMTP or LMTP session, without I/O: replies in, octets out. It is the mirror
 * image of the receiver.
 *
 * @module
 */
import { isUtf8Transaction, writeMail, writeRcpt } from "./command_writer.ts";
import { NO_FACTS } from "./ehlo_facts.ts";
import type { MailParameters, RcptParameters } from "./envelope.ts";
import { SenderAnswers } from "./sender_answers.ts";
import { CANCEL, SenderAuthentication, writeResponse } from "./sender_authentication.ts";
import type { SenderEvent } from "./sender_events.ts";
import { type SenderOptions, SenderSession } from "./sender_session.ts";
import type { SenderState } from "./sender_transitions.ts";

export type { SenderOptions };

/**
 * The sender. It greets by itself; then each call queues a command, and each call is answered by one
 * event, in order, unless the session ends before. With PIPELINING the commands up to DATA go out
 * together, without it each waits for the reply to the one before (RFC 2920).
 *
 * After each {@linkcode Sender.receive}, and after each call that asks for something, call
 * {@linkcode Sender.nextEvent} until it answers `undefined`, and write what
 * {@linkcode Sender.takeOutput} gives.
 */
export class Sender {
  readonly #session: SenderSession;
  readonly #answers: SenderAnswers;
  #utf8 = false;

  /**
   * Makes a sender for a connection that was just opened.
   *
   * @throws {SyntaxError} if the name is neither a domain nor an address literal
   */
  constructor(options: SenderOptions) {
    this.#session = new SenderSession(options);
    this.#answers = new SenderAnswers(this.#session);
  }

  /** Where the session stands. */
  get state(): SenderState {
    return this.#session.state;
  }

  /**
   * Takes octets that came from the server. They must not be changed before {@linkcode nextEvent} has
   * answered `undefined`. What comes after the end of the session is dropped.
   */
  receive(bytes: Uint8Array): void {
    if (this.state !== "closed") this.#session.wire.receive(bytes);
  }

  /** Answers the next event, or `undefined` when more octets are needed for one. */
  nextEvent(): SenderEvent | undefined {
    return this.#answers.next();
  }

  /** Gives the octets to write, in order, and forgets them. */
  takeOutput(): Uint8Array[] {
    return this.#session.wire.takeOutput();
  }

  /**
   * Asks for TLS (RFC 3207). After a positive reply the state is "securing": nothing is sent or read
   * before {@linkcode secured}, and octets that come in plaintext all the same end the session.
   *
   * @throws {Error} if the server has not said what it offers yet, or a transaction is under way
   */
  starttls(): void {
    this.#session.ask("STARTTLS", "STARTTLS\r\n", this.#session.after("STARTTLS"));
  }

  /**
   * The handshake is done, and the octets that come from now on came through TLS. What the server said of
   * itself before is forgotten, and it is asked again (RFC 3207 section 4.2).
   *
   * @throws {Error} if STARTTLS was not answered positively, or octets came in plaintext behind that
   */
  secured(): void {
    const next = this.#session.after("secured");
    if (this.#session.wire.hasInput) {
      throw new Error("Cannot go on: octets came in plaintext behind STARTTLS");
    }
    this.#session.enter(next);
    this.#session.wire.reset();
    this.#session.facts = NO_FACTS;
    this.#session.hello();
    this.#session.flush();
  }

  /**
   * Begins to authenticate (RFC 4954). Every challenge is answered by {@linkcode response} or
   * {@linkcode cancelAuth}. An initial response that does not fit into the command line is sent behind
   * an empty challenge.
   *
   * @throws {SyntaxError} if the mechanism has no name of a mechanism
   * @throws {RangeError} if the initial response is longer than a line may be
   * @throws {Error} if the server has not said what it offers yet, or a transaction is under way
   */
  auth(mechanism: string, initialResponse?: Uint8Array): void {
    const next = this.#session.after("AUTH");
    this.#session.authentication = new SenderAuthentication(mechanism, initialResponse);
    this.#session.ask("AUTH", this.#session.authentication.line, next);
  }

  /**
   * Answers a challenge.
   *
   * @throws {RangeError} if the response is longer than a line may be
   * @throws {Error} if there is no challenge
   */
  response(octets: Uint8Array): void {
    const next = this.#session.after("response");
    this.#session.wire.say(writeResponse(octets));
    this.#session.enter(next);
  }

  /**
   * Answers a challenge by giving the exchange up. The server's reply to that is the one to AUTH.
   *
   * @throws {Error} if there is no challenge
   */
  cancelAuth(): void {
    this.#session.enter(this.#session.after("cancel"));
    this.#session.wire.say(CANCEL);
  }

  /**
   * Begins a mail transaction. SIZE, BODY, SMTPUTF8, RET and ENVID are said only to a server that
   * offers them.
   *
   * @throws {SyntaxError} if the reverse-path cannot be written, for one because it needs SMTPUTF8, or
   *   ENVID is no xtext
   * @throws {Error} if no transaction can begin now
   */
  mail(parameters: MailParameters): void {
    const next = this.#session.after("MAIL");
    const line = writeMail(parameters, this.#session.facts);
    this.#utf8 = isUtf8Transaction(parameters, this.#session.facts);
    this.#session.ask("MAIL", line, next);
  }

  /**
   * Names a recipient. NOTIFY and ORCPT are said only to a server that offers DSN. After a refused MAIL
   * the answer is the reply to MAIL, whatever the server says to RCPT: its 503 would make a lasting
   * refusal of a passing one.
   *
   * @throws {SyntaxError} if the forward-path cannot be written, for one because it needs SMTPUTF8, or
   *   NOTIFY or ORCPT cannot
   * @throws {Error} if there is no transaction, or it is past this point
   */
  rcpt(rcpt: RcptParameters): void {
    const next = this.#session.after("RCPT");
    this.#session.ask("RCPT", writeRcpt(rcpt, this.#session.facts, this.#utf8), next, [
      rcpt.forwardPath,
    ]);
  }

  /**
   * Asks to send the mail data. When no recipient was accepted the answer is a refusal, in any case;
   * DATA is not even sent unless it was pipelined. To a server that takes chunks nothing is sent: the
   * go-ahead is the first positive reply to a recipient.
   *
   * @throws {Error} if no recipient was named
   */
  data(): void {
    this.#session.ask("DATA", "DATA\r\n", this.#session.after("DATA"));
  }

  /**
   * Sends mail data, which is not copied: it must not be changed before it is written.
   *
   * @throws {RangeError} if it has a bare CR or LF. The message can neither be sent nor be taken back
   * then: the connection must be closed.
   * @throws {Error} if there was no go-ahead
   */
  content(bytes: Uint8Array): void {
    const next = this.#session.after("content");
    const encoded = this.#session.encoder.encode(bytes);
    this.#session.enter(next);
    if (this.#session.transaction.chunkRefusal !== undefined || encoded.length === 0) return;
    this.#session.wire.push(...encoded);
    if (this.#session.isInChunks) {
      this.#session.queue.add("BDAT", "");
      this.#session.queue.send();
    }
  }

  /**
   * Ends the mail data.
   *
   * @throws {RangeError} if it ends in a bare CR; see {@linkcode content}
   * @throws {Error} if there was no go-ahead
   */
  endOfData(): void {
    const next = this.#session.after("end of data");
    const end = this.#session.encoder.end();
    this.#session.enter(next);
    // RFC 3030 section 2: behind a refused chunk only RSET helps, so its result is that of the message.
    const { accepted, chunkRefusal } = this.#session.transaction;
    if (chunkRefusal === undefined) this.#session.wire.push(end);
    // RFC 2033 section 4.2: one reply for each RCPT that was accepted, in their order.
    const results = this.#session.lmtp ? accepted.map((mailbox) => [mailbox]) : [accepted];
    for (const mailboxes of results) {
      this.#session.queue.add("mail data", "", mailboxes);
      if (chunkRefusal === undefined) this.#session.queue.send();
    }
  }

  /**
   * Drops the mail transaction, so that another can begin.
   *
   * @throws {Error} if DATA was sent and is not answered yet, or the session is over
   */
  rset(): void {
    this.#session.ask("RSET", "RSET\r\n", this.#session.after("RSET"));
  }

  /**
   * Ends the session.
   *
   * @throws {Error} if DATA was sent and is not answered yet, or the session is over
   */
  quit(): void {
    this.#session.ask("QUIT", "QUIT\r\n", this.#session.after("QUIT"));
  }
}
