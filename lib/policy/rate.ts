/**
 * How many of something there may be in a time: token buckets. A bucket's whole state is one number,
 * the time at which it will be full again, so that a table of a million of them is an array.
 *
 * @module
 */

/** So many in so many milliseconds. */
export interface Rate {
  /** How many, 1 or more. */
  readonly count: number;
  /** In how long. */
  readonly period: number;
}

/**
 * When a bucket is full again, as far as it can be true at `now`: an empty bucket is full after one
 * period. A clock that was put back would otherwise leave a bucket empty for as long as it went back.
 *
 * @param full when it was to be full; 0 for a bucket that was never taken from
 */
function settled(rate: Rate, full: number, now: number): number {
  return Math.min(Math.max(full, now), now + rate.period);
}

/**
 * How many milliseconds it takes until there is a token in a bucket; 0 if there is one.
 *
 * @param full when the bucket is to be full
 */
export function waitForToken(rate: Rate, full: number, now: number): number {
  const interval = rate.period / rate.count;
  const wait = settled(rate, full, now) + interval - rate.period - now;
  // Additions to a number as large as the time are a little off.
  return wait <= interval / 100 ? 0 : Math.ceil(wait);
}

/**
 * Takes a token, and answers when the bucket is full now. From an empty one nothing is taken.
 *
 * @param full when the bucket was to be full
 */
export function takeToken(rate: Rate, full: number, now: number): number {
  const taken = settled(rate, full, now) + rate.period / rate.count;
  return settled(rate, taken, now);
}

/** How many tokens are missing in a bucket, which need not be a whole number. */
export function tokensMissing(rate: Rate, full: number, now: number): number {
  return (settled(rate, full, now) - now) * rate.count / rate.period;
}

/** Lets as many through as the rate says: a whole period's at once at first, then as they come about. */
export class TokenBucket {
  readonly #rate: Rate;
  #full: number;

  /** Begins full. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#full = now;
  }

  /** How long it takes until there is a token, in milliseconds; 0 if there is one. */
  wait(now: number): number {
    this.#full = settled(this.#rate, this.#full, now);
    return waitForToken(this.#rate, this.#full, now);
  }

  /** Takes a token, which there has to be. */
  take(now: number): void {
    this.#full = takeToken(this.#rate, this.#full, now);
  }
}
