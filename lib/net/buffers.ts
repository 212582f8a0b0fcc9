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

/** As much as one command line of RFC 5321 (section 4.5.3.1.4). */
const SMALL = 512;

/** For a session that waits. */
export const IDLE_BUFFERS: BufferPool = new BufferPool(SMALL, 1024);

/** For mail data: large enough that reading is not what bounds it. */
const DATA_BUFFERS: BufferPool = new BufferPool(64 * 1024, 64);

/** The buffer that one session is read into; a session holds one of a size at a time. */
export class ReadBuffer {
  #small: Uint8Array | undefined;
  #large: Uint8Array | undefined;
  #isMailData = false;
  /** Whether the last read of mail data brought so little that a small buffer had held it. */
  #isTrickle = false;

  /**
   * The buffer for the next read: a large one while mail data comes, else the small one that is all an
   * idle session holds. A client that sends mail data an octet at a time holds no large one either: it gets
   * one again when it has filled the small one. What was read before is not valid any more.
   */
  take(isMailData: boolean): Uint8Array {
    this.#isMailData = isMailData;
    if (isMailData && !this.#isTrickle) return this.#large ??= DATA_BUFFERS.take();
    this.#releaseLarge();
    return this.#small ??= IDLE_BUFFERS.take();
  }

  /** Tells how many octets were read into what {@linkcode take} gave. */
  filled(length: number): void {
    this.#isTrickle = this.#isMailData && length < SMALL;
  }

  /** Gives back what the session holds. */
  release(): void {
    this.#releaseLarge();
    if (this.#small !== undefined) IDLE_BUFFERS.give(this.#small);
    this.#small = undefined;
  }

  #releaseLarge(): void {
    if (this.#large !== undefined) DATA_BUFFERS.give(this.#large);
    this.#large = undefined;
  }
}
