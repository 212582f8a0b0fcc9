/**
 * Random and mutated dialogs against the receiver, in random segments. A failure names the seed of its
 * session; `SESSION_SEED` below runs that one alone.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { ReceiverOptions } from "../../lib/smtp/receiver_options.ts";
import type { ReceiverQuestion } from "../../lib/smtp/receiver_events.ts";
import { type Reply, reply } from "../../lib/smtp/reply.ts";
import { ReceiverSide } from "./receiver_side.ts";
import { cutEvery, octets, seeded, text } from "./wire.ts";

/** Input of all sessions together, in octets. */
const TOTAL = 12_000_000;

/** Where a failure is looked into. */
const SESSION_SEED: number | undefined = undefined;

type Random = (below: number) => number;

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)];
}

const HELLOS = ["EHLO client\r\n", "LHLO client\r\n", "HELO client\r\n"];
const MAILS = [
  "MAIL FROM:<a@example.org>\r\n",
  "MAIL FROM:<>\r\n",
  'mail from: <@a,@b:"x@y"@[IPv6:::1]> SIZE=10 BODY=8BITMIME\r\n',
  "MAIL FROM:<j\xc3\xbcrgen@b\xc3\xbccher.example> SMTPUTF8\r\n",
];
const RCPTS = [
  "RCPT TO:<b@example.net>\r\n",
  "RCPT TO:<postmaster>\r\n",
  "RCPT TO:<user%other@[192.0.2.1]>\r\n",
  "RCPT TO:<\xd1\x8e@example.net>\r\n",
];
const OTHERS = [
  "NOOP\r\n",
  "RSET\r\n",
  "HELP me\r\n",
  "VRFY joe\r\n",
  "DATA\r\n",
  "BDAT 0\r\n",
  "BDAT 0 LAST\r\n",
  "BDAT 6 LAST\r\nQUIT\r\n",
  "\r\n",
  ".\r\n",
  "STARTTLS\r\n",
  "FOO\r\n",
  "MAIL FROM:<a@b> __proto__=1 constructor=2\r\n",
  "RCPT TO:<a@b> NOTIFY=NEVER\r\n",
  "NOOP \x00\r\n",
  "NOOP \xff\r\n",
  "NOOP\n",
  "NOOP\r",
  `${"x".repeat(3000)}\r\n`,
  `MAIL FROM:<${"@a,".repeat(300)}@a:b@c>\r\n`,
];
const RARE = ["QUIT\r\n", "GET / HTTP/1.1\r\n", "BDAT x\r\n", "BDAT 99999999999999999999\r\n"];
const LINES = ["hello", "", ".", "..", ".x", "\xff\x00", "a\nb", "a\rb", "\n.\n", "x".repeat(700)];

function mailData(random: Random): string {
  const lines = Array.from({ length: random(6) }, () => {
    // Most messages have nothing wrong with them.
    const line = pick(random, random(4) === 0 ? LINES : LINES.slice(0, 6));
    return line.startsWith(".") ? `.${line}` : line;
  });
  return lines.map((line) => `${line}\r\n`).join("");
}

function transaction(random: Random): string {
  let input = pick(random, MAILS);
  for (let i = 1 + random(3); i > 0; i--) input += pick(random, RCPTS);
  if (random(2) === 0) return `${input}DATA\r\n${mailData(random)}.\r\n`;
  for (let i = 1 + random(3); i > 0; i--) {
    const data = mailData(random);
    const end = i === 1 && random(8) > 0 ? " LAST" : "";
    // Now and then a length that is not the chunk's.
    const length = Math.max(0, data.length + (random(20) === 0 ? random(9) - 4 : 0));
    input += `BDAT ${length}${end}\r\n${data}`;
  }
  return input;
}

function dialog(random: Random, lmtp: boolean): string {
  let input = random(20) === 0 ? "" : HELLOS[lmtp ? 1 : 2 * random(2)];
  for (let i = random(12); i > 0; i--) {
    const kind = random(20);
    if (kind < 10) input += transaction(random);
    else if (kind < 13) input += pick(random, HELLOS);
    else if (kind < 19) input += pick(random, OTHERS);
    else if (random(4) === 0) input += pick(random, RARE);
    else input += pick(random, MAILS) + pick(random, RCPTS);
  }
  return input;
}

