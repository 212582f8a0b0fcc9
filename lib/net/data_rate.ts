/** The floor under the rate at which mail data comes. @module */

/** How often the rate is looked at, in milliseconds. */
const WINDOW = 60_000;

/** Keeps account of one session. Only the time in which it is waited for mail data counts. */
export class DataRate {
  readonly #least: number;
  #waitingSince = 0;
  #waited = 0;
  #octets = 0;

  /** @param least octets a second; 0 for no floor */
  constructor(least: number) {
    this.#least = least;
  }

  /** The client is waited for from now on. */
  wait(now: number): void {
    this.#waitingSince = now;
  }

  /** Counts what has come; answers whether it was too little for the time it took. */
  isTooSlow(length: number, now: number): boolean {
    this.#waited += now - this.#waitingSince;
    this.#octets += length;
    if (this.#waited < WINDOW) return false;
    const isTooSlow = this.#octets * 1000 < this.#least * this.#waited;
    this.forget();
    return isTooSlow;
  }

  /** Begins anew: something else than mail data has come. */
  forget(): void {
    this.#waited = 0;
    this.#octets = 0;
  }
}
