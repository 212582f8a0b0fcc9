/**
 * What is remembered of clients, in a table that never grows: however many networks an attacker has, he
 * makes it forget at most, and cannot choose whom.
 *
 * @module
 */
import { halfSipHash } from "./half_sip_hash.ts";

/** The slots that share a set. A key may stand in any slot of the one set that its hash names. */
const WAYS = 8;

/** The slots of a table where nothing else is said. */
export const DEFAULT_SLOTS = 65_536;

/** How a table is made. */
export interface ClientTableOptions {
  /** How many numbers a slot has. All of them are 0 at first. */
  readonly columns: number;
  /** How many slots there are, a power of two and 8 at least; 65,536 if left out. */
  readonly slots?: number;
  /** The key of the hash; of the machine's randomness if left out. */
  readonly seed?: Uint32Array;
}

/**
 * A table of a fixed number of slots, each with some numbers. A new key in a full set takes the slot
 * that was used longest ago, and begins with zeros. A slot takes 16 octets and 8 for each column, all of
 * them at the start: with 7 columns, 65,536 slots are 4.5 MiB.
 *
 * A key is known by 64 bits of hash alone. That two keys of those which are in a table meet by chance
 * happens once in several thousand million full tables.
 */
export class ClientTable {
  readonly #columns: number;
  readonly #sets: number;
  readonly #seed: Uint32Array;
  readonly #hashes: Uint32Array;
  /** When each slot was used last, counted in uses; 0 for never. */
  readonly #used: Float64Array;
  readonly #values: Float64Array;
  readonly #hash = new Uint32Array(2);
  #uses = 0;

  /** @throws {RangeError} if the number of slots is none that can be */
  constructor({ columns, slots = DEFAULT_SLOTS, seed }: ClientTableOptions) {
    if (!(slots >= WAYS && slots <= 2 ** 24) || !Number.isInteger(Math.log2(slots))) {
      throw new RangeError(
        `Cannot make a table of ${slots} slots: it takes a power of two, 8 to 2^24`,
      );
    }
    this.#columns = columns;
    this.#sets = slots / WAYS;
    this.#seed = seed ?? crypto.getRandomValues(new Uint32Array(2));
    this.#hashes = new Uint32Array(slots * 2);
    this.#used = new Float64Array(slots);
    this.#values = new Float64Array(slots * columns);
  }

  /** The slot of a key, or -1 where nothing is remembered of it. */
  find(key: Uint8Array): number {
    const first = this.#firstOf(key);
    const high = this.#hash[0];
    const low = this.#hash[1];
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#used[slot] === 0) continue;
      if (this.#hashes[slot * 2] !== high || this.#hashes[slot * 2 + 1] !== low) continue;
      this.#used[slot] = ++this.#uses;
      return slot;
    }
    return -1;
  }

  /** The slot of a key, which is given one if it has none. It is the key's until the next `take`. */
  take(key: Uint8Array): number {
    const found = this.find(key);
    if (found >= 0) return found;
    // `find` has left the hash of the key.
    let slot = this.#firstOfHash();
    const end = slot + WAYS;
    for (let other = slot + 1; other < end; other++) {
      if (this.#used[other] < this.#used[slot]) slot = other;
    }
    this.#hashes.set(this.#hash, slot * 2);
    this.#used[slot] = ++this.#uses;
    this.#values.fill(0, slot * this.#columns, (slot + 1) * this.#columns);
    return slot;
  }

  /** A number of a slot. */
  get(slot: number, column: number): number {
    return this.#values[slot * this.#columns + column];
  }

  /** Sets a number of a slot. */
  set(slot: number, column: number, value: number): void {
    this.#values[slot * this.#columns + column] = value;
  }

  #firstOf(key: Uint8Array): number {
    halfSipHash(this.#seed, key, this.#hash);
    return this.#firstOfHash();
  }

  #firstOfHash(): number {
    return this.#hash[0] % this.#sets * WAYS;
  }
}
