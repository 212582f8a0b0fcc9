/** The sender against the receiver: what goes in at one end comes out at the other. @module */
import { assert, assertEquals } from "@std/assert";
import type { Notify } from "../../lib/smtp/dsn_parameters.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { formatPath, type Mailbox, needsUtf8 } from "../../lib/smtp/mailbox.ts";
import { isPositive, reply } from "../../lib/smtp/reply.ts";
import { Sender } from "../../lib/smtp/sender.ts";
import type { SenderEvent } from "../../lib/smtp/sender_events.ts";
import { ReceiverSide } from "./receiver_side.ts";
import { cutEvery, join, octets, seeded, text } from "./wire.ts";

const MESSAGES = 10_000;
const SEED = 1;

type Random = (below: number) => number;

/** A message that is to be sent. */
interface Sent {
  readonly mail: MailParameters;
  readonly recipients: readonly RcptParameters[];
  readonly content: Uint8Array;
}

const LOCAL_PARTS = [
  "joe",
  "a.b+c",
  "user%other.test",
  "a@other.test",
  "../../x",
  'quoted " and \\',
  " ",
  "..",
  "",
  "!#$%&'*+-/=?^_`{|}~",
  "x".repeat(64),
  "jürgen",
  "юзер 😀",
];
const DOMAINS = ["example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", "b-c.d", "bücher.example"];

const NOTIFY: (Notify | undefined)[] = [
  undefined,
  "never",
  ["failure"],
  ["success", "failure", "delay"],
];
const ORCPT = [
  undefined,
  "rfc822;a+2Bb@example.org",
  `X-any;${"x".repeat(494)}`,
  "utf-8;\\x{E4}@example.org",
  "utf-8;ä@bücher.example",
];

function randomMailbox(random: Random): Mailbox {
  return {
    localPart: LOCAL_PARTS[random(LOCAL_PARTS.length)],
    domain: DOMAINS[random(DOMAINS.length)],
  };
}

function randomContent(random: Random): Uint8Array {
  const out: Uint8Array[] = [];
  const lines = random(100) === 0 ? 400 : random(12);
  for (let i = 0; i < lines; i++) {
    // Half of the lines begin with dots, some are long, some are any octets but CR and LF.
    const line = new Uint8Array(random(10) === 0 ? random(998) : random(12));
    for (let j = 0; j < line.length; j++) {
      const octet = random(256);
      line[j] = octet === 13 || octet === 10 ? 0 : octet;
    }
    line.fill(46, 0, Math.max(0, random(6) - 3));
    out.push(line, octets("\r\n"));
  }
  return join(out);
}

function randomMessage(random: Random): Sent {
  const content = randomContent(random);
  const reversePath = random(5) === 0 ? null : randomMailbox(random);
  const recipients = Array.from({ length: 1 + random(3) }, () => ({
    forwardPath: randomMailbox(random),
    notify: NOTIFY[random(NOTIFY.length)],
    orcpt: ORCPT[random(ORCPT.length)],
  }));
  if (random(10) === 0) {
    const forwardPath = { localPart: "Postmaster", domain: "" };
    recipients.push({ forwardPath, notify: undefined, orcpt: undefined });
  }
  return {
    mail: {
      reversePath,
      size: random(2) === 0 ? content.length : undefined,
      body: [undefined, "7BIT" as const, "8BITMIME" as const][random(3)],
      smtpUtf8: [reversePath, ...recipients.map(({ forwardPath }) => forwardPath)].some(needsUtf8),
      ret: [undefined, "full" as const, "headers" as const][random(3)],
      envid: [undefined, "QQ+2B314159", "x".repeat(100)][random(3)],
    },
    recipients,
    content,
  };
}

/** Octets on their way, which arrive in segments of any length. */
class Wire {
  readonly #random: Random;
  readonly #longest: number;
  #queue: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#longest = [1, 10, 50, 200, 1000, 10_000][random(6)];
  }

  get isEmpty(): boolean {
    return this.#position === this.#queue.length;
  }

  put(parts: Uint8Array[]): void {
    this.#queue = join([this.#queue.subarray(this.#position), ...parts]);
    this.#position = 0;
  }

  take(): Uint8Array {
    const start = this.#position;
    this.#position = Math.min(this.#queue.length, start + 1 + this.#random(this.#longest));
    return this.#queue.slice(start, this.#position);
  }
}

