/**
 * The client side of an SMTP or LMTP session, without I/O: replies in, octets out. It is the mirror
 * image of the receiver.
 *
 * @module
 */
import { type Asked, CommandQueue } from "./command_queue.ts";
import { isUtf8Transaction, writeHello, writeMail, writeRcpt } from "./command_writer.ts";
import { type EhloFacts, NO_FACTS, parseEhlo } from "./ehlo_facts.ts";
import type { MailParameters, RcptParameters } from "./envelope.ts";
import { MailDataEncoder } from "./mail_data_encoder.ts";
import type { Mailbox } from "./mailbox.ts";
import { isPermanent, isPositive, type Reply } from "./reply.ts";
import { ReplyParser } from "./reply_parser.ts";
import type { SenderEvent } from "./sender_events.ts";
import {
  SENDER_TRANSITIONS,
  type SenderAction,
  type SenderState,
  type SenderTurn,
} from "./sender_transitions.ts";

/** How a sender speaks. */
export interface SenderOptions {
  /** What the client calls itself: its domain, or an address literal in brackets. */
  readonly heloName: string;
  /** Whether the server speaks LMTP (RFC 2033): LHLO, and a result for each recipient. */
  readonly lmtp?: boolean;
}

const EMPTY: Uint8Array = new Uint8Array(0);
const utf8 = new TextEncoder();

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
  readonly #heloName: string;
  readonly #lmtp: boolean;
  readonly #parser = new ReplyParser();
  #state: SenderState = "greeting";
  #facts: EhloFacts = NO_FACTS;
  #input: Uint8Array = EMPTY;
  #position = 0;
  #output: Uint8Array[] = [];
  #text = "";

  readonly #queue = new CommandQueue();

  /** Of the transaction whose MAIL was answered last. */
  #accepted: Mailbox[] = [];
  #refusal: Reply | undefined;
  #mailRefused = false;

  #utf8 = false;
  #dotSent = false;
  /** Why the server takes no more chunks of this message. */
  #chunkRefusal: Reply | undefined;
  #encoder = new MailDataEncoder();

  /**
   * Makes a sender for a connection that was just opened.
   *
   * @throws {SyntaxError} if the name is neither a domain nor an address literal
   */
  constructor(options: SenderOptions) {
    this.#heloName = options.heloName;
    this.#lmtp = options.lmtp ?? false;
    writeHello("EHLO", this.#heloName);
    this.#queue.add("greeting", "");
    this.#queue.send();
  }

  /** Where the session stands. */
  get state(): SenderState {
    return this.#state;
  }

  /**
   * Takes octets that came from the server. They must not be changed before {@linkcode nextEvent} has
   * answered `undefined`. What comes after the end of the session is dropped.
   */
  receive(bytes: Uint8Array): void {
    if (this.#state === "closed") return;
    if (this.#position < this.#input.length) {
      const rest = this.#input.subarray(this.#position);
      this.#input = new Uint8Array(rest.length + bytes.length);
      this.#input.set(rest);
      this.#input.set(bytes, rest.length);
    } else {
      this.#input = bytes;
    }
    this.#position = 0;
  }

  /** Answers the next event, or `undefined` when more octets are needed for one. */
  nextEvent(): SenderEvent | undefined {
    while (this.#state !== "closed") {
      const withheld = this.#answerWithheld();
      if (withheld !== undefined) {
        this.#flush();
        return withheld;
      }
      const outcome = this.#parser.next(this.#input, this.#position);
      this.#position = this.#parser.position;
      if (outcome.kind === "more") {
        this.#input = EMPTY;
        this.#position = 0;
        return undefined;
      }
      const told = outcome.kind === "fault"
        ? this.#fault(outcome.text)
        : this.#takeReply(outcome.reply);
      this.#flush();
      if (told !== undefined) return told;
    }
    return undefined;
  }

  /** Gives the octets to write, in order, and forgets them. */
  takeOutput(): Uint8Array[] {
    this.#sealText();
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
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
    const next = this.#after("MAIL");
    const line = writeMail(parameters, this.#facts);
    this.#utf8 = isUtf8Transaction(parameters, this.#facts);
    this.#ask("MAIL", line, next);
  }

  /**
   * Names a recipient. NOTIFY and ORCPT are said only to a server that offers DSN. After a refused MAIL the answer is the reply to MAIL, whatever the server says
   * to RCPT: its 503 would make a lasting refusal of a passing one.
   *
   * @throws {SyntaxError} if the forward-path cannot be written, for one because it needs SMTPUTF8, or
   *   NOTIFY or ORCPT cannot
   * @throws {Error} if there is no transaction, or it is past this point
   */
  rcpt(rcpt: RcptParameters): void {
    const next = this.#after("RCPT");
    this.#ask("RCPT", writeRcpt(rcpt, this.#facts, this.#utf8), next, [rcpt.forwardPath]);
  }

  /**
   * Asks to send the mail data. When no recipient was accepted the answer is a refusal, in any case;
   * DATA is not even sent unless it was pipelined. To a server that takes chunks nothing is sent: the
   * go-ahead is the first positive reply to a recipient.
   *
   * @throws {Error} if no recipient was named
   */
  data(): void {
    this.#ask("DATA", "DATA\r\n", this.#after("DATA"));
  }

  /**
   * Sends mail data, which is not copied: it must not be changed before it is written.
   *
   * @throws {RangeError} if it has a bare CR or LF. The message can neither be sent nor be taken back
   * then: the connection must be closed.
   * @throws {Error} if there was no go-ahead
   */
  content(bytes: Uint8Array): void {
    const next = this.#after("content");
    const encoded = this.#encoder.encode(bytes);
    this.#state = next;
    if (this.#chunkRefusal !== undefined || encoded.length === 0) return;
    this.#sealText();
    for (const slice of encoded) this.#output.push(slice);
    if (this.#inChunks) {
      this.#queue.add("BDAT", "");
      this.#queue.send();
    }
  }

  /**
   * Ends the mail data.
   *
   * @throws {RangeError} if it ends in a bare CR; see {@linkcode content}
   * @throws {Error} if there was no go-ahead
   */
  endOfData(): void {
    const next = this.#after("end of data");
    const end = this.#encoder.end();
    this.#state = next;
    // RFC 3030 section 2: behind a refused chunk only RSET helps, so its result is that of the message.
    if (this.#chunkRefusal === undefined) {
      this.#sealText();
      this.#output.push(end);
    }
    // RFC 2033 section 4.2: one reply for each RCPT that was accepted, in their order.
    const results = this.#lmtp ? this.#accepted.map((mailbox) => [mailbox]) : [this.#accepted];
    for (const mailboxes of results) {
      this.#queue.add("mail data", "", mailboxes);
      if (this.#chunkRefusal === undefined) this.#queue.send();
    }
  }

  /**
   * Whether mail data goes in chunks. LMTP's replies to them differ from server to server, and without
   * PIPELINING each would take a round trip.
   */
  get #inChunks(): boolean {
    return this.#facts.chunking && this.#facts.pipelining && !this.#lmtp;
  }

  /**
   * Drops the mail transaction, so that another can begin.
   *
   * @throws {Error} if DATA was sent and is not answered yet, or the session is over
   */
  rset(): void {
    this.#ask("RSET", "RSET\r\n", this.#after("RSET"));
  }

  /**
   * Ends the session.
   *
   * @throws {Error} if DATA was sent and is not answered yet, or the session is over
   */
  quit(): void {
    this.#ask("QUIT", "QUIT\r\n", this.#after("QUIT"));
  }

  /** The state that the table says an action leads to. */
  #after(action: SenderAction): SenderState {
    const next = SENDER_TRANSITIONS[this.#state][action];
    if (next === undefined) {
      throw new Error(`Cannot send ${action} in the state "${this.#state}"`);
    }
    return next;
  }

  #turn(turn: SenderTurn): void {
    const next = SENDER_TRANSITIONS[this.#state][turn];
    if (next === undefined) throw new Error(`Cannot be ${turn} in the state "${this.#state}"`);
    this.#state = next;
  }

  #ask(name: Asked["name"], line: string, next: SenderState, mailboxes: Mailbox[] = []): void {
    this.#state = next;
    this.#queue.add(name, line, mailboxes);
    this.#flush();
  }

  /** Sends what need not be held back any more. */
  #flush(): void {
    for (let command; (command = this.#queue.heldBack) !== undefined; this.#queue.send()) {
      if (this.#queue.awaited !== undefined && !this.#facts.pipelining) return;
      if (this.#refusalOf(command) !== undefined || this.#isUnsaid(command)) return;
      this.#text += command.line;
    }
  }

  /** Why a command that was held back has become pointless, where it has. */
  #refusalOf({ name }: Asked): Reply | undefined {
    if (this.#queue.awaited !== undefined || (name !== "RCPT" && name !== "DATA")) return undefined;
    const isPointless = this.#mailRefused || (name === "DATA" && this.#accepted.length === 0);
    return isPointless ? this.#refusal : undefined;
  }

  /** Whether a command is answered here: DATA where chunks are sent instead, the end of refused ones. */
  #isUnsaid({ name }: Asked): boolean {
    return name === "DATA" ? this.#inChunks : name === "mail data";
  }

  /** Answers the next command in place of the server, if it has become pointless or is not sent. */
  #answerWithheld(): SenderEvent | undefined {
    const command = this.#queue.heldBack;
    if (command === undefined || this.#queue.awaited !== undefined) return undefined;
    const refusal = command.name === "mail data" ? this.#chunkRefusal : this.#refusalOf(command);
    if (refusal !== undefined) {
      this.#queue.send();
      return this.#answer(command, refusal);
    }
    if (!this.#isUnsaid(command)) return undefined;
    this.#queue.send();
    return this.#goAhead();
  }

  #takeReply(reply: Reply): SenderEvent | undefined {
    // RFC 5321 section 3.8: 421 may come at any time, and the server closes the connection then.
    if (reply.code === 421) return this.#close({ type: "closed", reply });
    const command = this.#queue.awaited;
    if (command === undefined) {
      // A server that refuses in the midst of the mail data wants no more of it, and no dialog can
      // go on from there but by sending all the rest.
      if (this.#state === "content" && !isPositive(reply)) {
        return this.#close({ type: "closed", reply });
      }
      return this.#fault(`a ${reply.code} reply came unasked`);
    }
    const wanted = command.name === "DATA" && !this.#dotSent ? 3 : 2;
    if (isPositive(reply) && Math.floor(reply.code / 100) !== wanted) {
      return this.#fault(`a ${reply.code} reply came to ${command.name}`);
    }
    return this.#answer(command, reply);
  }

  #answer(command: Asked, reply: Reply): SenderEvent | undefined {
    const positive = isPositive(reply);
    if (command.name !== "DATA") this.#queue.answer();
    switch (command.name) {
      case "greeting":
        if (!positive) return this.#turnAway("greeting", reply);
        this.#turn("greeted");
        this.#hello(this.#lmtp ? "LHLO" : "EHLO");
        return undefined;
      case "EHLO":
      case "LHLO":
      case "HELO":
        // RFC 5321 section 3.2: a server that does not know EHLO may know HELO.
        if (command.name === "EHLO" && isPermanent(reply)) return this.#hello("HELO");
        if (!positive) return this.#turnAway("hello", reply);
        return this.#welcome(command.name === "HELO" ? NO_FACTS : parseEhlo(reply));
      case "MAIL":
        this.#accepted = [];
        this.#mailRefused = !positive;
        this.#refusal = positive ? undefined : reply;
        return { type: "reply", command: "MAIL", reply };
      case "RCPT": {
        const mailbox = command.mailboxes[0];
        if (this.#mailRefused) reply = this.#refusal ?? reply;
        else if (positive) this.#accepted.push(mailbox);
        else this.#refusal = reply;
        return { type: "reply", command: "RCPT", reply, mailbox };
      }
      case "DATA":
        return this.#answerData(reply);
      case "BDAT":
        if (!positive) this.#chunkRefusal ??= reply;
        return undefined;
      case "mail data":
        reply = this.#chunkRefusal ?? reply;
        if (this.#chunkRefusal !== undefined) this.#turn("told of a refused chunk");
        else if (this.#queue.awaited === undefined) this.#turn("told the last result");
        return { type: "result", reply, mailboxes: command.mailboxes };
      case "RSET":
        return { type: "reply", command: "RSET", reply };
      case "QUIT":
        return this.#close({ type: "reply", command: "QUIT", reply });
    }
  }

  #answerData(reply: Reply): SenderEvent | undefined {
    if (isPositive(reply)) {
      if (this.#accepted.length > 0) return this.#goAhead();
      if (!this.#dotSent) {
        // RFC 2033 section 4.2 has no reply to mail data without recipients, so there is no way on.
        if (this.#lmtp) return this.#fault(`a ${reply.code} reply came to DATA without recipients`);
        // RFC 2920 section 3.1: a lone dot ends mail data that is for nobody. Its reply is awaited.
        this.#dotSent = true;
        this.#text += ".\r\n";
        return undefined;
      }
      reply = this.#refusal ?? reply;
    }
    this.#queue.answer();
    this.#dotSent = false;
    this.#turn("told not to go ahead");
    return { type: "reply", command: "DATA", reply };
  }

  #goAhead(): SenderEvent {
    this.#queue.answer();
    this.#turn("told to go ahead");
    this.#encoder = new MailDataEncoder({ inChunks: this.#inChunks });
    this.#chunkRefusal = undefined;
    return { type: "go ahead" };
  }

  #hello(verb: "EHLO" | "LHLO" | "HELO"): undefined {
    this.#queue.add(verb, writeHello(verb, this.#heloName));
  }

  #welcome(facts: EhloFacts): SenderEvent {
    this.#turn("welcomed");
    this.#facts = facts;
    return { type: "ready", facts };
  }

  #turnAway(step: "greeting" | "hello", reply: Reply): SenderEvent {
    this.#turn("turned away");
    return { type: "refused", step, reply };
  }

  #fault(text: string): SenderEvent {
    return this.#close({ type: "fault", text });
  }

  /** Ends the session. What waited to be written would come too late. */
  #close(event: SenderEvent): SenderEvent {
    this.#state = "closed";
    this.#input = EMPTY;
    this.#position = 0;
    this.#text = "";
    this.#output = [];
    this.#queue.clear();
    return event;
  }

  /** Puts the commands written so far behind the rest of the output. */
  #sealText(): void {
    if (this.#text === "") return;
    this.#output.push(utf8.encode(this.#text));
    this.#text = "";
  }
}
