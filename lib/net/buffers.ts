/** Read buffers: what an idle session costs, and what mail data is read with. @module */

/** Buffers of one size that are used again: making one costs more than filling it. */
export class BufferPool {
  readonly #size: number;
  readonly #most: number;
  readonly #kept: Uint8Array[] = [];

  /**
   * @param size the octets of each
   * @param most how many are kept for later; more than that are left to the garbage collector
   */
  constructor(size: number, most: number) {
    this.#size = size;
    this.#most = most;
  }

  /** Takes a buffer. Its octets are whatever they were. */
  take(): Uint8Array {
    return this.#kept.pop() ?? new Uint8Array(this.#size);
  }

  /** Gives a buffer back; the giver must not use it again. */
  give(buffer: Uint8Array): void {
    if (this.#kept.length < this.#most) this.#kept.push(buffer);
  }
}

/** For a session that waits: as much as one command line of RFC 5321 (section 4.5.3.1.4). */
export const IDLE_BUFFERS: BufferPool = new BufferPool(512, 1024);

/** For mail data: large enough that reading is not what bounds it. */
export const DATA_BUFFERS: BufferPool = new BufferPool(64 * 1024, 64);
