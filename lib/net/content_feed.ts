/** Lets a data hook read a message while it comes in, at the hook's pace and without a copy. @module */

/**
 * Hands slices from one writer to one reader, one at a time: a slice is done with once the reader asks
 * for the next, so that its buffer can be used again.
 */
export class ContentFeed implements AsyncIterable<Uint8Array> {
  #slice: Uint8Array | undefined;
  #end: "open" | "ended" | "left" = "open";
  #failure: Error | undefined;
  /** Whether it was left before the message was whole. */
  #isCutOff = false;
  /** Wakes whichever side waits; only one can. */
  #wakeWriter = () => {};
  #wakeReader = () => {};

  /** Gives a slice; settles when it is read, or when nobody will read it. */
  async give(bytes: Uint8Array): Promise<void> {
    if (this.#end !== "open" || bytes.length === 0) return;
    this.#slice = bytes;
    this.#wakeReader();
    await new Promise<void>((resolve) => this.#wakeWriter = resolve);
  }

  /** Whether the reader was told, or will be, that the rest does not come. */
  get hasFailed(): boolean {
    return this.#failure !== undefined || this.#isCutOff;
  }

  /** Says that the message is whole. */
  end(): void {
    if (this.#end === "open") this.#end = "ended";
    this.#wakeReader();
  }

  /** Says that the rest of the message will not come. */
  fail(error: Error): void {
    this.#failure = error;
    this.end();
  }

  /** Says that what is still to come has no reader; one who reads on is told so. */
  leave(): void {
    if (this.#end === "open") {
      this.#isCutOff = true;
      this.#wakeReader();
    }
    this.#leave();
  }

  #leave(): void {
    this.#end = "left";
    this.#slice = undefined;
    this.#wakeWriter();
  }

  /** Reads what comes from now on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const slice = this.#slice;
        if (slice !== undefined) {
          yield slice;
          this.#slice = undefined;
          this.#wakeWriter();
        } else if (this.#failure !== undefined) {
          throw this.#failure;
        } else if (this.#isCutOff) {
          throw new Error("Cannot read on: the message has its answer");
        } else if (this.#end !== "open") {
          return;
        } else {
          await new Promise<void>((resolve) => this.#wakeReader = resolve);
        }
      }
    } finally {
      this.#leave();
    }
  }
}
