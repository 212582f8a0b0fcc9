/** Read buffers: what an idle session costs, and what mail data is read with. @module */

/** As much as one command line of RFC 5321 (section 4.5.3.1.4). */
export const IDLE_BUFFER = 512;

/** Large enough that reading is not what bounds mail data. */
export const DATA_BUFFER = 64 * 1024;

/** Buffers kept for the next message; more than this many are left to the garbage collector. */
const MOST_KEPT = 64;

const kept: Uint8Array[] = [];

/** Takes a buffer for mail data. Its octets are whatever they were. */
export function takeDataBuffer(): Uint8Array {
  return kept.pop() ?? new Uint8Array(DATA_BUFFER);
}

/** Gives a buffer back; the giver must not use it again. */
export function giveDataBuffer(buffer: Uint8Array): void {
  if (kept.length < MOST_KEPT) kept.push(buffer);
}
