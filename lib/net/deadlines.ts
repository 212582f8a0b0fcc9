/** Deadlines of many sessions behind one timer. @module */
import type { Clock } from "./clock.ts";

/** Something that must not wait for ever. */
export interface Watched {
  /** When it has waited long enough, in milliseconds since the epoch; `Infinity` for not waiting. */
  readonly deadline: number;
  /** Called once the deadline has passed, again at each sweep until it is moved. */
  expire(): void;
}

/**
 * Looks at every watched deadline at a steady pace. A timer of its own for each session would cost an
 * idle session more memory than its buffer, and every command two calls into the runtime.
 */
export class Deadlines implements Disposable {
  readonly #clock: Clock;
  readonly #pace: number;
  readonly #watched = new Set<Watched>();
  #timer: Disposable | undefined;

  /** @param pace milliseconds between sweeps; a deadline is noticed this much late at most */
  constructor(clock: Clock, pace: number) {
    this.#clock = clock;
    this.#pace = pace;
  }

  /** Watches until {@linkcode forget}. */
  watch(watched: Watched): void {
    this.#watched.add(watched);
    this.#timer ??= this.#clock.after(this.#pace, () => this.#sweep());
  }

  /** Ends watching. */
  forget(watched: Watched): void {
    this.#watched.delete(watched);
    // An empty table keeps no timer, so that nothing holds a finished program open.
    if (this.#watched.size === 0) this[Symbol.dispose]();
  }

  #sweep(): void {
    this.#timer = this.#clock.after(this.#pace, () => this.#sweep());
    const now = this.#clock.now();
    for (const watched of this.#watched) {
      if (watched.deadline <= now) watched.expire();
    }
  }

  /** Stops the timer. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
