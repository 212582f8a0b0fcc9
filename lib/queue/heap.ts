/** The heap of a thread, and what is collected in it. @module */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How often a heap is looked at, at most, in milliseconds. */
export const HEAP_PACE = 60_000;

/** A heap below this is small enough. */
const SMALL = 32 * 1024 * 1024;

/** A heap above this is V8's own affair: to collect it at once would take too long. */
const LARGE = 192 * 1024 * 1024;

/** V8's function that collects, once it was looked for; `null` where there is none. */
let collector: (() => void) | null | undefined;

/**
 * Collects all garbage of this thread. The runtime shows a program no way to ask for that, but a context that
 * is made behind V8's flag has one; where it has none, nothing is done.
 */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString("--expose-gc");
    const found: unknown = runInNewContext("globalThis.gc");
    collector = typeof found === "function" ? () => void found() : null;
  }
  collector?.();
}

/** The octets that the heap of this thread takes: what is in use, garbage, and room for what is new. */
function sizeHere(): number {
  return getHeapStatistics().total_heap_size;
}

/** What a watch looks at, and what it does. */
export interface HeapWatchOptions {
  /** The octets that the heap takes. */
  readonly size?: () => number;
  /** Collects. */
  readonly collect?: () => void;
}

/**
 * Watches the heap of a thread that works for days. V8 lets a heap grow to several times of what is needed
 * before it collects what is old, and gives what is new 64 MiB in each thread: a server came to 450 MiB within
 * an hour, of which its five threads needed 60. So a heap that has doubled is collected, which is a pause of
 * 30 to 100 ms in a minute at most, and makes its room for what is new small again.
 */
export class HeapWatch {
  readonly #size: () => number;
  readonly #collect: () => void;
  #next = -Infinity;
  /** Its size behind the last collection. */
  #needed = 0;

  /** Begins with a heap that was never collected. */
  constructor({ size = sizeHere, collect = collectGarbage }: HeapWatchOptions = {}) {
    this.#size = size;
    this.#collect = collect;
  }

  /**
   * Looks at the heap if it is time to; whoever works says so as often as they like.
   *
   * @param now the time in milliseconds, which is never set back
   */
  look(now: number): void {
    if (now < this.#next) return;
    this.#next = now + HEAP_PACE;
    const size = this.#size();
    if (size < Math.max(SMALL, 2 * this.#needed) || size > LARGE) return;
    this.#collect();
    this.#needed = this.#size();
  }
}