const SPLICES = [
  "\r\n",
  "\r",
  "\n",
  ".",
  "\r\n.\r\n",
  "\n.\n",
  "\0",
  "<",
  ">",
  '"',
  "\\",
  "@",
  " ",
];

function mutate(random: Random, input: string): string {
  for (let i = random(6); i > 0; i--) {
    const at = random(input.length + 1);
    const to = Math.min(input.length, at + random(pick(random, [4, 40, 400])));
    const [before, part, after] = [input.slice(0, at), input.slice(at, to), input.slice(to)];
    switch (random(5)) {
      case 0:
        input = before + after;
        break;
      case 1:
        input = before + part + part + after;
        break;
      case 2:
        input = before + pick(random, SPLICES) + part + after;
        break;
      case 3:
        input = before + String.fromCharCode(random(256)) + input.slice(at + 1);
        break;
      case 4:
        input = before + after + part;
        break;
    }
  }
  return input;
}

function noise(random: Random): string {
  const alphabet = '\r\n\r\n\r\n.. <>@:"\\=[]abMAILFROMRCPTDT0123456789BDAT\0\x80\xc3\xa9\t';
  let input = "";
  for (let i = random(2000); i > 0; i--) input += alphabet[random(alphabet.length)];
  return input;
}

/** Mostly yes; else any reply an application might think of. */
function decide(random: Random, recipients: number, question: ReceiverQuestion): Reply | Reply[] {
  const one = (): Reply => {
    if (random(6) > 0) return reply(question.type === "connect" ? 220 : 250, "2.0.0", "yes");
    if (random(40) === 0) return reply(421, "4.3.2", "enough");
    // 503 is the receiver's own word for what came out of sequence.
    const code = 404 + 100 * random(2) + random(56);
    const words = ["no", "no\r\n250 yes", "\0\x7f\xff\u{1f600}", "", "x".repeat(600)];
    return reply(
      code,
      `${code / 100 | 0}.${random(8)}.0`,
      ...words.slice(0, random(words.length + 1)),
    );
  };
  if (question.type === "end" && recipients > 0 && random(2) === 0) {
    return Array.from({ length: recipients }, () => {
      const each = one();
      return each.code === 421 ? reply(450, "4.2.0", "later") : each;
    });
  }
  return one();
}

/** Cuts output into replies; throws unless all of it is well-formed reply lines. */
function repliesOf(output: string): number[] {
  const codes: number[] = [];
  let begun: string | undefined;
  if (output === "") return codes;
  assert(output.endsWith("\r\n"), "the output ends inside a line");
  for (const line of output.slice(0, -2).split("\r\n")) {
    const match = /^([2-5][0-5]\d)([ -])[\t\x20-\x7e]*$/.exec(line);
    assert(match !== null, `no reply line: ${JSON.stringify(line)}`);
    assert(begun === undefined || begun === match[1], "one reply has two codes");
    begun = match[2] === "-" ? match[1] : undefined;
    if (begun === undefined) codes.push(Number(match[1]));
  }
  assertEquals(begun, undefined, "the last reply has no end");
  return codes;
}

/**
 * Reads the input along with the replies, as simply as possible, and answers how many replies there
 * should be, and whether that is sure.
 */
