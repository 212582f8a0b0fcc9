import { assert, assertEquals } from "@std/assert";
import { MailDataDecoder } from "../../lib/smtp/mail_data_decoder.ts";
import { MailDataEncoder } from "../../lib/smtp/mail_data_encoder.ts";
import { ReceiverSide } from "./receiver_side.ts";
import { cutEvery, join, octets, splits, text } from "./wire.ts";

/** What somebody somewhere has taken for the end of mail data, or might. */
const FALSE_ENDS: readonly string[] = [
  "\n.\n",
  "\n.\r\n",
  "\n.\r",
  "\r.\r",
  "\r.\r\n",
  "\r.\n",
  "\r\n.\n",
  "\r\n.\r",
  "\r\n.\n\r\n",
  "\r\n.\r\r\n",
  "\r\r\n.\r\r\n",
  "\n\n.\n\n",
  "\n\r.\n\r",
  "\r\r.\r\r",
  "\n\r\n.\n\r\n",
  "\r\n..\r\n",
  "\r\n...\r\n",
  "\r\n.\r.\r\n",
  "\r\n.\n.\r\n",
  "\r\n. \r\n",
  "\r\n .\r\n",
  "\r\n.\t\r\n",
  "\r\n.\x00\r\n",
  "\r\n\x00.\r\n",
  "\r\x00\n.\r\x00\n",
  "\r\n.\x1a\r\n",
  "\r\n.\x0b\r\n",
  "\x0b.\x0b",
  "\x0c.\x0c",
  "\x04",
  "\x1a",
  // NEL, and the line separator in UTF-8.
  "\x85.\x85",
  "\xe2\x80\xa8.\xe2\x80\xa8",
  // CR LF whose eighth bit is set, and in overlong UTF-8.
  "\x8d\x8a.\x8d\x8a",
  "\xc0\x8d\xc0\x8a.\xc0\x8d\xc0\x8a",
  "\r\n\xae\r\n",
  "\\r\\n.\\r\\n",
  "=0D=0A.=0D=0A",
];

/** What follows a false end in the hope of being commands. It ends at the true end. */
const SMUGGLED = [
  "MAIL FROM:<evil@evil.example>",
  "RCPT TO:<victim@example.net>",
  "DATA",
  "Subject: smuggled",
  "",
  "body",
].join("\r\n");

const BEFORE = "Subject: honest\r\n\r\nbody";
const ENVELOPE = "HELO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n";

function isBare(message: string): boolean {
  return message.replaceAll("\r\n", "").search(/[\r\n]/) >= 0;
}

/**
 * What a message in DATA means: the lines are those that CR LF ends, and a dot before one goes. A bare
 * CR or LF is a line break only afterwards, when nothing hangs on it any more.
 */
function meaning(wire: string): string {
  const lines = wire.split("\r\n").map((line) => line.startsWith(".") ? line.slice(1) : line);
  return lines.map(normalized).join("\r\n");
}

function normalized(message: string): string {
  return message.replace(/\r\n|\r|\n/g, "\r\n");
}

/** All ways to cut what lies between two places, and nothing else. */
function* windowSplits(bytes: Uint8Array, from: number, to: number): Iterable<Uint8Array[]> {
  const places = Math.min(to - from + 1, 9);
  for (let mask = 0; mask < 1 << places; mask++) {
    const segments: Uint8Array[] = [];
    let start = 0;
    for (let i = 0; i < places; i++) {
      if ((mask >> i & 1) === 0) continue;
      segments.push(bytes.slice(start, from + i));
      start = from + i;
    }
    segments.push(bytes.slice(start));
    yield segments;
  }
}

function* allSplits(bytes: Uint8Array, from: number, to: number): Iterable<Uint8Array[]> {
  yield* windowSplits(bytes, from, to);
  for (const { segments } of splits(bytes)) yield segments;
}

