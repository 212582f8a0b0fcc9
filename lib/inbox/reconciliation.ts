/** Finds out, a page at a time, where the index and the queue differ. @module */
import type { Clock } from "../net/clock.ts";
import { type Cursor, formatCursor, parseCursor } from "../queue/cursor.ts";
import type { WatchedStore } from "../queue/watched_store.ts";
import type { IndexKeeper } from "./index_keeper.ts";
import type { MessageIndex, Search } from "./message_index.ts";

/** What a reconciliation works with. */
export interface ReconciliationOptions {
  readonly store: Pick<WatchedStore, "list">;
  readonly index: Pick<MessageIndex, "search">;
  readonly keeper: IndexKeeper;
  readonly clock: Clock;
  /** Whether a message is on its way into the index. */
  readonly isTakenLater: (id: string) => boolean;
}

/** Messages of the queue that are compared at once: others wait behind them. */
const COMPARED = 50;
/** Messages of the index that are looked for in the queue at once. */
const PRUNED = 200;

/** A walk through the queue, oldest first. */
interface Walk {
  readonly after: Cursor;
  readonly begun: number;
}

/** The reconciliation. It begins with everything, and does something only in {@linkcode step}. */
export class Reconciliation {
  readonly #options: ReconciliationOptions;
  /** Where the walk is; another one each time that it gets on, or is set back. */
  #walk: Walk | undefined;
  /** Which messages of the index may be gone from the queue, and how far they were looked at. */
  #suspects: Search[] = [{}, { state: "removed" }];
  #cursor: string | undefined;
  #sweptBefore = -Infinity;

  /** Begins with all that there is. */
  constructor(options: ReconciliationOptions) {
    this.#options = options;
    this.compareFrom(-Infinity);
  }

  /** When the walk that is under way began; nothing if there is none. */
  get walksSince(): number | undefined {
    return this.#walk?.begun;
  }

  /** Whether there is something to do. */
  get hasWork(): boolean {
    return this.#walk !== undefined || this.#suspects.length > 0 || this.#sweptBefore > -Infinity;
  }

  /** Has all messages compared that were accepted at a time or later. */
  compareFrom(accepted: number): void {
    const after = accepted === -Infinity
      ? parseCursor(undefined)
      // No message has so short an id; all others of this millisecond come behind it.
      : { accepted, id: "0" };
    const walk = this.#walk;
    this.#walk = {
      after: walk !== undefined && walk.after.accepted < accepted ? walk.after : after,
      begun: walk?.begun ?? this.#options.clock.now(),
    };
  }

  /** Has the index forget what was finished before a time and is gone. */
  pruneBefore(time: number): void {
    this.#sweptBefore = Math.max(this.#sweptBefore, time);
  }

  /** Compares the next messages. */
  async step(): Promise<void> {
    if (this.#walk !== undefined) return await this.#compare(this.#walk);
    if (this.#suspects.length === 0) {
      const before = this.#sweptBefore;
      this.#sweptBefore = -Infinity;
      this.#suspects = (["delivered", "failed", "removed"] as const)
        .map((state) => ({ state, before }));
    }
    await this.#prune(this.#suspects[0]);
  }

  async #compare(walk: Walk): Promise<void> {
    const { store, keeper, isTakenLater } = this.#options;
    const { entries, next } = await store.list({}, {
      ...walk.after.accepted > -Infinity && { after: formatCursor(walk.after) },
      limit: COMPARED,
    });
    await keeper.compare(entries, isTakenLater);
    if (this.#walk !== walk) return;
    this.#walk = next === undefined ? undefined : { ...walk, after: parseCursor(next) };
  }

  async #prune(search: Search): Promise<void> {
    const { index, keeper } = this.#options;
    const { messages, next } = await index.search(search, {
      ...this.#cursor !== undefined && { cursor: this.#cursor },
      limit: PRUNED,
    });
    await keeper.prune(messages.map(({ id }) => id));
    this.#cursor = next;
    if (next === undefined) this.#suspects.shift();
  }
}
