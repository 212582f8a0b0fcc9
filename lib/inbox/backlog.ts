/** What has happened to the queue and is not in the index yet. @module */
import type { Clock } from "../net/clock.ts";

/** A message that has arrived. */
export interface Arrival {
  /** Its place in the order of all that happens. */
  readonly number: number;
  /** When it was accepted. */
  readonly accepted: number;
}

/** Messages of each kind that are remembered. */
const MOST = 10_000;

/** So many arrivals in so many milliseconds are many. */
const MANY = 50;
const SECOND = 1_000;

/** The backlog. All of it is counted in one order, so that one can ask whether what was then is done. */
export class Backlog {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #arrivals = new Map<string, Arrival>();
  /** Messages that stand otherwise; the value is another one each time that they do. */
  readonly #changes = new Map<string, { readonly number: number }>();
  /** When the last arrivals came, round and round. */
  readonly #times = new Float64Array(MANY);
  #arrived = 0;
  #count = 0;

  /** @param most messages of each kind that are remembered; 10,000 if left out */
  constructor(clock: Clock, most = MOST) {
    this.#clock = clock;
    this.#most = most;
  }

  /** How much has happened so far. */
  get count(): number {
    return this.#count;
  }

  /** How many messages are left. */
  get size(): number {
    return this.#arrivals.size + this.#changes.size;
  }

  /** The number of the oldest that is left; infinite if there is none. */
  get oldest(): number {
    const [arrival] = this.#arrivals.values();
    const [change] = this.#changes.values();
    return Math.min(arrival?.number ?? Infinity, change?.number ?? Infinity);
  }

  /** Whether many messages arrive at present. */
  get isBusy(): boolean {
    return this.#clock.now() - this.#times[this.#arrived % MANY] < SECOND;
  }

  /** Adds a message that has arrived. Answers all that were to be remembered if there is no room. */
  arrive(id: string, accepted: number): readonly Arrival[] | undefined {
    this.#times[this.#arrived++ % MANY] = this.#clock.now();
    this.#arrivals.set(id, { number: ++this.#count, accepted });
    if (this.#arrivals.size <= this.#most) return undefined;
    const forgotten = [...this.#arrivals.values()];
    this.#arrivals.clear();
    return forgotten;
  }

  /** Adds messages that stand otherwise; false if there is no room, and then all are forgotten. */
  change(ids: readonly string[]): boolean {
    const number = ++this.#count;
    for (const id of ids) {
      // It keeps its place: what is done about it once it is its turn is done about this, too.
      this.#changes.set(id, { number: this.#changes.get(id)?.number ?? number });
    }
    if (this.#changes.size <= this.#most) return true;
    this.#changes.clear();
    return false;
  }

  /** Whether a message has arrived and is not done. */
  hasArrival(id: string): boolean {
    return this.#arrivals.has(id);
  }

  /** The first messages that have arrived, in order. They stay until they are done. */
  arrivals(limit: number): ReadonlyMap<string, Arrival> {
    return firstOf(this.#arrivals, limit);
  }

  /** The first messages that stand otherwise. They stay until they are done. */
  changes(limit: number): ReadonlyMap<string, unknown> {
    return firstOf(this.#changes, limit);
  }

  /** Forgets arrivals that are done. */
  arrivalsDone(arrivals: ReadonlyMap<string, Arrival>): void {
    for (const id of arrivals.keys()) this.#arrivals.delete(id);
  }

  /** Forgets changes that are done, but for messages that were changed again in the meantime. */
  changesDone(changes: ReadonlyMap<string, unknown>): void {
    for (const [id, change] of changes) {
      if (this.#changes.get(id) === change) this.#changes.delete(id);
    }
  }
}

function firstOf<K, V>(map: ReadonlyMap<K, V>, limit: number): Map<K, V> {
  const first = new Map<K, V>();
  for (const [key, value] of map) {
    if (first.size === limit) break;
    first.set(key, value);
  }
  return first;
}
