import { assert, assertEquals } from "@std/assert";
import type { Reply } from "../../lib/smtp/reply.ts";
import { formatReply } from "../../lib/smtp/reply.ts";
import { MAX_REPLY_LINES, ReplyParser } from "../../lib/smtp/reply_parser.ts";
import { octets, seeded, splits } from "./wire.ts";

/** Everything that comes of the segments: replies, or the text of the fault that ends them. */
function parse(segments: Iterable<Uint8Array>): (Reply | string)[] {
  const parser = new ReplyParser();
  const found: (Reply | string)[] = [];
  for (const segment of segments) {
    for (let at = 0;;) {
      const outcome = parser.next(segment, at);
      at = parser.position;
      if (outcome.kind === "more") {
        assertEquals(at, segment.length);
        break;
      }
      if (outcome.kind === "fault") return [...found, outcome.text];
      found.push(outcome.reply);
    }
  }
  return found;
}

function r(code: number, enhanced: string | undefined, ...lines: string[]): Reply {
  return enhanced === undefined ? { code, lines } : { code, enhanced, lines };
}

/** What is on the wire, one character an octet, and what it says. */
const TABLE: [wire: string, ...found: (Reply | string)[]][] = [
  // Codes and separators.
  ["250 Ok\r\n", r(250, undefined, "Ok")],
  ["250\r\n", r(250, undefined, "")],
  ["250 \r\n", r(250, undefined, "")],
  ["250  Ok \r\n", r(250, undefined, " Ok ")],
  ["200 low\r\n", r(200, undefined, "low")],
  ["559 high\r\n", r(559, undefined, "high")],
  ["354 Go on\r\n", r(354, undefined, "Go on")],
  ["250 a\tb\r\n", r(250, undefined, "a\tb")],
  ["250 250-x\r\n", r(250, undefined, "250-x")],
  // Several lines, several replies.
  ["250-a\r\n250 b\r\n", r(250, undefined, "a", "b")],
  ["250-\r\n250-\r\n250\r\n", r(250, undefined, "", "", "")],
  ["250-a\r\n250-b\r\n250\r\n", r(250, undefined, "a", "b", "")],
  ["250 a\r\n550 b\r\n", r(250, undefined, "a"), r(550, undefined, "b")],
  [
    "250-a\r\n250 b\r\n421-c\r\n421 d\r\n",
    r(250, undefined, "a", "b"),
    r(421, undefined, "c", "d"),
  ],
  // Unfinished ones.
  ["", ...[]],
  ["250", ...[]],
  ["250 Ok\r", ...[]],
  ["250-a\r\n", ...[]],
  ["250 a\r\n25", r(250, undefined, "a")],
  // Enhanced status codes.
  ["250 2.1.0 Ok\r\n", r(250, "2.1.0", "Ok")],
  ["250 2.0.0\r\n", r(250, "2.0.0", "")],
  ["250 2.0.0 \r\n", r(250, "2.0.0", "")],
  ["250 2.0.0  Ok\r\n", r(250, "2.0.0", " Ok")],
  ["451 4.7.123 Wait\r\n", r(451, "4.7.123", "Wait")],
  ["550 5.999.999 x\r\n", r(550, "5.999.999", "x")],
  ["550-5.1.1 No\r\n550 5.1.1 user\r\n", r(550, "5.1.1", "No", "user")],
  ["550-5.1.1 No\r\n550 user\r\n", r(550, "5.1.1", "No", "user")],
  ["550-5.1.1 No\r\n550 5.7.1 user\r\n", r(550, "5.1.1", "No", "5.7.1 user")],
  ["550-No\r\n550 5.1.1 user\r\n", r(550, undefined, "No", "5.1.1 user")],
  ["250 5.1.1 contradiction\r\n", r(250, undefined, "5.1.1 contradiction")],
  ["550 2.0.0 contradiction\r\n", r(550, undefined, "2.0.0 contradiction")],
  ["354 3.0.0 no such class\r\n", r(354, undefined, "3.0.0 no such class")],
  ["250 2.1.0Ok\r\n", r(250, undefined, "2.1.0Ok")],
  ["250 2.1.0.4 version\r\n", r(250, undefined, "2.1.0.4 version")],
  ["250 2.01.0 zero\r\n", r(250, undefined, "2.01.0 zero")],
  ["250 2.1000.0 long\r\n", r(250, undefined, "2.1000.0 long")],
  ["250 2.1 short\r\n", r(250, undefined, "2.1 short")],
  ["250  2.1.0 space\r\n", r(250, undefined, " 2.1.0 space")],
  // Text that is not ASCII, or worse.
  ["250 gr\xc3\xbcezi\r\n", r(250, undefined, "grüezi")],
  ["250 gr\xc3\xbc\tezi\r\n", r(250, undefined, "grü\tezi")],
  ["250 gr\xfcezi\r\n", r(250, undefined, "gr\\xfcezi")],
  ["250 gr\xc3\xbcezi \xff\r\n", r(250, undefined, "gr\\xc3\\xbcezi \\xff")],
  ["250 \x1b[2J\r\n", r(250, undefined, "\\x1b[2J")],
  ["250 a\x00b\x7f\r\n", r(250, undefined, "a\\x00b\\x7f")],
  ["250 \xc2\x85\r\n", r(250, undefined, "\\xc2\\x85")],
  ["250 \xe2\x80\xae\r\n", r(250, undefined, "\\xe2\\x80\\xae")],
  ["250 \xe2\x80\xa8\r\n", r(250, undefined, "\\xe2\\x80\\xa8")],
  ["250 \xed\xa0\x80\r\n", r(250, undefined, "\\xed\\xa0\\x80")],
  ["550 5.1.1 \xff\r\n", r(550, "5.1.1", "\\xff")],
  ["250 __proto__\r\n", r(250, undefined, "__proto__")],
  // Faults.
  ["\r\n", 'a reply line has no reply code: ""'],
  ["Ok\r\n", 'a reply line has no reply code: "Ok"'],
  ["25\r\n", 'a reply line has no reply code: "25"'],
  ["2500 a\r\n", 'a reply line has no reply code: "2500 a"'],
  ["250_a\r\n", 'a reply line has no reply code: "250_a"'],
  ["250\ta\r\n", 'a reply line has no reply code: "250\\x09a"'.replace("\\x09", "\t")],
  [" 250 a\r\n", 'a reply line has no reply code: " 250 a"'],
  ["150 a\r\n", 'a reply line has no reply code: "150 a"'],
  ["199 a\r\n", 'a reply line has no reply code: "199 a"'],
  ["260 a\r\n", 'a reply line has no reply code: "260 a"'],
  ["600 a\r\n", 'a reply line has no reply code: "600 a"'],
  [
    "\xef\xbb\xbf250 a\r\n",
    'a reply line has no reply code: "\\xef\\xbb\\xbf250 a"',
  ],
  ["\xd9\xa2\xd9\xa5\xd9\xa0 a\r\n", 'a reply line has no reply code: "\\u0662\\u0665\\u0660 a"'],
  ["x\x1b\x00\r\n", 'a reply line has no reply code: "x\\x1b\\x00"'],
  [`${"x".repeat(100)}\r\n`, `a reply line has no reply code: "${"x".repeat(80)}..."`],
  ["250-a\r\n550 b\r\n", "a reply begins with 250 and goes on with 550"],
  ["250-a\r\nb\r\n", 'a reply line has no reply code: "b"'],
  ["250-a\r\n\r\n", 'a reply line has no reply code: ""'],
  ["250 a\n", "a reply line has a bare LF"],
  ["250 a\n250 b\r\n", "a reply line has a bare LF"],
  ["250 a\rb\r\n", "a reply line has a bare CR"],
  ["250 a\r\r\n", "a reply line has a bare CR"],
  ["250 a\r\n250 b\n\r\n", r(250, undefined, "a"), "a reply line has a bare LF"],
  [
    "250 a\r\nrubbish\r\n250 b\r\n",
    r(250, undefined, "a"),
    'a reply line has no reply code: "rubbish"',
  ],
];

