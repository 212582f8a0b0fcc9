import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { MailDataEncoder } from "../../lib/smtp/mail_data_encoder.ts";
import { hasEightBit } from "../../lib/smtp/octets.ts";
import { join, octets, seeded, splits, text } from "./wire.ts";

/** What goes out, or the message of the error and what had gone out before it. */
function encode(segments: Iterable<Uint8Array>): { out: string; error?: string } {
  const encoder = new MailDataEncoder();
  const out: Uint8Array[] = [];
  try {
    for (const segment of segments) out.push(...encoder.encode(segment));
    out.push(encoder.end());
  } catch (error) {
    assert(error instanceof RangeError);
    return { out: text(join(out)), error: error.message };
  }
  return { out: text(join(out)) };
}

/** The rule in one line, for whole messages: what the encoder is measured against. */
function reference(data: string): { out?: string; error?: string } {
  const bare = /\r(?!\n)|(?<!\r)\n/.exec(data);
  if (bare !== null) {
    return { error: `Cannot send a bare ${bare[0] === "\r" ? "CR" : "LF"} in mail data` };
  }
  const ended = data === "" || data.endsWith("\r\n") ? data : `${data}\r\n`;
  return { out: `${ended.replace(/(^|\r\n)\./g, "$1..")}.\r\n` };
}

const TABLE: [data: string, out: string][] = [
  ["", ".\r\n"],
  ["a", "a\r\n.\r\n"],
  ["a\r\n", "a\r\n.\r\n"],
  ["\r\n", "\r\n.\r\n"],
  ["\r\n\r\n", "\r\n\r\n.\r\n"],
  [".", "..\r\n.\r\n"],
  ["..", "...\r\n.\r\n"],
  [".\r\n", "..\r\n.\r\n"],
  [".\r\n.\r\n.\r\n", "..\r\n..\r\n..\r\n.\r\n"],
  ["a.\r\nb.\r\n", "a.\r\nb.\r\n.\r\n"],
  ["a\r\n.b\r\n", "a\r\n..b\r\n.\r\n"],
  ["a\r\n.\r\nMAIL FROM:<b@c>\r\n", "a\r\n..\r\nMAIL FROM:<b@c>\r\n.\r\n"],
  ["a\t\x00\x0b\x0c\r\n\xff\x80\r\n", "a\t\x00\x0b\x0c\r\n\xff\x80\r\n.\r\n"],
  ["a\r\n.", "a\r\n..\r\n.\r\n"],
];

Deno.test("mail data encoder stuffs dots and writes the end", () => {
  for (const [data, out] of TABLE) {
    assertEquals(reference(data), { out });
    for (const { name, segments } of splits(octets(data))) {
      assertEquals(encode(segments), { out }, `${JSON.stringify(data)} ${name}`);
    }
  }
});

/** False ends of mail data, and what is wrong with each. */
const SMUGGLING: [sequence: string, bare: "CR" | "LF"][] = [
  ["\n.\n", "LF"],
  ["\n.\r\n", "LF"],
  ["\r\n.\n", "LF"],
  ["\r\n.\r", "CR"],
  ["\r.\r", "CR"],
  ["\r.\r\n", "CR"],
  ["\r.\n", "CR"],
  ["\n.\r", "LF"],
  ["\n\n.\n\n", "LF"],
  ["\r\r\n.\r\r\n", "CR"],
  ["\r\n\r.\r\n", "CR"],
  ["\r\n\n.\r\n", "LF"],
  ["\n\r.\r\n", "LF"],
  ["\r\n.\n\r\n", "LF"],
  ["\r\n.\r\r\n", "CR"],
  ["\r\n.\r\n\n", "LF"],
  ["\r\n.\r\n\r", "CR"],
  ["\r\x00\n.\r\n", "CR"],
  ["\r \n.\r\n", "CR"],
  ["\r\n.\r\x00\n", "CR"],
  ["\x00\n.\x00\n", "LF"],
  ["\r", "CR"],
  ["\n", "LF"],
];

Deno.test("mail data encoder lets no bare CR or LF out, however the data is cut", () => {
  for (const [sequence, bare] of SMUGGLING) {
    for (const tail of ["", "MAIL FROM:<evil@example.org>\r\n"]) {
      for (const head of ["", "text", "text\r\n", "x".repeat(37)]) {
        const data = head + sequence + tail;
        const error = `Cannot send a bare ${bare} in mail data`;
        assertEquals(reference(data).error, error, JSON.stringify(data));
        for (const { name, segments } of splits(octets(data))) {
          const encoded = encode(segments);
          assertEquals(encoded.error, error, `${JSON.stringify(data)} ${name}`);
          // A CR without the LF behind it, or the other way round, is nowhere in what went out.
          assert(!/\r(?!\n)|(?<!\r)\n/.test(encoded.out), `${JSON.stringify(data)} ${name}`);
          assert(!encoded.out.includes("\r\n.\r\n"), `${JSON.stringify(data)} ${name}`);
        }
      }
    }
  }
});

