/** The clock of the machine that we run on. @module */
import type { Clock } from "../policy/clock.ts";

export type { Clock };

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, wake) {
    const timer = setTimeout(wake, delay);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
