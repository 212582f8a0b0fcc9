/** What the replies of a server amount to: each is the answer to the oldest command that has none. @module */
import type { Asked } from "./command_queue.ts";
import { type EhloFacts, NO_FACTS, parseEhlo } from "./ehlo_facts.ts";
import { MailDataEncoder } from "./mail_data_encoder.ts";
import { isPermanent, isPositive, type Reply } from "./reply.ts";
import type { SenderEvent } from "./sender_events.ts";
import type { SenderSession } from "./sender_session.ts";

/** Reads the answers to the commands of one session. */
export class SenderAnswers {
  readonly #session: SenderSession;

  /** Reads for a session. */
  constructor(session: SenderSession) {
    this.#session = session;
  }

  /** Answers the next event, or `undefined` when more octets are needed for one. */
  next(): SenderEvent | undefined {
    const session = this.#session;
    while (session.state !== "closed") {
      const withheld = this.#answerWithheld();
      if (withheld !== undefined) {
        session.flush();
        return withheld;
      }
      if (session.state === "securing") return this.#refusePlaintext();
      const outcome = session.wire.next();
      if (outcome.kind === "more") return undefined;
      const told = outcome.kind === "fault"
        ? this.#fault(outcome.text)
        : this.#takeReply(outcome.reply);
      session.flush();
      if (told !== undefined) return told;
    }
    return undefined;
  }