Deno.test("mail data encoder encodes nothing more after a fault, not even the end", () => {
  for (const bad of ["a\n", "a\rb", "\n", "a\r\n.\n"]) {
    const encoder = new MailDataEncoder();
    assertEquals(join(encoder.encode(octets("good\r\n"))).length, 6);
    assertThrows(() => encoder.encode(octets(bad)), RangeError, "Cannot send a bare");
    assertThrows(() => encoder.encode(octets("good\r\n")), RangeError, "Cannot send a bare");
    assertThrows(() => encoder.end(), RangeError, "Cannot send a bare");
  }
  const encoder = new MailDataEncoder();
  encoder.encode(octets("a\r"));
  assertThrows(() => encoder.end(), RangeError, "Cannot send a bare CR");
  assertThrows(() => encoder.encode(octets("\n")), RangeError, "Cannot send a bare CR");
});

Deno.test("mail data encoder withholds a CR until what follows is known", () => {
  const encoder = new MailDataEncoder();
  assertEquals(encoder.encode(octets("\r")), []);
  assertEquals(encoder.encode(new Uint8Array(0)), []);
  assertEquals(text(join(encoder.encode(octets("\n\r")))), "\r\n");
  assertEquals(text(join(encoder.encode(octets("\n.\r")))), "\r\n..");
  assertEquals(text(join(encoder.encode(octets("\n")))), "\r\n");
  assertEquals(text(encoder.end()), ".\r\n");
});

Deno.test("mail data encoder copies nothing where there is no dot to stuff", () => {
  const data = octets("a line with a dot.\r\n".repeat(4000));
  const [slice, ...rest] = new MailDataEncoder().encode(data);
  assertEquals(rest, []);
  assertStrictEquals(slice.buffer, data.buffer);
  assertEquals(slice.length, data.length);
});

Deno.test("mail data encoder agrees with the one-line rule on random data", () => {
  const random = seeded(1);
  // Long runs, so that whole words are skipped, and every alignment of what ends them.
  const pieces = ["\r\n", "\r\n", "\r\n.", ".", "x", "\t", "\x80", "y".repeat(9), "z".repeat(70)];
  const bad = ["\r", "\n"];
  for (let round = 0; round < 10_000; round++) {
    let data = "";
    for (let i = random(25); i > 0; i--) data += pieces[random(pieces.length)];
    if (random(4) === 0) {
      const at = random(data.length + 1);
      data = data.slice(0, at) + bad[random(2)] + data.slice(at);
    }
    const offset = random(4);
    const bytes = octets("#".repeat(offset) + data).subarray(offset);
    const segments: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = random(3) === 0 ? 1 + random(3) : 1 + random(200);
      segments.push(bytes.subarray(at, at + length));
      at += length;
    }
    const expected = reference(data);
    const encoded = encode(segments);
    const message = JSON.stringify(data);
    assertEquals(encoded.error, expected.error, message);
    if (expected.error === undefined) assertEquals(encoded.out, expected.out, message);
  }
});

Deno.test("hasEightBit finds an octet above 127 at every place and alignment", () => {
  const buffer = new Uint8Array(64);
  for (let offset = 0; offset < 4; offset++) {
    for (let length = 0; length < 24; length++) {
      const bytes = buffer.subarray(offset, offset + length);
      buffer.fill(127);
      // Neighbours do not count.
      if (offset > 0) buffer[offset - 1] = 255;
      buffer[offset + length] = 255;
      assertEquals(hasEightBit(bytes), false);
      for (let at = 0; at < length; at++) {
        for (const octet of [128, 255]) {
          bytes[at] = octet;
          assertEquals(hasEightBit(bytes), true, `offset ${offset}, length ${length}, at ${at}`);
          bytes[at] = 0;
        }
      }
    }
  }
});

/** Takes chunks apart: the octets of each, and the last one's apart. */
function chunksOf(written: string): { chunks: string[]; last?: string } {
  const chunks: string[] = [];
  for (let at = 0; at < written.length;) {
    const match = /^BDAT (\d+)( LAST)?\r\n/.exec(written.slice(at));
    assert(match !== null, JSON.stringify(written.slice(at)));
    const start = at + match[0].length;
    at = start + Number(match[1]);
    if (match[2] !== undefined) {
      assertEquals(at, written.length);
      return { chunks, last: written.slice(start) };
    }
    chunks.push(written.slice(start, at));
  }
  return { chunks };
}

Deno.test("mail data encoder makes chunks that say how long they are, without stuffing dots", () => {
  for (const [data, stuffed] of TABLE) {
    const expected = stuffed.replace(/(^|\r\n)\.\./g, "$1.").slice(0, -".\r\n".length);
    for (const { name, segments } of splits(octets(data))) {
      const encoder = new MailDataEncoder({ inChunks: true });
      const out = [...segments].flatMap((segment) => encoder.encode(segment));
      const { chunks, last } = chunksOf(text(join([...out, encoder.end()])));
      assert(last !== undefined, name);
      assertEquals(chunks.join("") + last, expected, name);
      assertEquals(chunks.includes(""), false, name);
    }
  }
});

Deno.test("mail data encoder lets no bare CR or LF into a chunk", () => {
  for (const data of ["a\nb", "a\rb", "\n.\n", "\r\r\n", "a\r"]) {
    const { error } = reference(data);
    for (const { name, segments } of splits(octets(data))) {
      const encoder = new MailDataEncoder({ inChunks: true });
      assertThrows(
        () => {
          for (const segment of segments) encoder.encode(segment);
          encoder.end();
        },
        RangeError,
        error,
        name,
      );
      assertThrows(() => encoder.end(), RangeError, error, name);
    }
  }
});
