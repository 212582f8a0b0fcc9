/** The heap of a thread that works for days. @module */

/** How often a heap is looked at, at most, in milliseconds. */
const PACE = 60_000;

/** A heap below this is small enough. */
const SMALL = 32 * 1024 * 1024;

/** A heap above this is V8's own affair: to collect it at once would take too long. */
const LARGE = 192 * 1024 * 1024;

/** What collects is loaded where there is something to collect, and not whenever a thread starts. */
async function collectHere(): Promise<void> {
  const { collectGarbage } = await import("./garbage.ts");
  collectGarbage();
}

/** The octets that the heap of this thread takes: what is in use, garbage, and room for what is new. */
function sizeHere(): number {
  return Deno.memoryUsage().heapTotal;
}

/** What a watch looks at, and what it does. */
export interface HeapWatchOptions {
  /** The octets that the heap takes. */
  readonly size?: () => number;
  /** Collects. */
  readonly collect?: () => void | Promise<void>;
}

/**
 * Watches the heap of a thread that works for days. V8 lets a heap grow to several times of what is needed
 * before it collects what is old, and gives what is new 64 MiB in each thread: in a day of mixed load a server
 * came to 450 MiB, and the heap of its main thread to 157, of which it needed 25. So a heap that has doubled is
 * collected, which is a pause of 30 to 100 ms in a minute at most, and makes its room for what is new small again.
 */
export class HeapWatch {
  readonly #size: () => number;
  readonly #collect: () => void | Promise<void>;
  #next = -Infinity;
  /** Its size behind the last collection. */
  #needed = 0;

  /** Begins with a heap that was never collected. */
  constructor({ size = sizeHere, collect = collectHere }: HeapWatchOptions = {}) {
    this.#size = size;
    this.#collect = collect;
  }

  /**
   * Looks at the heap if it is time to; whoever works says so as often as they like.
   *
   * @param now the time in milliseconds, which is never set back
   * @returns what settles when it is collected, where it is
   */
  look(now: number = performance.now()): Promise<void> | undefined {
    if (now < this.#next) return undefined;
    this.#next = now + PACE;
    const size = this.#size();
    if (size < Math.max(SMALL, 2 * this.#needed) || size > LARGE) return undefined;
    return this.#collectNow();
  }

  async #collectNow(): Promise<void> {
    await this.#collect();
    this.#needed = this.#size();
  }
}
