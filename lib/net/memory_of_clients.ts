/** Gives back the memory of clients that have left. @module */
import type { Clock } from "../policy/clock.ts";
import { collectGarbage } from "../queue/garbage.ts";

/** So many that have left are worth a pause. */
const ENOUGH = 1000;

/** How often it is looked whether it is quiet, in milliseconds. */
const PACE = 250;

/** It is quiet where in this time no more come and go than one for so many that have left. */
const QUIET = 100;

/** What is needed to look after the memory of clients. */
export interface MemoryOfClientsOptions {
  /** Wakes. */
  readonly clock: Clock;
  /** Collects; V8 does if it is left out. */
  readonly collect?: () => void;
}

/**
 * Watches how clients come and go. V8 collects what is old only when as much again was allocated: behind
 * 10,000 connections a server with little to do would keep their 200 MiB for days. So that is done when
 * many have left and it has become quiet, where a pause of some 30 ms matters to nobody; on a server that
 * is never quiet, once for a hundred times as many as come and go within a quarter of a second.
 */
export class MemoryOfClients implements Disposable {
  readonly #clock: Clock;
  readonly #collect: () => void;
  /** Who has left since it was last collected, and who has come or left since it was looked. */
  #left = 0;
  #moved = 0;
  #look: Disposable | undefined;

  /** Begins where nobody has come. */
  constructor({ clock, collect = collectGarbage }: MemoryOfClientsOptions) {
    this.#clock = clock;
    this.#collect = collect;
  }

  /** A client has come. */
  came(): void {
    this.#moved++;
  }

  /** A client has left. */
  left(): void {
    this.#moved++;
    this.#left++;
    if (this.#left >= ENOUGH && this.#look === undefined) this.#lookLater();
  }

  /** Looks no more. */
  [Symbol.dispose](): void {
    this.#look?.[Symbol.dispose]();
  }

  #lookLater(): void {
    this.#moved = 0;
    this.#look = this.#clock.after(PACE, () => {
      if (this.#moved * QUIET > this.#left) return this.#lookLater();
      this.#look = undefined;
      this.#left = 0;
      this.#collect();
    });
  }
}
