/**
 * Searches in octets, four at a time. Mail data is scanned by every message's every octet, and an
 * engine that has no vector instructions for it does best with whole words.
 *
 * @module
 */

const CR = 13;
const LF = 10;

/** The words of the buffer that was scanned last: one connection scans the same buffer many times. */
let lastBuffer: ArrayBufferLike | undefined;
let lastWords: Int32Array = new Int32Array(0);

/** The whole words of the buffer that `bytes` is part of, from the buffer's beginning. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  if (bytes.buffer !== lastBuffer) {
    lastBuffer = bytes.buffer;
    lastWords = new Int32Array(lastBuffer, 0, lastBuffer.byteLength >> 2);
  }
  return lastWords;
}

/**
 * Finds the first CR or LF in `bytes` at or behind `start`, or answers `end`.
 *
 * A word is looked at more closely only when one of its octets is below 14, which in text is a CR, an
 * LF or a tab: `(v - 0x0e0e0e0e) & ~v & 0x80808080` is not zero exactly then. Short lines are many, so
 * the first octets are tried one by one.
 */
export function findLineBreak(
  bytes: Uint8Array,
  start: number,
  end: number = bytes.length,
): number {
  let i = start;
  const offset = bytes.byteOffset;
  for (;;) {
    // Up to the next border of a word, and past a word that holds an octet below 14.
    const stop = Math.min(end, i + 4 - ((offset + i) & 3));
    for (; i < stop; i++) {
      const octet = bytes[i];
      if (octet === CR || octet === LF) return i;
    }
    if (i === end) return end;
    const words = wordsOf(bytes);
    const last = (offset + end) >> 2;
    let k = (offset + i) >> 2;
    while (k < last) {
      if (mayHaveLineBreak(words[k])) break;
      k++;
    }
    i = (k << 2) - offset;
  }
}

/**
 * Whether one of the four octets of a word is CR or LF. `(v - 0x0e0e0e0e) & ~v & 0x80808080` is zero
 * unless an octet is below 14, which in text is one of them or a tab; only then it is looked at closely.
 */
export function mayHaveLineBreak(word: number): boolean {
  if (((word - 0x0e0e0e0e) & ~word & 0x80808080) === 0) return false;
  const cr = word ^ 0x0d0d0d0d;
  const lf = word ^ 0x0a0a0a0a;
  return ((((cr - 0x01010101) & ~cr) | ((lf - 0x01010101) & ~lf)) & 0x80808080) !== 0;
}

/** Whether any octet is above 127, which a next hop without 8BITMIME may not be sent (RFC 6152). */
export function hasEightBit(bytes: Uint8Array): boolean {
  const end = bytes.length;
  const offset = bytes.byteOffset;
  let i = 0;
  while (i < end && ((offset + i) & 3) !== 0) {
    if (bytes[i++] > 127) return true;
  }
  const words = wordsOf(bytes);
  const last = (offset + end) >> 2;
  for (let k = (offset + i) >> 2; k < last; k++) {
    if ((words[k] & 0x80808080) !== 0) return true;
    i += 4;
  }
  while (i < end) {
    if (bytes[i++] > 127) return true;
  }
  return false;
}

/**
 * Writes ASCII text as octets. Replies are short, and for short text a loop here costs a tenth of a
 * call into the runtime's encoder.
 */
export function asciiOctets(text: string): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i);
  return octets;
}

/** Makes one of several. */
export function joinOctets(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
