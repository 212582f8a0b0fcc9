/** What hooks use of the processor although nobody asked them anything. @module */
import { IDLE_SHARE } from "./protocol.ts";

/** Adds up what hooks use while they have nothing to do. All times are in milliseconds. */
export class StrayTime {
  readonly #most: number;
  #lastAsked = -Infinity;
  #time = 0;
  #told = 0;

  /** @param most how long a hook may take, and how much may be used while there is no question */
  constructor(most: number) {
    this.#most = most;
  }

  /** Hooks are asked something now. They have answered in time, or they are ended for that. */
  asked(now: number): void {
    this.#lastAsked = now;
  }

  /**
   * Takes account of what was used until now; answers whether that is too much. They may have timers, and
   * what these use is forgotten again, a small share of the time that goes by.
   */
  isTooMuch(used: number, now: number): boolean {
    const isAsked = now - this.#lastAsked < this.#most;
    const left = Math.max(0, this.#time - (now - this.#told) * IDLE_SHARE);
    this.#time = isAsked ? 0 : left + used;
    this.#told = now;
    return this.#time > this.#most;
  }
}
