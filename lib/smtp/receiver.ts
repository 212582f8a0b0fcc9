/**
 * The server side of SMTP and LMTP without any I/O: octets in, events out; replies in, octets out.
 *
 * @module
 */
import { encodeBase64 } from "./base64.ts";
import type { TrustedVerb } from "./client_attributes.ts";
import { type Command, notImplemented, parseCommand } from "./command.ts";
import type { Envelope, MailParameters } from "./envelope.ts";
import { IncomingMailData } from "./incoming_mail_data.ts";
import { LineCutter } from "./line_cutter.ts";
import type { Mailbox } from "./mailbox.ts";
import { readMailParameters, readRcptParameters } from "./envelope_parameters.ts";
import type { ReceiverEvent, ReceiverQuestion } from "./receiver_events.ts";
import { maxLineOf, type ReceiverOptions } from "./receiver_options.ts";
import {
  bye,
  ehloReply,
  HELP,
  lineFaultReply,
  NO_VRFY,
  OK,
  START_DATA,
  TOO_MANY_RECIPIENTS,
} from "./receiver_replies.ts";
import { isPositive, type Reply, reply } from "./reply.ts";
import { ReplyWriter } from "./reply_writer.ts";
import { readResponse, Security } from "./security.ts";
import { outOfSequence, type State, TRANSITIONS } from "./transitions.ts";

const NO_BYTES = new Uint8Array(0);

/** The mail transaction that is open. */
interface Transaction {
  readonly mail: MailParameters;
  readonly forwardPaths: Mailbox[];
}

