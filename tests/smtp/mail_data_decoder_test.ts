import { assert, assertEquals } from "@std/assert";
import { MailDataDecoder, type MailDataDecoderOptions } from "../../lib/smtp/mail_data_decoder.ts";
import { cutEvery, join, octets, seeded, splits, text } from "./wire.ts";

/** What came of some mail data. */
interface Decoded {
  content: string;
  fault?: string;
  /** How much was read, where the end was found. */
  end?: number;
}

/** The rules once more, as simply as they can be said. */
function reference(input: string, { normalize, chunked }: MailDataDecoderOptions): Decoded {
  const out: Decoded = { content: "" };
  let atLineStart = true;
  for (let i = 0; i < input.length;) {
    if (!chunked && atLineStart && input.startsWith(".\r\n", i)) {
      out.end = i + 3;
      return out;
    }
    if (!chunked && atLineStart && input[i] === ".") {
      i++;
      atLineStart = false;
    } else if (input.startsWith("\r\n", i)) {
      out.content += "\r\n";
      i += 2;
      atLineStart = true;
    } else {
      const isBare = input[i] === "\r" || input[i] === "\n";
      // A fault ends the content, but never the data. A CR may be out before it is known to be bare.
      if (isBare && normalize) out.content += "\r\n";
      else if (out.fault === undefined) out.content += input[i];
      if (isBare && !normalize) out.fault ??= input[i] === "\r" ? "bare CR" : "bare LF";
      i++;
      atLineStart = false;
    }
  }
  return out;
}

/** Places a segment somewhere in a larger buffer, whose other octets must stay as they are. */
function embed(segment: Uint8Array, offset: number): { bytes: Uint8Array; check(): void } {
  const buffer = new Uint8Array(segment.length + offset + 8).fill(0x5a);
  buffer.set(segment, offset);
  return {
    bytes: buffer.subarray(offset, offset + segment.length),
    check() {
      for (let i = 0; i < buffer.length; i++) {
        if (i === offset) i += segment.length;
        assertEquals(buffer[i], 0x5a, "the decoder wrote outside of its segment");
      }
    },
  };
}

function decode(segments: Uint8Array[], options: MailDataDecoderOptions, offset = 0): Decoded {
  const decoder = new MailDataDecoder(options);
  const out: Uint8Array[] = [];
  let read = 0;
  for (const [index, segment] of segments.entries()) {
    const { bytes, check } = embed(segment, (offset + index) % 8);
    const behind = bytes.slice();
    let position = 0;
    for (let steps = 0;; steps++) {
      assert(steps <= 2 * bytes.length + 4, "the decoder does not come to an end");
      const slice = decoder.decode(bytes, position);
      assert(decoder.position >= position && decoder.position <= bytes.length);
      position = decoder.position;
      // What is not read yet must not be written to.
      for (let i = position; i < bytes.length; i += 13) assertEquals(bytes[i], behind[i]);
      if (slice !== undefined) {
        assert(slice.length > 0);
        assertEquals(decoder.fault, undefined, "content came behind a fault");
        out.push(slice.slice());
      } else if (decoder.isEnded || position === bytes.length) break;
    }
    check();
    read += position;
    if (decoder.isEnded) break;
  }
  const last = options.chunked && !decoder.isEnded ? decoder.finishChunks() : undefined;
  if (last !== undefined) out.push(last.slice());
  const decoded: Decoded = { content: text(join(out)) };
  if (decoder.fault !== undefined) decoded.fault = decoder.fault;
  if (decoder.isEnded) decoded.end = read;
  return decoded;
}

/** Compares; behind a fault the content need not have come as far as the fault. */
function check(actual: Decoded, expected: Decoded, where: string): void {
  if (expected.fault !== undefined && expected.content.startsWith(actual.content)) {
    actual.content = expected.content;
  }
  if (
    actual.content !== expected.content || actual.fault !== expected.fault ||
    actual.end !== expected.end
  ) assertEquals(actual, expected, where);
}

const MODES: MailDataDecoderOptions[] = [
  {},
  { normalize: true },
  { chunked: true },
  { chunked: true, normalize: true },
];