Deno.test("reply parser reads the table, whole, octet by octet and cut anywhere", () => {
  assert(TABLE.length > 60);
  for (const [wire, ...found] of TABLE) {
    for (const { name, segments } of splits(octets(wire))) {
      assertEquals(parse(segments), found, `${JSON.stringify(wire)} ${name}`);
    }
  }
});

Deno.test("reply parser leaves what trails a reply to the next one", () => {
  for (const [wire, ...found] of TABLE) {
    if (!wire.endsWith("\r\n") || typeof found.at(-1) === "string" || found.length === 0) continue;
    for (const trailing of ["2", "250", "250-", "\r", "x"]) {
      for (const { name, segments } of splits(octets(wire + trailing))) {
        assertEquals(parse(segments), found, `${JSON.stringify(wire + trailing)} ${name}`);
      }
    }
  }
});

Deno.test("reply parser bounds lines, their number and the whole", () => {
  const line = "x".repeat(2042);
  const longest = "x".repeat(12_282);
  const table: [wire: string, fault?: string][] = [
    [`250 ${line}\r\n`],
    [`250 ${longest}\r\n`],
    [`250 x${longest}\r\n`, "a reply line is over 12288 octets long"],
    [`250 ${longest}${line}\r\n250 Ok\r\n`, "a reply line is over 12288 octets long"],
    ["250-x\r\n".repeat(MAX_REPLY_LINES - 1) + "250 x\r\n"],
    ["250-x\r\n".repeat(MAX_REPLY_LINES) + "250 x\r\n", "a reply has over 128 lines"],
    [`250-${line}\r\n`.repeat(7) + `250 ${line}\r\n`],
    [`250-${line}\r\n`.repeat(8) + "250 x\r\n", "a reply is over 16384 octets long"],
    ["x".repeat(20_000), "a reply is over 16384 octets long"],
    [`250 a\rb${"x".repeat(20_000)}`, "a reply is over 16384 octets long"],
    ["250 x\r\n".repeat(10_000)],
  ];
  for (const [wire, fault] of table) {
    const bytes = octets(wire);
    let ways = 0;
    for (const { name, segments } of splits(bytes)) {
      if (ways++ > 12) break;
      assertEquals(
        parse(segments).filter((found) => typeof found === "string"),
        fault === undefined ? [] : [fault],
        `${wire.slice(0, 20)} ${name}`,
      );
    }
  }
});