/** Sends messages through one session; answers what became of each recipient of each message. */
function send(
  messages: readonly Sent[],
  side: ReceiverSide,
  random: Random,
  lmtp: boolean,
): string[][] {
  const sender = new Sender({ heloName: "client.example.org", lmtp });
  const [toServer, toClient] = [new Wire(random), new Wire(random)];
  const results: string[][] = [];
  let message: Sent | undefined;
  const waiting = [...messages];

  /** Queues what belongs before the go-ahead. */
  function begin(): void {
    message = waiting.shift();
    if (message === undefined) return sender.quit();
    results.push([]);
    sender.mail(message.mail);
    for (const recipient of message.recipients) sender.rcpt(recipient);
    sender.data();
  }

  function handle(event: SenderEvent): void {
    switch (event.type) {
      case "ready":
        return begin();
      case "go ahead":
        for (const slice of cutEvery(message!.content, 1 + random(2000))) {
          sender.content(slice);
        }
        return sender.endOfData();
      case "result":
        for (const mailbox of event.mailboxes) {
          results.at(-1)!.push(`${formatPath(mailbox)} ${event.reply.code}`);
        }
        // A chunk that was refused leaves a transaction to be dropped.
        if (sender.state === "spent") sender.rset();
        else if (sender.state === "ready") begin();
        return;
      case "reply":
        if (event.command === "DATA") {
          results.at(-1)!.push(`DATA ${event.reply.code}`);
          sender.rset();
        } else if (event.command === "RSET") {
          begin();
        }
        return;
      default:
        throw new Error(`Cannot go on: ${JSON.stringify(event)}`);
    }
  }

  /** Half of the servers offer no CHUNKING. */
  const offered = random(2) === 0
    ? (output: Uint8Array) => output
    : (output: Uint8Array) => octets(text(output).replace("CHUNKING", "XCHUNKIN"));

  toClient.put([side.takeOutput()]);
  while (sender.state !== "closed") {
    assert(!toServer.isEmpty || !toClient.isEmpty, "both sides wait for each other");
    if (!toServer.isEmpty && (toClient.isEmpty || random(2) === 0)) {
      side.receive(toServer.take());
      const output = side.takeOutput();
      if (output.length > 0) toClient.put([offered(output)]);
    } else {
      sender.receive(toClient.take());
      for (let event; (event = sender.nextEvent()) !== undefined;) handle(event);
      const output = sender.takeOutput();
      if (output.length > 0) toServer.put(output);
    }
  }
  assertEquals(side.receiver.state, "closed");
  return results;
}

function described({ mail, recipients, content }: Sent): string {
  return `${formatPath(mail.reversePath)} ${pathsOf(recipients)} ${text(content)}`;
}

function pathsOf(recipients: readonly RcptParameters[]): string[] {
  return recipients.map(({ forwardPath }) => formatPath(forwardPath));
}

/** What a recipient arrives as: without SMTPUTF8 its original recipient is turned into ASCII. */
function arrived(recipient: RcptParameters, { smtpUtf8 }: MailParameters): RcptParameters {
  const isTurned = !smtpUtf8 && recipient.orcpt === ORCPT.at(-1);
  return isTurned ? { ...recipient, orcpt: "utf-8;\\x{E4}@b\\x{FC}cher.example" } : recipient;
}

Deno.test("sender and receiver carry 10,000 random messages octet by octet", () => {
  let count = 0;
  for (let seed = SEED; count < MESSAGES; seed++) {
    try {
      const random = seeded(seed);
      const lmtp = random(4) === 0;
      const messages = Array.from({ length: 1 + random(40) }, () => randomMessage(random));
      const side = new ReceiverSide({ lmtp, maxSize: 1e6, dsn: true });
      const results = send(messages, side, random, lmtp);
      for (const [index, { mail, recipients, content }] of messages.entries()) {
        const taken = side.messages[index];
        const sent = described(messages[index]);
        const came = `${taken.from} ${taken.to} ${text(taken.content)}`;
        // Comparing strings first is what makes this fast.
        if (sent !== came) assertEquals(came, sent);
        assertEquals(taken.content.length, content.length);
        assertEquals(taken.mail, {
          ...mail,
          size: mail.size,
          // 7BIT is what there is without a word.
          body: mail.body === "8BITMIME" ? mail.body : undefined,
        });
        assertEquals(taken.rcpts, recipients.map((recipient) => arrived(recipient, mail)));
        assertEquals(results[index], pathsOf(recipients).map((path) => `${path} 250`));
      }
      count += messages.length;
      assertEquals(side.messages.length, messages.length);
    } catch (error) {
      throw new Error(`Cannot carry the session of seed ${seed}`, { cause: error });
    }
  }
});

Deno.test("sender and receiver agree on what was refused", () => {
  const no = reply(550, "5.7.1", "No");
  const later = reply(450, "4.2.0", "Later");
  const ok = reply(250, "2.0.0", "Ok");
  for (let seed = 1; seed <= 300; seed++) {
    try {
      const random = seeded(seed);
      const lmtp = random(2) === 0;
      const messages = Array.from({ length: 1 + random(10) }, () => randomMessage(random));
      const side = new ReceiverSide({ lmtp, maxSize: 3000, maxErrors: 1e6, dsn: true });
      let index = -1;
      let accepted: string[] = [];
      const expected: string[][] = messages.map(() => []);
      side.decide = (question) => {
        const answer = [ok, ok, ok, no, later][random(5)];
        switch (question.type) {
          case "mail":
            index++;
            accepted = [];
            return answer;
          case "rcpt":
            if (isPositive(answer)) accepted.push(formatPath(question.rcpt.forwardPath));
            return answer;
          case "data":
            return answer;
          case "end": {
            const answers = accepted.map(() => [ok, no, later][random(3)]);
            if (!lmtp) answers.fill(answers[0]);
            expected[index] = accepted.map((path, i) => `${path} ${answers[i].code}`);
            return lmtp ? answers : answers[0];
          }
        }
      };
      // A declared size over the limit is refused before the application sees it.
      const undeclared = messages.map((each) => ({
        ...each,
        mail: { ...each.mail, size: undefined },
      }));
      const results = send(undeclared, side, random, lmtp);
      for (const [i, told] of results.entries()) {
        if (expected[i].length > 0) assertEquals(told, expected[i]);
        // Refused before the mail data, or for its size behind it.
        else assert(told.length > 0 && told.every((each) => / [45]\d\d$/.test(each)), `${told}`);
      }
    } catch (error) {
      throw new Error(`Cannot carry the session of seed ${seed}`, { cause: error });
    }
  }
});