/** The last two replies to a session: to the message, and to the command behind it. */
function run(side: ReceiverSide, segments: Iterable<Uint8Array>, where: string): string {
  for (const segment of segments) side.receive(segment);
  const replies = text(side.takeOutput());
  // The true end was seen, and nothing before it: one reply to the message, one to NOOP.
  const match = /^(\d{3}) [^\r\n]*\r\n250 2\.0\.0 Ok\r\n$/.exec(replies);
  assert(match !== null, `${where}: ${JSON.stringify(replies)}`);
  for (const event of side.takeEvents()) assert(!/^(mail|rcpt|close)/.test(event), event);
  assertEquals(side.receiver.state, "ready", where);
  return match[1];
}

/** A receiver that awaits mail data, or BDAT. */
function ready(normalizeNewlines: boolean, command: string): ReceiverSide {
  const side = new ReceiverSide({ normalizeNewlines, maxSize: 10_000 });
  side.receive(octets(`${ENVELOPE}${command}`));
  side.takeOutput();
  side.takeEvents();
  return side;
}

for (const falseEnd of FALSE_ENDS) {
  const name = JSON.stringify(falseEnd);
  for (const before of [BEFORE, ""]) {
    const where = before === "" ? "right behind DATA" : "in the midst";
    const message = `${before}${falseEnd}${SMUGGLED}`;
    const wire = octets(`${message}\r\n.\r\nNOOP\r\n`);

    Deno.test(`smuggling by ${name} ${where} fails in DATA`, () => {
      for (const normalizeNewlines of [false, true]) {
        const isRefused = !normalizeNewlines && isBare(message);
        for (const segments of allSplits(wire, before.length, before.length + falseEnd.length)) {
          const side = ready(normalizeNewlines, "DATA\r\n");
          assertEquals(run(side, segments, name), isRefused ? "550" : "250");
          assertEquals(side.messages.length, isRefused ? 0 : 1);
          if (isRefused) continue;
          assertEquals(side.messages[0].from, "<a@example.org>");
          assertEquals(text(side.messages[0].content), `${meaning(message)}\r\n`);
        }
      }
    });

    Deno.test(`smuggling by ${name} ${where} fails in BDAT`, () => {
      for (const normalizeNewlines of [false, true]) {
        const isRefused = !normalizeNewlines && isBare(message);
        const chunk = octets(message);
        const command = octets(`BDAT ${chunk.length} LAST\r\n`);
        const start = command.length + before.length;
        const whole = join([command, chunk, octets("NOOP\r\n")]);
        for (const segments of windowSplits(whole, start, start + falseEnd.length)) {
          const side = ready(normalizeNewlines, "");
          assertEquals(run(side, segments, name), isRefused ? "550" : "250");
          if (!isRefused) assertEquals(text(side.messages[0].content), normalized(message));
        }
        // In two chunks, cut wherever the false end can be.
        for (let cut = before.length; cut <= before.length + falseEnd.length; cut++) {
          const whole = join([
            octets(`BDAT ${cut}\r\n`),
            chunk.subarray(0, cut),
            octets(`BDAT ${chunk.length - cut} LAST\r\n`),
            chunk.subarray(cut),
            octets("NOOP\r\n"),
          ]);
          for (const segments of [[whole], cutEvery(whole, 1), cutEvery(whole, 7)]) {
            const side = ready(normalizeNewlines, "");
            for (const segment of segments) side.receive(segment);
            const replies = text(side.takeOutput());
            const codes = replies.split("\r\n").map((line) => line.slice(0, 3)).join(" ");
            // Refused with the first chunk, so that the second is out of sequence, or with the second.
            const wanted = isRefused ? /^(550 503|250 550) 250 $/ : /^250 250 250 $/;
            assert(wanted.test(codes), `${name} cut at ${cut}: ${replies}`);
            assertEquals(side.messages.length, isRefused ? 0 : 1);
            if (!isRefused) assertEquals(text(side.messages[0].content), normalized(message));
          }
        }
      }
    });
  }
}

