/** A clock that stands still until nothing else happens, for tests. */
import type { Clock } from "../../lib/net/clock.ts";
import { turn } from "../net/fake_clock.ts";

/** Time that moves only in {@linkcode FakeClock.run}. */
export class FakeClock implements Clock {
  #now = Date.UTC(2030, 0, 1);
  readonly #timers = new Set<{ readonly at: number; readonly wake: () => void }>();

  now(): number {
    return this.#now;
  }

  after(delay: number, wake: () => void): Disposable {
    const timer = { at: this.#now + delay, wake };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Waits for a promise. Whenever the program has come to rest, which with transports in memory is one
   * turn of the event loop, time jumps to the next timer.
   */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => isSettled = true;
    promise.then(settle, settle);
    while (true) {
      await turn();
      if (isSettled) return promise;
      const next = [...this.#timers].sort((a, b) => a.at - b.at)[0];
      if (next === undefined) throw new Error("Cannot go on: the program waits for ever");
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
  }
}
