import { assertEquals } from "@std/assert";
import { findLineBreak, hasEightBit } from "../../lib/smtp/octets.ts";
import { seeded } from "./wire.ts";

/** Octets whose neighbours or sign bits a search by words might take for CR or LF. */
const SPECIAL = [0, 1, 9, 10, 11, 12, 13, 14, 32, 127, 128, 137, 138, 140, 141, 142, 255];

function naiveLineBreak(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === 10 || bytes[i] === 13) return i;
  return end;
}

Deno.test("findLineBreak finds the first CR or LF at every place and alignment", () => {
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length < 24; length++) {
      for (let at = 0; at < length; at++) {
        // What lies outside must not be found.
        const buffer = new Uint8Array(offset + length + 8).fill(10);
        const bytes = buffer.subarray(offset, offset + length).fill(97);
        assertEquals(findLineBreak(bytes, 0), length);
        bytes[at] = at % 2 === 0 ? 10 : 13;
        for (let start = 0; start <= length; start++) {
          assertEquals(findLineBreak(bytes, start), start <= at ? at : length);
          assertEquals(findLineBreak(bytes, 0, start), Math.min(at, start));
        }
      }
    }
  }
});

Deno.test("findLineBreak agrees with a search octet by octet", () => {
  const random = seeded(20260711);
  for (let round = 0; round < 20_000; round++) {
    const buffer = new Uint8Array(random(80) + 1);
    // Few CRs and LFs in one half of the rounds, so that the search gets far.
    const alphabet = round % 2 === 0 ? SPECIAL : SPECIAL.filter((octet) => octet % 128 > 13);
    for (let i = 0; i < buffer.length; i++) buffer[i] = alphabet[random(alphabet.length)];
    const from = random(buffer.length);
    const bytes = buffer.subarray(from, from + random(buffer.length - from + 1));
    const start = random(bytes.length + 1);
    const end = start + random(bytes.length - start + 1);
    assertEquals(
      findLineBreak(bytes, start, end),
      naiveLineBreak(bytes, start, end),
      `round ${round}: ${bytes} from ${start} to ${end}`,
    );
  }
});

Deno.test("findLineBreak reads what was written since the buffer was seen last", () => {
  const bytes = new Uint8Array(64).fill(97);
  assertEquals(findLineBreak(bytes, 0), 64);
  bytes[40] = 10;
  assertEquals(findLineBreak(bytes, 0), 40);
  assertEquals(findLineBreak(new Uint8Array(64).fill(97), 0), 64);
  bytes[40] = 97;
  assertEquals(findLineBreak(bytes, 0), 64);
});

Deno.test("hasEightBit finds one octet above 127 at every place and alignment", () => {
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length < 24; length++) {
      const buffer = new Uint8Array(offset + length + 8).fill(255);
      const bytes = buffer.subarray(offset, offset + length).fill(127);
      assertEquals(hasEightBit(bytes), false);
      for (let at = 0; at < length; at++) {
        for (const octet of [128, 200, 255]) {
          bytes[at] = octet;
          assertEquals(hasEightBit(bytes), true, `${octet} at ${at} of ${length}, +${offset}`);
        }
        bytes[at] = 0;
      }
    }
  }
});
