/**
 * HalfSipHash-2-4 with 64 bits of output, by the reference of its authors (SipHash: a fast short-input
 * PRF, Aumasson and Bernstein, 2012, and its variant on words of 32 bits). Whoever does not know the key
 * cannot choose inputs whose hashes meet.
 *
 * @module
 */

/** The two words of a key, or of a hash. */
export type WordPair = Uint32Array;

const state = new Uint32Array(4);

function rounds(count: number): void {
  let v0 = state[0];
  let v1 = state[1];
  let v2 = state[2];
  let v3 = state[3];
  for (let i = 0; i < count; i++) {
    v0 = (v0 + v1) | 0;
    v1 = (v1 << 5 | v1 >>> 27) ^ v0;
    v0 = v0 << 16 | v0 >>> 16;
    v2 = (v2 + v3) | 0;
    v3 = (v3 << 8 | v3 >>> 24) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = (v3 << 7 | v3 >>> 25) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = (v1 << 13 | v1 >>> 19) ^ v2;
    v2 = v2 << 16 | v2 >>> 16;
  }
  state[0] = v0;
  state[1] = v1;
  state[2] = v2;
  state[3] = v3;
}

function mix(word: number): void {
  state[3] ^= word;
  rounds(2);
  state[0] ^= word;
}

/**
 * Hashes octets with a key of two words.
 *
 * @param hash gets the two words of the hash
 */
export function halfSipHash(key: WordPair, octets: Uint8Array, hash: WordPair): void {
  state[0] = key[0];
  state[1] = key[1] ^ 0xee;
  state[2] = 0x6c796765 ^ key[0];
  state[3] = 0x74656462 ^ key[1];
  const whole = octets.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    mix(octets[i] | octets[i + 1] << 8 | octets[i + 2] << 16 | octets[i + 3] << 24);
  }
  let last = octets.length << 24;
  for (let i = whole; i < octets.length; i++) last |= octets[i] << (i - whole) * 8;
  mix(last);
  state[2] ^= 0xee;
  rounds(4);
  hash[0] = state[1] ^ state[3];
  state[1] ^= 0xdd;
  rounds(4);
  hash[1] = state[1] ^ state[3];
}