/** How the next hop may look for the end of mail data. The first is the rule. */
const PARSERS: readonly (readonly [name: string, end: RegExp])[] = [
  ["strict", /(?:^|\r\n)\.\r\n/],
  ["LF alone", /(?:^|\n)\.\n/],
  ["CR alone", /(?:^|\r)\.\r/],
  ["LF, with or without CR", /(?:^|\r?\n)\.\r?\n/],
  ["any line break on either side", /(?:^|[\r\n])\.(?:\r\n|[\r\n])/],
  ["any number of CRs", /(?:^|\r*\n)\.\r*\n/],
  ["LF CR", /(?:^|\n\r?)\.\n\r?/],
  ["white space behind the dot", /(?:^|\r\n)\.[ \t\x00\x0b\x0c\x1a]*\r\n/],
  ["a dot, whatever is in its line behind a bare break", /(?:^|\r\n)\.(?:[\r\n]|$)/],
];

/** How much a parser takes for mail data, if it sees an end at all. */
function seenEnd(pattern: RegExp, wire: string): number | undefined {
  const found = pattern.exec(wire);
  return found === null ? undefined : found.index + found[0].length;
}

/** Takes a message through the encoder; `undefined` where it refuses to send it. */
function encode(slices: Iterable<Uint8Array>): { sent: Uint8Array; isWhole: boolean } {
  const encoder = new MailDataEncoder();
  const sent: Uint8Array[] = [];
  try {
    for (const slice of slices) for (const part of encoder.encode(slice)) sent.push(part.slice());
    sent.push(encoder.end());
    return { sent: join(sent), isWhole: true };
  } catch (error) {
    assert(error instanceof RangeError, `${error}`);
    // Once it has refused, there is no end of data to be had from it.
    let refusals = 0;
    for (const again of [() => encoder.encode(octets("x\r\n")), () => encoder.end()]) {
      try {
        again();
      } catch {
        refusals++;
      }
    }
    assertEquals(refusals, 2);
    return { sent: join(sent), isWhole: false };
  }
}

for (const falseEnd of FALSE_ENDS) {
  const name = JSON.stringify(falseEnd);
  for (const before of [BEFORE, ""]) {
    const message = `${before}${falseEnd}${SMUGGLED}\r\n`;
    const where = before === "" ? "at the beginning" : "in the midst";
    Deno.test(`smuggling by ${name} ${where} fails on the way out`, () => {
      const end = before.length + falseEnd.length;
      for (const [content, isClean] of [[message, !isBare(message)], [meaning(message), true]]) {
        for (const slices of allSplits(octets(content as string), before.length, end)) {
          const { sent, isWhole } = encode(slices);
          assertEquals(isWhole, isClean);
          const wire = text(sent);
          assert(!isBare(isWhole ? wire : wire.replace(/\r$/, "")), "a bare CR or LF went out");
          for (const [parser, pattern] of PARSERS) {
            const end = seenEnd(pattern, wire);
            if (parser === "strict") assertEquals(end, isWhole ? wire.length : undefined);
            // Who looks for another end may not know ours, but must not see one before it.
            const earliest = isWhole ? wire.length - 2 : wire.length + 1;
            assert((end ?? Infinity) >= earliest, `${parser} sees an end at ${end}`);
          }
          if (!isWhole) continue;
          const decoder = new MailDataDecoder();
          const decoded: Uint8Array[] = [];
          for (let slice; (slice = decoder.decode(sent, decoder.position)) !== undefined;) {
            decoded.push(slice.slice());
          }
          assertEquals(text(join(decoded)), content);
          assertEquals([decoder.isEnded, decoder.position], [true, sent.length]);
        }
      }
    });
  }
}

Deno.test("smuggling fails through the whole way: what a receiver mends, an encoder sends", () => {
  for (const falseEnd of FALSE_ENDS) {
    const side = ready(true, "DATA\r\n");
    run(side, [octets(`${BEFORE}${falseEnd}${SMUGGLED}\r\n.\r\nNOOP\r\n`)], falseEnd);
    const { content } = side.messages[0];
    const { sent, isWhole } = encode(cutEvery(content, 3));
    assert(isWhole);
    for (const [parser, pattern] of PARSERS) {
      assert((seenEnd(pattern, text(sent)) ?? Infinity) >= sent.length - 2, parser);
    }
  }
});
