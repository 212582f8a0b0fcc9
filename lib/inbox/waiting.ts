/** Those who wait for a message. @module */
import type { Clock } from "../net/clock.ts";
import type { Arrival } from "./backlog.ts";
import type { Indexer, IndexerEvent } from "./indexer.ts";
import type { IndexedMessage, MessageIndex, Search, Summary } from "./message_index.ts";
import { type Fits, foldedMessage, searchFits } from "./summary.ts";

/** What waiters are served with. */
export interface WaitingOptions {
  readonly indexer: Pick<Indexer, "count" | "watch" | "reach" | "hurry">;
  readonly index: Pick<MessageIndex, "search">;
  readonly clock: Clock;
}

/** How long to wait. */
export interface WaitOptions {
  /** In milliseconds; 0 for a look at what is there. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** Those who may wait at once. */
const MOST_WAITERS = 10_000;
/** Messages that are kept for one waiter, and messages that a waiter is told of who got none. */
const MOST_MESSAGES = 20;

/** A message that has come into the index. */
interface Came {
  readonly message: Pick<IndexedMessage, "id" | "received">;
  readonly number?: number;
}

/** All who wait. Each message that comes is made ready once, and then compared with each search. */
export class Waiting implements Disposable {
  readonly #options: WaitingOptions;
  /** In the order in which they came. */
  readonly #waiters = new Set<Waiter>();
  /** The last messages that have come. */
  readonly #recent: Came[] = [];
  readonly #watch: Disposable;
  #isOver = false;

  /** Waits for nothing yet. */
  constructor(options: WaitingOptions) {
    this.#options = options;
    this.#watch = options.indexer.watch((event) => this.#note(event));
  }

  /**
   * Begins to wait, until the answer is disposed of. No message is missed that arrives after this call.
   *
   * @throws {RangeError} if too many wait
   * @throws {Error} if the inbox is closed
   */
  begin(search: Search, options: WaitOptions): Waiter {
    if (this.#isOver) throw closed();
    if (this.#waiters.size >= MOST_WAITERS) {
      throw new RangeError(`Cannot wait: ${MOST_WAITERS} others do so`);
    }
    const waiter: Waiter = new Waiter(search, options, {
      ...this.#options,
      recent: this.#recent,
      leave: () => this.#waiters.delete(waiter),
    });
    this.#waiters.add(waiter);
    return waiter;
  }

  /** Ends: those who wait are told so. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#watch[Symbol.dispose]();
    for (const waiter of this.#waiters) waiter.end(closed());
  }

  #note(event: IndexerEvent): void {
    if (event.type === "indexed") this.#come(event);
    else if (event.type === "forgotten") this.#forget(event.arrivals);
  }

  #come(came: Extract<IndexerEvent, { type: "indexed" }>): void {
    const { message: { id, received }, number } = came;
    this.#recent.push({ message: { id, received }, ...number !== undefined && { number } });
    if (this.#recent.length > MOST_MESSAGES) this.#recent.shift();
    if (this.#waiters.size === 0) return;
    const like = foldedMessage(came.message);
    for (const waiter of this.#waiters) {
      if (waiter.isLater(came) && waiter.fits(like)) waiter.take(id);
    }
  }

  /** Messages will come without their numbers: their time has to say for whom they are. */
  #forget(arrivals: readonly Arrival[]): void {
    let oldest = Infinity;
    let left = arrivals.length;
    for (const waiter of [...this.#waiters].reverse()) {
      while (left > 0 && arrivals[left - 1].number > waiter.begun) {
        oldest = Math.min(oldest, arrivals[--left].accepted);
      }
      waiter.forget(oldest);
    }
  }
}

function closed(): Error {
  return new Error("Cannot wait: the inbox is closed");
}

/** What a waiter has of the others. */
interface Room extends WaitingOptions {
  readonly recent: readonly Came[];
  readonly leave: () => void;
}

/** One who waits. */
export class Waiter implements Disposable {
  /** Whether a message that nobody has looked at is one that is waited for. */
  readonly fits: Fits;
  /** What had happened when it came. */
  readonly begun: number;
  readonly #room: Room;
  readonly #search: Search;
  readonly #signal: AbortSignal | undefined;
  readonly #handles: Disposable[] = [];
  readonly #found: string[] = [];
  readonly #over = Promise.withResolvers<void>();
  #come = () => {};
  #isOver = false;
  #error: unknown;
  #hasLooked = false;
  /** Messages without numbers that were accepted then or later arrived after it came. */
  #oldest = Infinity;

  /** Waits from now on. */
  constructor(search: Search, { timeout, signal }: WaitOptions, room: Room) {
    const { indexer, clock } = room;
    this.fits = searchFits(search);
    this.begun = indexer.count;
    this.#room = room;
    this.#search = search;
    this.#signal = signal;
    this.#handles.push(indexer.hurry());
    if (timeout > 0) this.#handles.push(clock.after(timeout, () => this.end()));
    else this.end();
    signal?.addEventListener("abort", this.#abort);
    if (signal?.aborted) this.#abort();
  }

  /** Whether a message counts that comes into the index now, if it fits. */
  isLater({ message: { received }, number }: Came): boolean {
    if (number !== undefined) return number > this.begun;
    return this.#search.since !== undefined || received >= this.#oldest;
  }

  /** Takes a message that fits. */
  take(id: string): void {
    if (this.#found.length < MOST_MESSAGES) this.#found.push(id);
    this.#come();
  }

  /** Counts messages that come without a number by the time at which they were accepted. */
  forget(oldest: number): void {
    this.#oldest = Math.min(this.#oldest, oldest);
  }

  /** Ends the waiting, because time is up or for an error. */
  end(error?: unknown): void {
    this.#error ??= error;
    this.#isOver = true;
    this.#over.resolve();
  }

  /**
   * The id of the next message that fits; nothing if time is up.
   *
   * @throws the reason of the signal, once it is aborted
   */
  async next(): Promise<string | undefined> {
    if (!this.#hasLooked) await this.#look();
    this.#hasLooked = true;
    if (this.#found.length === 0 && !this.#isOver) {
      const { promise: came, resolve } = Promise.withResolvers<void>();
      this.#come = resolve;
      await Promise.race([came, this.#over.promise]);
    }
    this.#check();
    return this.#found.shift();
  }

  /** What has come in the meantime, newest first. */
  async meanwhile(): Promise<readonly Summary[]> {
    const { index, recent } = this.#room;
    const { since } = this.#search;
    const ids = recent.filter((came) => this.isLater(came)).map(({ message }) => message.id);
    if (since === undefined && ids.length === 0) return [];
    const { messages } = await index.search(since === undefined ? { ids } : { since }, {
      limit: MOST_MESSAGES,
    });
    return messages;
  }

  /** Waits no more. */
  [Symbol.dispose](): void {
    this.#room.leave();
    this.#signal?.removeEventListener("abort", this.#abort);
    for (const handle of this.#handles) handle[Symbol.dispose]();
  }

  readonly #abort = () => this.end(this.#signal!.reason);

  #check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Looks for the newest that was there already. */
  async #look(): Promise<void> {
    if (this.#search.since === undefined) return;
    const { indexer, index } = this.#room;
    using reaching = indexer.reach();
    await Promise.race([reaching.reached, this.#over.promise]);
    this.#check();
    // What has come since is found as well, and is not what is looked for.
    const { messages } = await index.search(this.#search, { limit: MOST_MESSAGES + 1 });
    const newest = messages.find(({ id }) => !this.#found.includes(id));
    if (newest !== undefined) this.#found.unshift(newest.id);
  }
}
