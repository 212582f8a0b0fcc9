/** Follows the queue: what happens there is in the index soon, without holding it up. @module */
import type { Clock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { Listeners } from "../queue/listeners.ts";
import type { StoreEvent, WatchedStore } from "../queue/watched_store.ts";
import { errorText } from "../relay/client.ts";
import { type Arrival, Backlog } from "./backlog.ts";
import type { ContentReader } from "./content.ts";
import { type IndexEvent, IndexKeeper } from "./index_keeper.ts";
import type { MessageIndex } from "./message_index.ts";
import { Reconciliation } from "./reconciliation.ts";

/** What an indexer tells. */
export type IndexerEvent =
  | IndexEvent
  /** Messages, in their order, that will be told of without their numbers. */
  | { readonly type: "forgotten"; readonly arrivals: readonly Arrival[] };

/** What an indexer works with. */
export interface IndexerOptions {
  readonly store: WatchedStore;
  readonly index: MessageIndex;
  readonly reader: ContentReader;
  readonly clock: Clock;
  readonly log?: Log;
  /** What has happened and is remembered one by one until it is in the index; 10,000 if left out. */
  readonly mostWaiting?: number;
}

/** Somebody for whom the indexer hurries, until it is disposed of. */
export interface Reaching extends Disposable {
  /** Settles once all that had happened is in the index. */
  readonly reached: Promise<void>;
}

/** Messages that are indexed at once. */
const BATCH = 50;
/** How long it rests behind what it has done while much comes in, as a multiple of that, and at most. */
const REST = 4;
const LONGEST_REST = 5_000;
/** How long to wait behind a failure, in milliseconds: twice as long each time. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** How long somebody waits for messages that are looked for in the whole queue, in milliseconds. */
const PATIENCE = 2_000;

/** How deep it sleeps: `idle` until there is news, `resting` until somebody waits, `failed` to the end. */
type Sleep = "idle" | "resting" | "failed";

/** The indexer. Whoever changes the queue only has it take note; the index is changed by it alone. */
export class Indexer implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Listeners<IndexerEvent>();
  readonly #backlog: Backlog;
  readonly #keeper: IndexKeeper;
  readonly #reconciliation: Reconciliation;
  readonly #reaching = new Set<{ readonly number: number; readonly resolve: () => void }>();
  readonly #watch: Disposable;
  readonly #running: Promise<void>;
  /** The last thing that was done to the index, or is being done. */
  #turn: Promise<unknown> = Promise.resolve();
  #hurries = 0;
  #sleep: { readonly kind: Sleep; readonly wake: () => void } | undefined;
  #isOver = false;

  /** Begins to follow the store, and to bring the index up to it. */
  constructor({ store, index, reader, clock, log = noLog, mostWaiting }: IndexerOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#backlog = new Backlog(clock, mostWaiting);
    const tell = (event: IndexEvent) => this.#listeners.tell(event);
    this.#keeper = new IndexKeeper({ store, index, reader, log, tell });
    this.#reconciliation = new Reconciliation({
      store,
      index,
      keeper: this.#keeper,
      clock,
      isTakenLater: (id) => store.isArriving(id) || this.#backlog.hasArrival(id),
    });
    this.#watch = store.watch((event) => this.#note(event));
    this.#running = this.#run();
  }

  /** The number of the last thing that has happened to the queue. A message that arrives later has a higher one. */
  get count(): number {
    return this.#backlog.count;
  }

  /** How many messages have come, or stand otherwise, and are not so in the index yet. */
  get waiting(): number {
    return this.#backlog.size;
  }

  /** Whether the index is being compared with the queue, or is yet to be. */
  get isComparing(): boolean {
    return this.#reconciliation.hasWork;
  }

  /** Tells what becomes of the index, in the order of arrival, until the answer is disposed of. */
  watch(listener: (event: IndexerEvent) => void): Disposable {
    return this.#listeners.add(listener);
  }

  /** Hurries until the answer is disposed of, and says when what has happened so far is in the index. */
  reach(): Reaching {
    const { promise: reached, resolve } = Promise.withResolvers<void>();
    const reaching = { number: this.count, resolve };
    this.#reaching.add(reaching);
    this.#settleReached();
    const hurry = this.hurry();
    return {
      reached,
      [Symbol.dispose]: () => {
        this.#reaching.delete(reaching);
        hurry[Symbol.dispose]();
      },
    };
  }

  /** Hurries until the answer is disposed of: it does not rest, however much comes in. */
  hurry(): Disposable {
    this.#hurries++;
    this.#wake("idle", "resting");
    let isOver = false;
    return {
      [Symbol.dispose]: () => {
        if (!isOver) this.#hurries--;
        isOver = true;
      },
    };
  }

  /** Takes messages out of what is found, whatever the queue still knows of them. */
  hide(ids: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#keeper.hide(ids));
  }

  /** Ends behind what it is doing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#watch[Symbol.dispose]();
    this.#wake("idle", "resting", "failed");
    await this.#running;
    await this.#turn;
    this.#settleReached();
  }

  #note(event: StoreEvent): void {
    switch (event.type) {
      case "arrived": {
        const { id, accepted } = event.entry;
        const forgotten = this.#backlog.arrive(id, accepted);
        if (forgotten !== undefined) this.#forget(forgotten);
        break;
      }
      case "changed":
        if (event.ids === undefined || !this.#backlog.change(event.ids)) {
          this.#reconciliation.compareFrom(-Infinity);
        }
        break;
      case "swept":
        this.#reconciliation.pruneBefore(event.before);
    }
    this.#wake("idle");
  }

  /** Has messages that cannot be remembered looked for in the queue. */
  #forget(arrivals: readonly Arrival[]): void {
    const oldest = arrivals.reduce((least, { accepted }) => Math.min(least, accepted), Infinity);
    this.#reconciliation.compareFrom(oldest);
    this.#listeners.tell({ type: "forgotten", arrivals });
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#isOver) {
      const begun = this.#clock.now();
      try {
        await this.#inTurn(() => this.#work());
        failures = 0;
        this.#settleReached();
        if (!this.#hasWork) await this.#sleepFor("idle", Infinity);
        else if (this.#hurries === 0 && this.#backlog.isBusy) {
          const rest = REST * (this.#clock.now() - begun);
          await this.#sleepFor("resting", Math.min(rest, LONGEST_REST));
        }
      } catch (error) {
        if (this.#isOver) return;
        failures++;
        this.#log("error", "index-failed", { tries: failures, error: errorText(error) });
        await this.#sleepFor("failed", Math.min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE));
      }
    }
  }

  get #hasWork(): boolean {
    return this.#backlog.oldest < Infinity || this.#reconciliation.hasWork;
  }

  /** Does the next of each kind; the whole queue is gone through only while there is nothing new. */
  async #work(): Promise<void> {
    const arrivals = this.#backlog.arrivals(BATCH);
    if (arrivals.size > 0) {
      await this.#keeper.take(arrivals);
      this.#backlog.arrivalsDone(arrivals);
    }
    const changes = this.#backlog.changes(BATCH);
    if (changes.size > 0) {
      await this.#keeper.refresh([...changes.keys()]);
      this.#backlog.changesDone(changes);
    }
    if (arrivals.size > 0 || changes.size > 0) return;
    if (this.#reconciliation.hasWork) await this.#reconciliation.step();
  }

  /** Does something behind what is being done, so that nobody sees half of it. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => {});
    return done;
  }

  #settleReached(): void {
    const { walksSince } = this.#reconciliation;
    // Nobody may wait for what does not come any more.
    if (this.#isOver) { for (const { resolve } of this.#reaching) resolve(); }
    const isWalking = walksSince !== undefined && this.#clock.now() - walksSince < PATIENCE;
    if (isWalking) return;
    const { oldest } = this.#backlog;
    for (const { number, resolve } of this.#reaching) if (number < oldest) resolve();
  }

  async #sleepFor(kind: Sleep, time: number): Promise<void> {
    if (this.#isOver || time === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sleep = { kind, wake: resolve };
    using _timer = time < Infinity ? this.#clock.after(time, resolve) : undefined;
    await promise;
    this.#sleep = undefined;
  }

  #wake(...kinds: readonly Sleep[]): void {
    if (this.#sleep !== undefined && kinds.includes(this.#sleep.kind)) this.#sleep.wake();
  }
}