/**
 * The receiver. Its caller gives it input with {@linkcode receive}, asks {@linkcode nextEvent} until
 * there is none, answers each question with {@linkcode reply}, and writes {@linkcode takeOutput}.
 *
 * While a question is open nothing is read: pipelined commands wait in the caller's buffer.
 */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #lines: LineCutter;
  readonly #output: ReplyWriter;
  #state: State = "connected";
  #input = NO_BYTES;
  #position = 0;
  #question: ReceiverQuestion | undefined;
  #transaction: Transaction | undefined;
  #data: IncomingMailData | undefined;
  /** Where a BDAT chunk that came out of sequence leaves the session: where it was. */
  #stateBehindChunk: State | undefined;
  /** The answer that refused the chunk which is on its way. Who gave it need not be told. */
  #dataRefusal: Reply | undefined;
  /** The last reply of a session that ends without 421. */
  #closing: Reply | undefined;

  readonly #security: Security;

  /**
   * Begins before the greeting.
   *
   * @param isSecure whether the session runs inside TLS already (RFC 8314 section 3)
   */
  constructor(options: ReceiverOptions, isSecure = false) {
    this.#options = options;
    this.#security = new Security(options, isSecure);
    this.#lines = new LineCutter(maxLineOf(options), options.normalizeNewlines);
    this.#output = new ReplyWriter(options.maxErrors);
  }

  /** Where the session is. */
  get state(): State {
    return this.#state;
  }

  /** The envelope of the mail transaction that is open. */
  get envelope(): Envelope | undefined {
    const transaction = this.#transaction;
    return transaction && { ...transaction.mail, forwardPaths: transaction.forwardPaths };
  }

  /** Whether all input was used up, and more may be given. */
  get needsInput(): boolean {
    return this.#position === this.#input.length;
  }

  /** Whether a command line, or mail data, has begun and not ended. */
  get isInsideUnit(): boolean {
    return this.#state === "data" || this.#lines.isInsideLine;
  }

  /**
   * Takes the next segment. It belongs to the receiver until {@linkcode needsInput} is true again, and
   * is written to where stuffed dots are removed.
   */
  receive(bytes: Uint8Array): void {
    if (!this.needsInput) throw new Error("Cannot take input before the last is used up");
    if (this.#state === "securing") throw new Error("Cannot take input before the handshake");
    this.#input = bytes as Uint8Array<ArrayBuffer>;
    this.#position = 0;
  }

  /** The octets to write, or `undefined` if there are none. */
  takeOutput(): Uint8Array | undefined {
    return this.#output.take();
  }

  /**
   * The next event, or `undefined` when output is to be written and, if {@linkcode needsInput}, more
   * input is needed.
   */
  nextEvent(): ReceiverEvent | undefined {
    if (this.#question !== undefined) {
      throw new Error("Cannot give the next event before the last one is answered");
    }
    for (;;) {
      const last = this.#closing ?? this.#output.last;
      if (last !== undefined && this.#state !== "closed") return this.#close(last);
      if (this.#state === "connected") return this.#ask({ type: "connect" });
      if (this.#state === "closed") {
        this.#position = this.#input.length;
        return undefined;
      }
      if (this.#state === "securing") return undefined;
      if (this.#output.isFull) return undefined;
      // Without input, too: an empty chunk is at its end as soon as it is announced.
      if (this.#state === "data") return this.#readData();
      if (this.needsInput) return undefined;
      const event = this.#state === "auth" ? this.#readResponse() : this.#readCommand();
      if (event !== undefined) return event;
    }
  }

  /**
   * Answers the open question. A negative reply refuses the command, and to `data`, `chunk` or `end`
   * ends the transaction; 421 ends the session. LMTP takes a list for `end`.
   */
  reply(answer: Reply | readonly Reply[]): void {
    const question = this.#question;
    if (question === undefined) throw new Error("Cannot reply: no question is open");
    this.#question = undefined;
    if (question.type === "end") return this.#replyToEnd(answer);
    if (isList(answer)) throw new TypeError("Cannot give a list of replies to anything but end");
    if (!isPositive(answer)) return this.#refuse(question, answer);
    switch (question.type) {
      case "connect":
        this.#state = "greeted";
        break;
      case "helo":
        this.#endTransaction("ready");
        this.#output.say(
          question.verb === "HELO"
            ? answer
            : ehloReply(this.#options, answer, this.#security.offers),
        );
        return;
      case "starttls":
        this.#state = "securing";
        break;
      case "auth":
      case "response":
        this.#state = "ready";
        this.#security.authenticated();
        break;
      case "xclient":
        this.#state = "connected";
        this.#security.restarted((question.attributes.get("LOGIN") ?? null) !== null);
        return;
      case "mail":
        this.#transaction = { mail: question.mail, forwardPaths: [] };
        this.#state = "mail";
        break;
      case "rcpt":
        this.#transaction!.forwardPaths.push(question.rcpt.forwardPath);
        this.#state = "rcpt";
        break;
      case "data":
        this.#state = "data";
        // BDAT has no 354: its octets are coming already (RFC 3030 section 2).
        if (this.#data !== undefined) return;
        this.#data = this.#newMailData(false);
        this.#output.say(START_DATA);
        return;
      case "chunk":
        this.#state = "chunks";
        break;
    }
    this.#output.say(answer);
  }

  /** Answers `auth` or `response` with a challenge (334). */
  challenge(octets: Uint8Array): void {
    const type = this.#question?.type;
    if (type !== "auth" && type !== "response") {
      throw new Error("Cannot give a challenge: no exchange is open");
    }
    this.#question = undefined;
    this.#state = "auth";
    this.#output.say(reply(334, undefined, encodeBase64(octets)));
  }

  /** The peer may say these of other clients: they are offered from now on. */
  trustPeer(verbs: readonly TrustedVerb[]): void {
    this.#security.trustPeer(verbs);
  }

  /** The mechanisms that the session is offered from now on, best first. */
  offerAuth(mechanisms: readonly string[]): void {
    this.#security.offerAuth(mechanisms);
  }

  /**
   * The handshake is over. Whatever the client has said before counts for nothing (RFC 3207 section
   * 4.2): it greets again, and authenticates again.
   */
  secured(): void {
    if (this.#state !== "securing") throw new Error("Cannot be secured: STARTTLS was not said");
    this.#security.secured();
    this.#state = "greeted";
  }

  /** Ends the session from this side: says `reply`, which is a 421, and reads nothing more. */
  close(reply: Reply): void {
    this.#question = undefined;
    if (this.#state === "closed" || this.#closing !== undefined) return;
    if (this.#output.last !== undefined) return;
    this.#output.say(reply);
    this.#closing = reply;
  }

  #ask(question: ReceiverQuestion): ReceiverQuestion {
    this.#question = question;
    return question;
  }

  #refuseCommand(reply: Reply): ReceiverEvent {
    return { type: "refusal", step: "command", reply: this.#output.sayNegative(reply) };
  }

  #close(reply: Reply): ReceiverEvent {
    this.#state = "closed";
    this.#transaction = undefined;
    this.#data = undefined;
    return { type: "close", reply };
  }

  #readCommand(): ReceiverEvent | undefined {
    const cut = this.#lines.cut(this.#input, this.#position);
    this.#position = this.#lines.position;
    if (cut.kind === "more") return undefined;
    if (cut.kind === "fault") return this.#refuseCommand(lineFaultReply(cut.fault, this.#options));
    const line = parseCommand(cut.bytes);
    if (line.kind === "fault") {
      if (line.isFatal) this.#closing = line.reply;
      return this.#refuseCommand(line.reply);
    }
    return this.#execute(line.command);
  }

  #execute(command: Command): ReceiverEvent | undefined {
    const { verb } = command;
    if (verb === "BDAT") return this.#executeBdat(command.size, command.last);
    const isHello = verb === "HELO" || verb === "EHLO" || verb === "LHLO";
    // LMTP has neither HELO nor EHLO (RFC 2033 section 4.1), and SMTP no LHLO.
    if (isHello && (verb === "LHLO") !== (this.#options.lmtp ?? false)) {
      return this.#refuseCommand(reply(500, "5.5.1", `Command not recognized: ${verb}`));
    }
    const { startTls = false, auth = false } = this.#options;
    if (verb === "STARTTLS" && !startTls || verb === "AUTH" && !auth) {
      return this.#refuseCommand(notImplemented(verb));
    }
    if (verb === "XCLIENT" || verb === "XFORWARD") {
      const refusal = this.#security.refusalOfTrusted(verb);
      if (refusal !== undefined) return this.#refuseCommand(refusal);
    }
    const next = TRANSITIONS[this.#state][verb];
    if (next === undefined) {
      return this.#refuseCommand(reply(503, "5.5.1", outOfSequence(this.#state, verb)));
    }
    switch (command.verb) {
      case "HELO":
      case "EHLO":
      case "LHLO":
        return this.#ask({ type: "helo", verb: command.verb, name: command.name });
      case "MAIL": {
        const { reversePath, parameters } = command;
        const mail = readMailParameters(
          reversePath,
          parameters,
          this.#options,
          this.#security.isSecure,
        );
        if ("code" in mail) return this.#refuseCommand(mail);
        return this.#ask({ type: "mail", mail });
      }
      case "RCPT": {
        const { mail, forwardPaths } = this.#transaction!;
        const { forwardPath, parameters } = command;
        const rcpt = readRcptParameters(forwardPath, parameters, mail, this.#options);
        if ("code" in rcpt) return this.#refuseCommand(rcpt);
        if (forwardPaths.length >= this.#options.maxRecipients) {
          return this.#refuseCommand(TOO_MANY_RECIPIENTS);
        }
        return this.#ask({ type: "rcpt", rcpt });
      }
      case "STARTTLS":
        return this.#executeStartTls();
      case "XCLIENT":
        return this.#ask({ type: "xclient", attributes: command.attributes });
      case "XFORWARD":
        return this.#ask({ type: "xforward", attributes: command.attributes });
      case "AUTH": {
        const { mechanism, initialResponse } = command;
        const refusal = this.#security.refusalOfAuth(mechanism);
        if (refusal !== undefined) return this.#refuseCommand(refusal);
        return this.#ask({ type: "auth", mechanism, initialResponse });
      }
      case "DATA":
        return this.#ask({ type: "data" });
      case "RSET": {
        const hadTransaction = this.#transaction !== undefined;
        this.#endTransaction(next);
        this.#output.say(OK);
        return hadTransaction ? { type: "reset", cause: "RSET" } : undefined;
      }
      case "NOOP":
        this.#output.say(OK);
        return undefined;
      case "VRFY":
        this.#output.say(NO_VRFY);
        return undefined;
      case "HELP":
        this.#output.say(HELP);
        return undefined;
      case "QUIT": {
        const last = bye(this.#options);
        this.#output.say(last);
        return this.#close(last);
      }
    }
  }

  #executeStartTls(): ReceiverEvent {
    const refusal = this.#security.refusalOfStartTls(this.needsInput);
    if (refusal === undefined) return this.#ask({ type: "starttls" });
    if (refusal.code === 421) this.#closing = refusal;
    return this.#refuseCommand(refusal);
  }

  #readResponse(): ReceiverEvent | undefined {
    const cut = this.#lines.cut(this.#input, this.#position);
    this.#position = this.#lines.position;
    if (cut.kind === "more") return undefined;
    const octets = readResponse(cut, this.#options);
    if (!("code" in octets)) return this.#ask({ type: "response", octets });
    this.#state = "ready";
    return { type: "auth cancelled", reply: this.#output.sayNegative(octets) };
  }

  /**
   * Whatever becomes of a chunk, its octets are read: they must never be taken for commands (RFC 3030
   * section 2).
   */
  #executeBdat(size: number, last: boolean): ReceiverEvent | undefined {
    const state = this.#state;
    const isFirst = this.#data === undefined;
    this.#data ??= this.#newMailData(true);
    this.#data.beginChunk(size, last);
    this.#state = "data";
    if (TRANSITIONS[state].BDAT === undefined) {
      this.#data.refuse(reply(503, "5.5.1", outOfSequence(state, "BDAT")));
      this.#stateBehindChunk = state;
      return undefined;
    }
    return isFirst ? this.#ask({ type: "data" }) : undefined;
  }

  #newMailData(chunked: boolean): IncomingMailData {
    const { maxSize, normalizeNewlines: normalize } = this.#options;
    return new IncomingMailData({ maxSize, normalize, chunked });
  }

  #readData(): ReceiverEvent | undefined {
    const data = this.#data!;
    const step = data.read(this.#input, this.#position);
    this.#position = data.position;
    switch (step?.type) {
      case "content":
        return step;
      case "fault":
        return { type: "reset", cause: step.cause };
      case "chunk end":
        return this.#ask({ type: "chunk", size: step.size });
      case "end": {
        const { refusal } = data;
        if (refusal === undefined) return this.#ask({ type: "end", size: data.size });
        const behind = this.#stateBehindChunk;
        const isEndOfData = behind === undefined && step.isEndOfData;
        const results = isEndOfData ? this.#resultForAll(refusal) : [refusal];
        if (behind === undefined) this.#endTransaction("ready");
        else this.#state = behind;
        this.#stateBehindChunk = undefined;
        this.#data = undefined;
        const said = this.#output.sayResults(results);
        const isKnown = refusal === this.#dataRefusal;
        this.#dataRefusal = undefined;
        if (isKnown) return undefined;
        const refused = behind === undefined ? "end of data" : "command";
        return { type: "refusal", step: refused, reply: said };
      }
    }
  }

  #replyToEnd(answer: Reply | readonly Reply[]): void {
    const expected = this.#resultForAll(OK).length;
    const results = isList(answer) ? answer : this.#resultForAll(answer);
    this.#endTransaction("ready");
    if (results.length !== expected) {
      throw new TypeError("Cannot reply: LMTP takes a reply for each accepted recipient");
    }
    this.#output.sayResults(results);
  }

  /** One result for all is in LMTP one for each accepted recipient (RFC 2033 section 4.2). */
  #resultForAll(result: Reply): Reply[] {
    if (!this.#options.lmtp) return [result];
    return (this.#transaction?.forwardPaths ?? []).map(() => result);
  }

  #refuse(question: ReceiverQuestion, answer: Reply): void {
    if (question.type === "connect") {
      // Only QUIT follows a refused greeting, unless it was 421 (RFC 5321 section 3.1).
      this.#state = "refused";
      this.#output.say(answer);
      return;
    }
    if (question.type === "data" && this.#data !== undefined) {
      // The chunk is on its way all the same; the reply comes behind it.
      this.#dataRefusal = answer;
      this.#data.refuse(answer);
      return;
    }
    if (question.type === "chunk" || question.type === "data") this.#endTransaction("ready");
    if (question.type === "response") this.#state = "ready";
    this.#output.sayNegative(answer);
  }

  #endTransaction(state: State): void {
    this.#state = state === "mail" || state === "rcpt" || state === "chunks" ? "ready" : state;
    this.#transaction = undefined;
    this.#data = undefined;
  }
}

function isList(answer: Reply | readonly Reply[]): answer is readonly Reply[] {
  return Array.isArray(answer);
}