Deno.test("mail data decoder agrees with the rules on every short input", () => {
  const alphabet = "\r\n.x";
  const count = alphabet.length ** 6;
  for (const options of MODES) {
    for (let n = 0; n < count; n++) {
      let input = "";
      for (let rest = n, i = 0; i < 6; i++, rest = rest >> 2) input += alphabet[rest & 3];
      // The true end, and a command behind it.
      input += options.chunked ? "" : "\r\n.\r\nNOOP\r\n";
      const bytes = octets(input);
      const expected = reference(input, options);
      const where = () => `${JSON.stringify(input)} ${JSON.stringify(options)}`;
      check(decode([bytes], options), expected, where());
      check(decode(cutEvery(bytes, 1), options), expected, where());
      const at = 1 + n % 8;
      check(decode([bytes.slice(0, at), bytes.slice(at)], options, n), expected, where());
    }
  }
});

Deno.test("mail data decoder agrees with the rules wherever a tricky input is cut", () => {
  const inputs = [
    ".\r\n",
    "\r\n.\r\n",
    "..\r\n.\r\n",
    "a\r\n..\r\n.\r\n",
    "a\r\n.b\r\n...\r\n\r\n.\r\n",
    "a\n.\nb\n.\r\nc\r\n.\nd\r.\re\r.\r\nf\r\n.\rg\r\r\n.\r\r\n.\r\n",
    `${"x".repeat(100)}\r\n..${"y".repeat(600)}\r\n.${"z".repeat(50)}\r\n.\r\n`,
    "\r\r\r\n\n\n.\r\n.\r\n",
  ];
  for (const options of MODES) {
    for (const input of inputs) {
      const expected = reference(input, options);
      for (const { name, segments } of splits(octets(input))) {
        check(decode(segments, options), expected, `${JSON.stringify(input)} ${name}`);
      }
    }
  }
});

Deno.test("mail data decoder agrees with the rules on random input in random segments", () => {
  const seed = 5321;
  const random = seeded(seed);
  const alphabets = ["\r\n.x", "\r\n\r\n.xy", "\r\n.abcdefghijklmnop", "x"];
  for (let round = 0; round < 20_000; round++) {
    const options = MODES[round % MODES.length];
    const alphabet = alphabets[random(alphabets.length)];
    // Whole tokens, so that long inputs without a fault are among them.
    const tokens = random(3) > 0
      ? ["\r\n", "\r\n.", "\r\n..", "xyz", "x".repeat(random(900)), "."]
      : [
        ...alphabet,
      ];
    let input = "";
    for (let i = random(40); i > 0; i--) input += tokens[random(tokens.length)];
    if (!options.chunked) input += "\r\n.\r\nNOOP";
    const expected = reference(input, options);
    const bytes = octets(input);
    const segments: Uint8Array[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = 1 + random(random(4) === 0 ? 1200 : 12);
      segments.push(bytes.slice(at, at + length));
      at += length;
    }
    check(
      decode(segments, options, random(8)),
      expected,
      `seed ${seed}, round ${round}: ${JSON.stringify(input)} ${JSON.stringify(options)}`,
    );
    check(decode([bytes], options, random(8)), expected, `seed ${seed}, round ${round}, whole`);
  }
});

Deno.test("mail data decoder hands out parts of its segment, one where there are no dots", () => {
  for (const options of MODES) {
    for (let offset = 0; offset < 4; offset++) {
      const whole = new Uint8Array(70_000);
      const segment = whole.subarray(offset, offset + 60_000);
      segment.set(octets("Some text. ..\r\n".repeat(4000)));
      const copy = segment.slice();
      const decoder = new MailDataDecoder(options);
      const slice = decoder.decode(segment, 0);
      assert(slice !== undefined && slice.buffer === whole.buffer);
      assertEquals([slice.byteOffset, slice.length], [offset, 60_000]);
      assertEquals(decoder.decode(segment, decoder.position), undefined);
      assertEquals(segment, copy);
    }
  }
});

Deno.test("mail data decoder hands out few slices where there are many dots", () => {
  const segment = octets("..\r\n".repeat(16_384));
  const decoder = new MailDataDecoder();
  let slices = 0;
  for (let slice; (slice = decoder.decode(segment, decoder.position)) !== undefined; slices++) {
    assert(slice.buffer === segment.buffer);
  }
  assert(slices < 140, `${slices} slices for 64 KiB`);
});

Deno.test("mail data decoder reads nothing behind the end", () => {
  const decoder = new MailDataDecoder();
  const segment = octets("a\r\n.\r\n.\r\nNOOP\r\n.\r\n");
  assertEquals(text(decoder.decode(segment, 0)!), "a\r\n");
  assertEquals([decoder.isEnded, decoder.position], [true, 6]);
  assertEquals(decoder.decode(segment, 6), undefined);
  assertEquals(decoder.position, 6);
  assertEquals(decoder.decode(new Uint8Array(0), 0), undefined);
  assertEquals(decoder.isEnded, true);
});
