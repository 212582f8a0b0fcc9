/** How many deliveries a next hop is given in a time: a token bucket. @module */
import type { Rate } from "../policy/rate.ts";

/** Lets as many through as the rate says: a whole period's at once at first, then as they come about. */
export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #counted: number;

  /** Begins full. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.count;
    this.#counted = now;
  }

  /** How long it takes until there is a token, in milliseconds; 0 if there is one. */
  wait(now: number): number {
    this.#count(now);
    const { count, period } = this.#rate;
    return this.#tokens >= 1 ? 0 : Math.ceil((1 - this.#tokens) * period / count);
  }

  /** Takes a token, which there has to be. */
  take(now: number): void {
    this.#count(now);
    this.#tokens--;
  }

  #count(now: number): void {
    const { count, period } = this.#rate;
    const came = Math.max(0, now - this.#counted) * count / period;
    this.#tokens = Math.min(count, this.#tokens + came);
    this.#counted = now;
  }
}
