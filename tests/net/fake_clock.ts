/** A clock that stands still until a test moves it. @module */
import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/net/clock.ts";

/** The clock. It begins at noon of a day in 2026, so that no time is zero. */
export class FakeClock implements Clock {
  #now = Date.UTC(2026, 0, 1, 12);
  #next = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly wake: () => void }>();

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(delay: number, wake: () => void): Disposable {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + delay, wake });
    return { [Symbol.dispose]: () => void this.#timers.delete(id) };
  }

  /** Lets time pass; what each timer sets off in memory has happened before the next one wakes. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (;;) {
      let first: number | undefined;
      for (const [id, { at }] of this.#timers) {
        if (at <= end && (first === undefined || at < this.#timers.get(first)!.at)) first = id;
      }
      if (first === undefined) break;
      const { at, wake } = this.#timers.get(first)!;
      this.#timers.delete(first);
      this.#now = Math.max(this.#now, at);
      wake();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

/** One turn of the event loop, before which all that is in memory has come to rest. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets everything happen that waits for nothing but its turn: there is no event for "and no more". */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}