Deno.test("reply parser reads what formatReply writes", () => {
  const random = seeded(3);
  const alphabet = "ab 0.5-\\\t~";
  const pick = () => alphabet[random(alphabet.length)];
  for (let round = 0; round < 2000; round++) {
    const code = [220, 250, 451, 550, 554][random(5)];
    const enhanced = random(2) === 0
      ? undefined
      : `${Math.floor(code / 100)}.${random(8)}.${random(300)}`;
    const lines = Array.from(
      { length: 1 + random(4) },
      () => Array.from({ length: random(20) }, pick).join(""),
    );
    const reply = r(code, enhanced, ...lines);
    assertEquals(parse([octets(formatReply(reply))]), [reply]);
  }
});

Deno.test("reply parser says the same of random octets however they are cut", () => {
  const random = seeded(5);
  const pieces = [..."250-4 \r\nx\x00\xff\xc3\xbc", "\r\n", "\r\n", "250 ", "250-", "550 5.1.1 "];
  for (let round = 0; round < 2000; round++) {
    const wire = Array.from({ length: random(30) }, () => pieces[random(pieces.length)]).join("");
    const bytes = octets(wire);
    let first: (Reply | string)[] | undefined;
    for (const { name, segments } of splits(bytes)) {
      const found = parse(segments);
      first ??= found;
      assertEquals(found, first, `${JSON.stringify(wire)} ${name}`);
    }
  }
});
