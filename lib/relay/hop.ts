/** How many deliveries a next hop is given at once, and when it is left alone. @module */
import type { Reply } from "../smtp/reply.ts";
import type { Conduct } from "./sessions.ts";

/** What a next hop is allowed. */
export interface HopLimits {
  /** How many deliveries there are to it at once, at most. */
  readonly most: number;
  /** With how many it begins. */
  readonly initial: number;
  /** How long it is left alone when it was found down so many times in a row, in milliseconds. */
  readonly pause: (times: number) => number;
}

/**
 * The state of one next hop. The limit on deliveries grows by one with each success until a failure
 * halves it, and then slowly beyond that half, as TCP does; so it stays near what the host bears. Where
 * it falls below one, or where a host that has not answered yet cannot be reached, the next hop is
 * down: it is left alone for a while, and then probed by one delivery at a time.
 */
export class Hop {
  readonly #limits: HopLimits;
  #limit: number;
  /** Below this the limit grows fast. */
  #threshold = Infinity;
  /** Counts what the limit has reacted to: deliveries from before say nothing new of it. */
  #epoch = 0;
  #hasAnswered = false;
  #timesDown = 0;
  #downUntil: number | undefined;
  #why: Reply | undefined;
  #active = 0;

  /** Begins with what the limits say. */
  constructor(limits: HopLimits) {
    this.#limits = limits;
    this.#limit = Math.max(1, Math.min(limits.initial, limits.most));
  }

  /** How many deliveries are under way. */
  get active(): number {
    return this.#active;
  }

  /** How many may be under way. */
  get limit(): number {
    return this.isDown ? 1 : Math.floor(this.#limit);
  }

  /** Whether it was down when it was last tried. */
  get isDown(): boolean {
    return this.#downUntil !== undefined;
  }

  /** Until when it is left alone and why, if it is. */
  suspension(now: number): { readonly until: number; readonly why: Reply | undefined } | undefined {
    const until = this.#downUntil;
    return until !== undefined && now < until ? { until, why: this.#why } : undefined;
  }

  /** Ends the time in which it is left alone, so that it is probed now. */
  forgive(): void {
    if (this.#downUntil !== undefined) this.#downUntil = 0;
  }

  /** A delivery begins; answers what {@linkcode end} wants to know of it. */
  begin(): number {
    this.#active++;
    return this.#epoch;
  }

  /** A delivery has ended; answers whether the next hop went down or came up with that. */
  end(
    epoch: number,
    conduct: Conduct,
    why: Reply | undefined,
    now: number,
  ): "went down" | "came up" | undefined {
    const wasFull = this.#active >= this.limit;
    this.#active--;
    if (conduct === "answered" || conduct === "busy") {
      this.#hasAnswered = true;
      this.#timesDown = 0;
      if (this.isDown) {
        this.#downUntil = undefined;
        this.#threshold = Infinity;
        this.#epoch++;
        return "came up";
      }
      if (conduct === "busy") {
        // One that talks to us is not down, however often it says so.
        if (epoch !== this.#epoch) return undefined;
        this.#epoch++;
        this.#limit = this.#threshold = Math.max(1, this.#limit / 2);
        return undefined;
      }
      // What was not used is not known to be borne.
      if (wasFull) this.#limit += this.#limit < this.#threshold ? 1 : 1 / this.#limit;
      this.#limit = Math.min(this.#limit, this.#limits.most);
      return undefined;
    }
    if (epoch !== this.#epoch) return undefined;
    this.#epoch++;
    const half = this.#limit / 2;
    const isDown = this.isDown || half < 1 || (conduct === "unreachable" && !this.#hasAnswered);
    this.#limit = this.#threshold = Math.max(1, isDown ? 1 : half);
    this.#hasAnswered = false;
    if (!isDown) return undefined;
    this.#timesDown++;
    this.#downUntil = now + this.#limits.pause(this.#timesDown);
    this.#why = why;
    return "went down";
  }
}