function expectedReplies(
  input: string,
  codes: number[],
  { lmtp, normalizeNewlines }: ReceiverOptions,
): { least: number; most: number } {
  const exactly = (count: number) => ({ least: count, most: count });
  if (codes[0] === 421) return exactly(1);
  let count = 1;
  let recipients = 0;
  let at = 0;
  for (;;) {
    const lineEnd = normalizeNewlines ? /\r\n|\r(?!$)|\n/g : /\r\n/g;
    lineEnd.lastIndex = at;
    const found = lineEnd.exec(input);
    if (found === null) {
      // The bare LF of an unfinished line is told at once.
      const isTold = !normalizeNewlines && input.indexOf("\n", at) >= 0;
      return exactly(count + Number(isTold));
    }
    const line = input.slice(at, found.index);
    at = found.index + found[0].length;
    const bdat = /^BDAT (\d{1,20})(?: +(LAST))?[ \t]*$/i.exec(line);
    const size = Number(bdat?.[1]);
    if (bdat !== null && Number.isSafeInteger(size) && line.length <= 2046) {
      if (at + size > input.length) return exactly(count);
      at += size;
      const code = codes[count++];
      if (code === 421) return exactly(count);
      if (bdat[2] !== undefined && lmtp && code !== 503) count += recipients - 1;
      continue;
    }
    const code = codes[count++];
    const isFatal = code === 501 && /^BDAT(?: |$)/i.test(line.replace(/[ \t]+$/, ""));
    if (code === 421 || code === 221 || isFatal) return exactly(count);
    if (/^MAIL /i.test(line) && code === 250) recipients = 0;
    if (/^RCPT /i.test(line) && code === 250) recipients++;
    if (code !== 354) continue;
    const end = input.startsWith(".\r\n", at) ? at : input.indexOf("\r\n.\r\n", at) + 2;
    if (end < at + 2 && !input.startsWith(".\r\n", at)) return exactly(count);
    at = end + 3;
    if (codes[count] === 421) return exactly(count + 1);
    count += lmtp ? recipients : 1;
  }
}

function run(input: Uint8Array[], options: ReceiverOptions, answers: Random): [string, string] {
  const side = new ReceiverSide(options);
  side.decide = (question) => {
    const recipients = options.lmtp ? side.receiver.envelope?.forwardPaths.length ?? 0 : 1;
    return decide(answers, recipients, question);
  };
  for (const segment of input) side.receive(segment);
  const output = text(side.takeOutput());
  assert(side.mostOutput < 200_000, `${side.mostOutput} octets of output waited`);
  return [output, side.takeEvents().join("\n")];
}

/** A message that is both too large and has a bare CR or LF is refused for what is seen first. */
function unified(said: string): string {
  return said.replace(/^reset (?:too large|bare [CL][RF])$/gm, "reset")
    .replace(/^(?:552 5\.3\.4|550 5\.6\.0) Message .*$/gm, "55z Message refused");
}

/** Runs one session in several ways. Answers how much input that was. */
function session(seed: number): number {
  const random = seeded(seed);
  const options: ReceiverOptions = {
    hostname: "mx.example.org",
    lmtp: random(4) === 0,
    normalizeNewlines: random(4) === 0,
    maxErrors: pick(random, [2, 20, 1000]),
    maxSize: pick(random, [20, 2000, 1_000_000]),
    maxRecipients: pick(random, [1, 2, 100]),
  };
  let input = random(10) === 0 ? noise(random) : dialog(random, options.lmtp!);
  if (random(2) === 0) input = mutate(random, input);
  const bytes = octets(input);
  const segments: Uint8Array[] = [];
  const longest = pick(random, [3, 20, 300, 3000]);
  for (let at = 0; at < bytes.length;) {
    const length = 1 + random(longest);
    segments.push(bytes.slice(at, at + length));
    at += length;
  }
  const answers = random(1 << 30);
  const [output, events] = run([bytes], options, seeded(answers));
  const codes = repliesOf(output);
  const { least, most } = expectedReplies(input, codes, options);
  assert(
    codes.length >= least && codes.length <= most,
    `${codes.length} replies (${codes}) instead of ${least} to ${most}`,
  );
  // Segments must make no difference.
  for (const way of random(3) === 0 ? [segments, cutEvery(bytes, 1)] : [segments]) {
    const [again, told] = run(way, options, seeded(answers));
    if (again !== output) assertEquals(unified(again), unified(output));
    if (told !== events) assertEquals(unified(told), unified(events));
  }
  return bytes.length;
}

Deno.test("receiver holds out against random and mutated dialogs", () => {
  let octetsRead = 0;
  let sessions = 0;
  for (let seed = SESSION_SEED ?? 1; octetsRead < TOTAL; seed++, sessions++) {
    try {
      octetsRead += session(seed);
    } catch (error) {
      throw new Error(`Cannot hold out against the session of seed ${seed}`, { cause: error });
    }
    if (SESSION_SEED !== undefined) return;
  }
  assert(sessions > 1000);
});