  /** Answers the next command in place of the server, if it has become pointless or is not sent. */
  #answerWithheld(): SenderEvent | undefined {
    const session = this.#session;
    const command = session.queue.heldBack;
    if (command === undefined || session.queue.awaited !== undefined) return undefined;
    const refusal = command.name === "mail data"
      ? session.transaction.chunkRefusal
      : session.refusalOf(command);
    if (refusal !== undefined) {
      session.queue.send();
      return this.#answer(command, refusal);
    }
    if (!session.isUnsaid(command)) return undefined;
    session.queue.send();
    return this.#goAhead();
  }

  #takeReply(reply: Reply): SenderEvent | undefined {
    // RFC 5321 section 3.8: 421 may come at any time, and the server closes the connection then.
    if (reply.code === 421) return this.#session.close({ type: "closed", reply });
    const command = this.#session.queue.awaited;
    if (command === undefined) {
      // A server that refuses in the midst of the mail data wants no more of it, and no dialog can
      // go on from there but by sending all the rest.
      if (this.#session.state === "content" && !isPositive(reply)) {
        return this.#session.close({ type: "closed", reply });
      }
      return this.#fault(`a ${reply.code} reply came unasked`);
    }
    if (isPositive(reply) && !this.#isFit(command, reply)) {
      return this.#fault(`a ${reply.code} reply came to ${command.name}`);
    }
    return this.#answer(command, reply);
  }

  /** Whether a positive reply can be one to a command. */
  #isFit({ name }: Asked, { code }: Reply): boolean {
    const kind = Math.floor(code / 100);
    switch (name) {
      case "DATA":
        return kind === (this.#session.isDotSent ? 2 : 3);
      case "STARTTLS":
        // RFC 3207 section 4: nothing but 220 says that the server awaits a handshake.
        return code === 220;
      case "AUTH":
        // While a challenge waits for its response, nothing may be granted.
        return this.#session.state !== "challenged" && (kind === 2 || code === 334);
      default:
        return kind === 2;
    }
  }

  #answer(command: Asked, reply: Reply): SenderEvent | undefined {
    const positive = isPositive(reply);
    if (command.name !== "DATA" && reply.code !== 334) this.#session.queue.answer();
    switch (command.name) {
      case "greeting":
        if (!positive) return this.#turnAway("greeting", reply);
        this.#session.turn("greeted");
        this.#session.hello();
        return undefined;
      case "EHLO":
      case "LHLO":
      case "HELO":
        // RFC 5321 section 3.2: a server that does not know EHLO may know HELO.
        if (command.name === "EHLO" && isPermanent(reply)) {
          this.#session.hello("HELO");
          return undefined;
        }
        if (!positive) return this.#turnAway("hello", reply);
        return this.#welcome(command.name === "HELO" ? NO_FACTS : parseEhlo(reply));
      case "MAIL":
        return this.#session.transaction.mail(reply);
      case "RCPT":
        return this.#session.transaction.rcpt(reply, command.mailboxes[0]);
      case "DATA":
        return this.#answerData(reply);
      case "BDAT":
        this.#session.transaction.chunk(reply);
        return undefined;
      case "mail data": {
        const { chunkRefusal } = this.#session.transaction;
        if (chunkRefusal !== undefined) this.#session.turn("told of a refused chunk");
        else if (this.#session.queue.awaited === undefined) {
          this.#session.turn("told the last result");
        }
        return { type: "result", reply: chunkRefusal ?? reply, mailboxes: command.mailboxes };
      }
      case "STARTTLS":
        this.#session.turn(positive ? "told to secure" : "told not to secure");
        return { type: "reply", command: "STARTTLS", reply };
      case "AUTH":
        return this.#answerAuth(reply);
      case "RSET":
        return { type: "reply", command: "RSET", reply };
      case "QUIT":
        return this.#session.close({ type: "reply", command: "QUIT", reply });
    }
  }

  #answerData(reply: Reply): SenderEvent | undefined {
    if (isPositive(reply)) {
      if (this.#session.transaction.accepted.length > 0) return this.#goAhead();
      if (!this.#session.isDotSent) {
        // RFC 2033 section 4.2 has no reply to mail data without recipients, so there is no way on.
        if (this.#session.lmtp) {
          return this.#fault(`a ${reply.code} reply came to DATA without recipients`);
        }
        // RFC 2920 section 3.1: a lone dot ends mail data that is for nobody. Its reply is awaited.
        this.#session.isDotSent = true;
        this.#session.wire.say(".\r\n");
        return undefined;
      }
      reply = this.#session.transaction.refusal ?? reply;
    }
    this.#session.queue.answer();
    this.#session.isDotSent = false;
    this.#session.turn("told not to go ahead");
    return { type: "reply", command: "DATA", reply };
  }

  #goAhead(): SenderEvent {
    this.#session.queue.answer();
    this.#session.turn("told to go ahead");
    this.#session.encoder = new MailDataEncoder({ inChunks: this.#session.isInChunks });
    this.#session.transaction.goAhead();
    return { type: "go ahead" };
  }

  #answerAuth(reply: Reply): SenderEvent | undefined {
    const authentication = this.#session.authentication;
    if (reply.code === 334 && authentication !== undefined) {
      const challenge = authentication.take(reply);
      if (challenge.kind === "fault") return this.#fault(challenge.text);
      if (challenge.kind === "line") {
        this.#session.wire.say(challenge.line);
        return undefined;
      }
      this.#session.turn("challenged");
      return { type: "challenge", octets: challenge.octets };
    }
    this.#session.authentication = undefined;
    if (authentication?.fault !== undefined) return this.#fault(authentication.fault);
    this.#session.turn("told how AUTH ended");
    return { type: "reply", command: "AUTH", reply };
  }

  /**
   * Behind the reply to STARTTLS nothing comes in plaintext but from somebody who wants it to be taken for
   * what the server says inside TLS (RFC 3207 section 6).
   */
  #refusePlaintext(): SenderEvent | undefined {
    if (!this.#session.wire.hasInput) return undefined;
    return this.#fault("octets came in plaintext behind the reply to STARTTLS");
  }

  #welcome(facts: EhloFacts): SenderEvent {
    this.#session.turn("welcomed");
    this.#session.facts = facts;
    return { type: "ready", facts };
  }

  #turnAway(step: "greeting" | "hello", reply: Reply): SenderEvent {
    this.#session.turn("turned away");
    return { type: "refused", step, reply };
  }

  #fault(text: string): SenderEvent {
    return this.#session.close({ type: "fault", text });
  }
}
