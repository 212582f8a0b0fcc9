/** Messages that have to come through octet by octet, and how octets are compared. */
import { AssertionError } from "@std/assert";

const encoder = new TextEncoder();

/** Text as octets, of which each stands for one character: nothing over U+00FF. */
export function octets(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Puts octets together. */
export function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const all = parts.map((part) => typeof part === "string" ? octets(part) : part);
  const whole = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether octets end in CR LF. */
export function endsLine(content: Uint8Array): boolean {
  return content.at(-2) === 13 && content.at(-1) === 10;
}

/** The mail data that comes of octets: SMTP has no way to leave the last line without its CR LF. */
export function withLineEnd(content: Uint8Array): Uint8Array {
  return content.length === 0 || endsLine(content) ? content : joined(content, "\r\n");
}

/** Fails where two runs of octets differ, and shows the first place and what is around it. */
export function assertOctets(actual: Uint8Array, expected: Uint8Array, what: string): void {
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  if (at === expected.length && at === actual.length) return;
  const around = (all: Uint8Array) => {
    const some = all.subarray(Math.max(0, at - 40), at + 40);
    return JSON.stringify(String.fromCharCode(...some));
  };
  throw new AssertionError(
    `${what}: ${actual.length} octets, expected ${expected.length}; they differ at ${at}:\n` +
      `  actual   ${around(actual)}\n  expected ${around(expected)}`,
  );
}

const HEADER = "From: <a@client.test>\r\nTo: <b@local.test>\r\nSubject: octets\r\n" +
  "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@client.test>\r\n";

/** Lines of every length from 1 on, all of them dots and more: some dot is at each place of a slice. */
function dottedLines(): string {
  let text = "";
  for (let i = 0; text.length < 300_000; i++) {
    text += `${".".repeat(1 + i % 3)}${"x".repeat(i % 97)}\r\n`;
  }
  return text;
}

/** About 20 MB of lines of many lengths, some with a dot, some of it not ASCII. */
function largeBody(): Uint8Array {
  const block = octets(
    Array.from({ length: 997 }, (_, i) => `${i % 7 === 0 ? "." : "\xe9"}${"m".repeat(i)}\r\n`).join(
      "",
    ),
  );
  return joined(...Array.from({ length: Math.ceil(20e6 / block.length) }, () => block));
}

/** Every octet that mail data may have but NUL, which no line of text has. */
const EVERY_OCTET = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1))
  .filter((character) => character !== "\r" && character !== "\n").join("");

/** A message of the corpus. */
export interface Sample {
  readonly name: string;
  readonly content: Uint8Array;
  /** Whether there are octets over 127, for which 8BITMIME is there. */
  readonly isEightBit?: boolean;
  /** Whether the header section or the envelope is internationalized (RFC 6531). */
  readonly isInternational?: boolean;
  /** Whether there is a line over 998 octets, which RFC 5322 forbids and mail programs cut. */
  readonly hasLongLine?: boolean;
}

function sample(name: string, text: string, facts: Omit<Sample, "name" | "content"> = {}): Sample {
  return { name, content: octets(text), ...facts };
}

/** The messages. */
export const CORPUS: readonly Sample[] = [
  sample("text", `${HEADER}\r\nOne line.\r\nAnother.\r\n`),
  sample("dots", `${HEADER}\r\n.\r\n..\r\n.x\r\n...\r\n\r\n. \r\n.\r\n\r\nx.\r\n..x\r\n.\r\n`),
  sample("a dot at each place of a slice", `${HEADER}\r\n${dottedLines()}`),
  sample("every octet", `${HEADER}\r\n${EVERY_OCTET}\r\n.${EVERY_OCTET}\r\n`, { isEightBit: true }),
  {
    name: "UTF-8 in header and body",
    content: encoder.encode(
      "From: J\u00f6rg <j\u00f6rg@client.test>\r\nTo: <b@local.test>\r\nSubject: Gr\u00fc\u00dfe \u2709\r\n" +
        "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@client.test>\r\n\r\n" +
        ".\u00e4\u00f6\u00fc \u{1f4e8}\r\n",
    ),
    isEightBit: true,
    isInternational: true,
  },
  sample(
    "lines of 998 octets",
    `${HEADER}\r\n${"x".repeat(998)}\r\n.${"y".repeat(997)}\r\n${".".repeat(998)}\r\n`,
  ),
  sample(
    "longer lines",
    `${HEADER}\r\n${"x".repeat(999)}\r\n.${"y".repeat(4999)}\r\n${".z".repeat(50_000)}\r\n`,
    { hasLongLine: true },
  ),
  sample("no final CR LF", `${HEADER}\r\nThe last line has no end`),
  sample("a header section alone", HEADER),
  sample("an empty body", `${HEADER}\r\n`),
  sample("empty lines at the end", `${HEADER}\r\nx\r\n\r\n\r\n`),
  sample("nothing", ""),
  { name: "20 MB", content: joined(HEADER, "\r\n", largeBody()), isEightBit: true },
];
