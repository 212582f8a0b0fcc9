/** How fast mail data is taken off the wire. */
import { MailDataDecoder } from "../../lib/smtp/mail_data_decoder.ts";
import { print } from "./measure.ts";

const SEGMENT = 64 * 1024;
const REPEATS = 50;
const ROUNDS = 40;

const TEXTS: readonly (readonly [string, string, string])[] = [
  [
    "text without dots",
    "The quick brown fox jumps over the lazy dog, again and again until noon.\r\n",
    "target 1 GB/s",
  ],
  ["lines of tabs", "\t".repeat(70) + "\r\n", ""],
  ["a stuffed dot in each line of text", `..${"x".repeat(70)}\r\n`, ""],
  ["empty lines", "\r\n", ""],
  ["a stuffed dot in each line of one dot", "..\r\n", "target 0.5 GB/s on the worst"],
  ["a stuffed dot in each line of three dots", "....\r\n", ""],
];

/** Measures the decoder alone, on segments as large as a connection reads. */
export function benchDecoder(): void {
  const buffer = new Uint8Array(SEGMENT);
  for (const [name, line, target] of TEXTS) {
    const source = new TextEncoder().encode(line.repeat(SEGMENT / line.length + 1)).subarray(
      0,
      SEGMENT,
    );
    let best = Infinity;
    for (let round = 0; round < ROUNDS; round++) {
      const decoder = new MailDataDecoder();
      let spent = 0;
      for (let i = 0; i < REPEATS; i++) {
        // Outside the time: the decoder writes into the segment that it is given.
        buffer.set(source);
        const start = performance.now();
        let position = 0;
        while (decoder.decode(buffer, position) !== undefined) position = decoder.position;
        spent += performance.now() - start;
      }
      best = Math.min(best, spent);
    }
    print(`decoder, ${name}`, `${(REPEATS * SEGMENT / best / 1e6).toFixed(2)} GB/s`, target);
  }
}
