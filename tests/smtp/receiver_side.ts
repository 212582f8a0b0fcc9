/**
 * A receiver with an application on top of it that answers as it is told, for tests.
 *
 * @module
 */
import type { TrustedVerb } from "../../lib/smtp/client_attributes.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { formatPath } from "../../lib/smtp/mailbox.ts";
import { Receiver } from "../../lib/smtp/receiver.ts";
import type { ReceiverOptions } from "../../lib/smtp/receiver_options.ts";
import type { ReceiverEvent, ReceiverQuestion } from "../../lib/smtp/receiver_events.ts";
import { isPositive, type Reply, reply } from "../../lib/smtp/reply.ts";
import { TRANSITIONS } from "../../lib/smtp/transitions.ts";
import type { Side } from "./dialog.ts";
import { join, text } from "./wire.ts";

/** What a receiver of these tests is, unless a test says otherwise. */
export const OPTIONS: ReceiverOptions = {
  hostname: "mx.example.org",
  maxSize: 1000,
  maxRecipients: 100,
  maxErrors: 20,
};

const POSITIVE: Readonly<Record<ReceiverQuestion["type"], Reply>> = {
  connect: reply(220, undefined, "mx.example.org ESMTP"),
  helo: reply(250, undefined, "mx.example.org"),
  starttls: reply(220, "2.0.0", "Ready to start TLS"),
  xclient: reply(220, undefined, "not written"),
  xforward: reply(250, "2.0.0", "Ok"),
  auth: reply(235, "2.7.0", "Welcome"),
  response: reply(235, "2.7.0", "Welcome"),
  mail: reply(250, "2.1.0", "Sender ok"),
  rcpt: reply(250, "2.1.5", "Recipient ok"),
  data: reply(354, undefined),
  chunk: reply(250, "2.0.0", "Chunk ok"),
  end: reply(250, "2.6.0", "Message ok"),
};

/** A message that the application took. */
export interface Taken {
  readonly mail: MailParameters;
  readonly from: string;
  readonly to: readonly string[];
  readonly rcpts: readonly RcptParameters[];
  readonly content: Uint8Array;
}

/**
 * The receiver and its application, which takes everything. An action of a dialog changes that:
 *
 *     A: options {"lmtp":true}          before anything else: the receiver's options
 *     A: rcpt 550 5.1.1 No such user    the answer to the next question of this type that has none
 *     A: end 250 2.0.0 Ok | 450 4.2.2 Full    a list of answers, for LMTP
 *     A: challenge auth Username:       the same, with a challenge instead of a reply
 *     A: offer PLAIN LOGIN              the mechanisms that are offered from now on
 *     A: trust XCLIENT XFORWARD         what the peer may say of other clients
 *     A: secured                        the handshake is over
 *     A: close 421 4.3.2 Going down     ends the session from the application's side
 *
 * Events are told as `mail FROM`, `rcpt TO`, both with what was asked of notices behind the path, `message FROM TO,TO "content"`, `refused message ...`,
 * `xclient {"ADDR":"192.0.2.1"}`, `xforward {"IDENT":"1"}`, `auth MECHANISM "initial response"`, `response "octets"`, `auth cancelled CODE`, `reset CAUSE` and
 * `close CODE`.
 */
export class ReceiverSide implements Side {
  readonly messages: Taken[] = [];
  readonly #answers = new Map<string, (Reply | Reply[])[]>();
  readonly #challenges = new Map<string, string[]>();
  #options: ReceiverOptions;
  #receiver: Receiver | undefined;
  #slices: Uint8Array[] = [];
  #mail: MailParameters | undefined;
  #from = "";
  #to: string[] = [];
  #rcpts: RcptParameters[] = [];
  #output: Uint8Array[] = [];
  #events: string[] = [];
  /** The most octets of output that waited at once. */
  mostOutput = 0;
  /** Gives the answer to a question, where {@linkcode answer} was not told one. */
  decide: ((question: ReceiverQuestion) => Reply | Reply[] | undefined) | undefined;

  constructor(options: Partial<ReceiverOptions> = {}) {
    this.#options = { ...OPTIONS, ...options };
  }

  /** The receiver, which has greeted. */
  get receiver(): Receiver {
    if (this.#receiver === undefined) {
      this.#receiver = new Receiver(this.#options);
      this.#pump(this.#receiver);
    }
    return this.#receiver;
  }

  receive(bytes: Uint8Array): void {
    const { receiver } = this;
    if (receiver.state === "closed") return;
    // A copy, because the receiver writes to where it removes dots.
    receiver.receive(bytes.slice());
    this.#pump(receiver, bytes.length);
  }

