/**
 * The ways in which a network may hand over the same octets. Every wire test runs over all of them,
 * because a protocol core must not care where one segment ends and the next begins.
 *
 * @module
 */

/** One way to cut octets into segments. */
export interface Split {
  /** What the way is called, for the name of a test step or the message of a failed assertion. */
  readonly name: string;
  /** The segments, in order; each has a buffer of its own, so that none leans on its neighbour. */
  readonly segments: Uint8Array[];
}

/** More places than this are not tried, unless they lie next to a CR, an LF or a dot. */
const PLACES = 48;

/**
 * Yields `bytes` whole, octet by octet, in segments of three, and cut in two: everywhere when they
 * are few, else at evenly spread places and beside the CRs, LFs and dots (of which the first few
 * hundred are taken).
 */
export function* splits(bytes: Uint8Array): Iterable<Split> {
  yield { name: "whole", segments: cutEvery(bytes, Math.max(1, bytes.length)) };
  if (bytes.length < 2) return;
  yield { name: "octet by octet", segments: cutEvery(bytes, 1) };
  yield { name: "in threes", segments: cutEvery(bytes, 3) };
  for (const at of places(bytes)) {
    yield { name: `cut at ${at}`, segments: [bytes.slice(0, at), bytes.slice(at)] };
  }
}

/** Cuts octets into segments of `length`, the last one shorter where it must be. */
export function cutEvery(bytes: Uint8Array, length: number): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (let i = 0; i < bytes.length; i += length) segments.push(bytes.slice(i, i + length));
  return segments;
}

function places(bytes: Uint8Array): Set<number> {
  const found = new Set<number>();
  const step = Math.max(1, Math.floor(bytes.length / PLACES));
  for (let at = step; at < bytes.length; at += step) found.add(at);
  for (let i = 0; i < bytes.length && found.size < 8 * PLACES; i++) {
    if (bytes[i] !== 13 && bytes[i] !== 10 && bytes[i] !== 46) continue;
    if (i > 0) found.add(i);
    if (i + 1 < bytes.length) found.add(i + 1);
  }
  return found;
}

/** The octets of a text in which every character is one octet: `"\xff"` is the octet 255. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The text in which every octet is one character: what {@linkcode octets} was made from. */
export function text(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 4096) {
    out += String.fromCharCode(...bytes.subarray(i, i + 4096));
  }
  return out;
}

/** Joins segments into one run of octets. */
export function join(segments: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const all = [...segments];
  const out = new Uint8Array(all.reduce((sum, segment) => sum + segment.length, 0));
  let at = 0;
  for (const segment of all) {
    out.set(segment, at);
    at += segment.length;
  }
  return out;
}

/** A random source that gives the same numbers for the same seed, each in [0, below). */
export function seeded(seed: number): (below: number) => number {
  // Mulberry32: small, and good enough to pick test inputs.
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}