  takeOutput(): Uint8Array {
    // Nothing is asked of the receiver here: what it has to say must have come with the input.
    void this.receiver;
    const output = join(this.#output);
    this.#output = [];
    return output;
  }

  takeEvents(): string[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  act(action: string): void {
    const [name] = action.split(" ", 1);
    const rest = action.slice(name.length + 1);
    if (name === "options") {
      if (this.#receiver !== undefined) throw new Error("Cannot change the options any more");
      this.#options = { ...this.#options, ...JSON.parse(rest) };
    } else if (name === "offer") {
      this.receiver.offerAuth(rest.split(" "));
    } else if (name === "trust") {
      this.receiver.trustPeer(rest.split(" ") as TrustedVerb[]);
    } else if (name === "secured") {
      this.receiver.secured();
    } else if (name === "challenge") {
      const [type] = rest.split(" ", 1);
      const waiting = this.#challenges.get(type) ?? [];
      this.#challenges.set(type, [...waiting, rest.slice(type.length + 1)]);
    } else if (name === "close") {
      this.receiver.close(parseReply(rest));
      this.#pump(this.receiver);
    } else {
      this.answer(name as ReceiverQuestion["type"], ...rest.split(" | ").map(parseReply));
    }
  }

  /** Has the next question of a type that has no answer yet answered so. */
  answer(type: ReceiverQuestion["type"], ...replies: Reply[]): void {
    if (!(type in POSITIVE)) throw new Error(`Cannot answer ${type}: there is no such question`);
    const waiting = this.#answers.get(type) ?? [];
    waiting.push(replies.length === 1 ? replies[0] : replies);
    this.#answers.set(type, waiting);
  }

  #pump(receiver: Receiver, length = 0): void {
    // Each octet can bring about a few events at most.
    let left = 4 * length + 16;
    do {
      for (let event; (event = receiver.nextEvent()) !== undefined;) {
        if (left-- === 0) throw new Error("Cannot come to an end: event follows event");
        if (!(receiver.state in TRANSITIONS)) throw new Error(`No such state: ${receiver.state}`);
        this.#handle(receiver, event);
      }
      const output = receiver.takeOutput();
      if (output !== undefined) {
        this.mostOutput = Math.max(this.mostOutput, output.length);
        this.#output.push(output);
      } else if (!receiver.needsInput) {
        throw new Error("Cannot go on: neither is there output nor is input needed");
      }
    } while (!receiver.needsInput);
  }

  #handle(receiver: Receiver, event: ReceiverEvent): void {
    switch (event.type) {
      case "content":
        this.#slices.push(event.bytes.slice());
        return;
      case "refusal":
        return;
      case "reset":
        this.#slices = [];
        this.#events.push(`reset ${event.cause}`);
        return;
      case "close":
        this.#events.push(`close ${event.reply.code}`);
        return;
      case "auth cancelled":
        this.#events.push(`auth cancelled ${event.reply.code}`);
        return;
      case "auth": {
        const { mechanism, initialResponse } = event;
        const said = initialResponse === undefined
          ? ""
          : ` ${JSON.stringify(text(initialResponse))}`;
        this.#events.push(`auth ${mechanism}${said}`);
        break;
      }
      case "xclient":
      case "xforward":
        this.#events.push(`${event.type} ${JSON.stringify(Object.fromEntries(event.attributes))}`);
        break;
      case "response":
        this.#events.push(`response ${JSON.stringify(text(event.octets))}`);
        break;
    }
    const challenge = this.#challenges.get(event.type)?.shift();
    if (challenge !== undefined) {
      return receiver.challenge(new TextEncoder().encode(challenge));
    }
    const answer = this.#answers.get(event.type)?.shift() ?? this.decide?.(event) ??
      POSITIVE[event.type];
    const isTaken = [answer].flat().some(isPositive);
    switch (event.type) {
      case "mail":
        this.#mail = event.mail;
        this.#from = formatPath(event.mail.reversePath);
        this.#to = [];
        this.#rcpts = [];
        this.#slices = [];
        if (isTaken) {
          const { ret, envid } = event.mail;
          this.#events.push(`mail ${this.#from}${words({ ret, envid })}`);
        }
        break;
      case "rcpt":
        if (isTaken) {
          const { forwardPath, notify, orcpt } = event.rcpt;
          this.#to.push(formatPath(forwardPath));
          this.#rcpts.push(event.rcpt);
          this.#events.push(`rcpt ${this.#to.at(-1)}${words({ notify, orcpt })}`);
        }
        break;
      case "end": {
        const content = join(this.#slices);
        const [mail, from, to, rcpts] = [this.#mail!, this.#from, this.#to, this.#rcpts];
        const message = { mail, from, to, rcpts, content };
        if (content.length !== event.size) throw new Error("Octets were lost or gained");
        if (isTaken) this.messages.push(message);
        const told = `message ${message.from} ${message.to} ${JSON.stringify(text(content))}`;
        this.#events.push(isTaken ? told : `refused ${told}`);
      }
    }
    receiver.reply(answer);
  }
}

/** Says what parameters there are, each behind a space. */
function words(parameters: Record<string, string | readonly string[] | undefined>): string {
  return Object.entries(parameters).map(([key, value]) =>
    value === undefined ? "" : ` ${key}=${value}`
  ).join("");
}

/** Reads a reply; one in double quotes is a JSON string, so that any character can be in it. */
function parseReply(written: string): Reply {
  if (written.startsWith('"')) written = JSON.parse(written);
  const match = /^(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)$/s.exec(written);
  if (match === null) throw new SyntaxError(`Cannot read the reply ${written}`);
  return reply(Number(match[1]), match[2], match[3]);
}
