/** A queue store that tells what happens to it. @module */
import { Listeners } from "./listeners.ts";
import type {
  AddedRecipients,
  Attempt,
  Entry,
  Filter,
  Lease,
  LeaseOptions,
  NewEntry,
  Notice,
  Page,
  Shortage,
  StagedBody,
  Stats,
  Store,
} from "./store.ts";
import { isUncertain } from "./store_error.ts";

/** What has happened to a store, or may have where it could not say. */
export type StoreEvent =
  /** A message is in the queue. */
  | { readonly type: "arrived"; readonly entry: NewEntry; readonly size: number }
  /** Messages stand otherwise; any of them where no ids are given. */
  | { readonly type: "changed"; readonly ids?: readonly string[] }
  /** Messages that were finished before a time are gone. */
  | { readonly type: "swept"; readonly before: number };

/** A store that can be listened to. */
export interface WatchedStore extends Store {
  /**
   * Whether a message is being committed: it may be in the store already, and that it has arrived is told
   * later.
   */
  isArriving(id: string): boolean;
  /**
   * Tells what happens, once it is on stable storage, until the answer is disposed of. The listener is
   * called before whoever changed the store goes on, and should only take note.
   */
  watch(listener: (event: StoreEvent) => void): Disposable;
}

/** Makes a store that tells what is done through it. It is the store: disposing of it closes that. */
export function watchedStore(store: Store): WatchedStore {
  return new Watched(store);
}

/** A message on its way into the store. */
interface Arriving {
  readonly entry: NewEntry;
  readonly size: number;
}

class Watched implements WatchedStore {
  readonly #store: Store;
  readonly #listeners = new Listeners<StoreEvent>();
  readonly #arriving = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  isArriving(id: string): boolean {
    return this.#arriving.has(id);
  }

  watch(listener: (event: StoreEvent) => void): Disposable {
    return this.#listeners.add(listener);
  }

  async commit(entry: NewEntry, body: StagedBody): Promise<void> {
    await this.#arrive([{ entry, size: body.size }], () => this.#store.commit(entry, body));
  }

  async record(lease: Lease, attempt: Attempt, notices: readonly Notice[]): Promise<boolean> {
    const arriving = notices.map(({ entry, body }) => ({ entry, size: body.size }));
    const ids = [lease.entry.id];
    return await this.#arrive(
      arriving,
      () => this.#store.record(lease, attempt, notices),
      () => this.#listeners.tell({ type: "changed", ids }),
    );
  }

  hold(filter: Filter): Promise<number> {
    return this.#change(filter.ids, () => this.#store.hold(filter));
  }

  release(filter: Filter, now: number, route?: string): Promise<number> {
    return this.#change(filter.ids, () => this.#store.release(filter, now, route));
  }

  retry(filter: Filter, now: number): Promise<number> {
    return this.#change(filter.ids, () => this.#store.retry(filter, now));
  }

  remove(filter: Filter, now: number): Promise<number> {
    return this.#change(filter.ids, () => this.#store.remove(filter, now));
  }

  add(
    id: string,
    added: AddedRecipients,
  ): Promise<boolean> {
    return this.#change([id], () => this.#store.add(id, added));
  }

  async sweep(options: { before: number; limit: number }): Promise<number> {
    const count = await this.#store.sweep(options);
    if (count > 0) this.#listeners.tell({ type: "swept", before: options.before });
    return count;
  }

  hasRoom(octets?: number): boolean {
    return this.#store.hasRoom(octets);
  }

  probe(): Promise<Shortage | undefined> {
    return this.#store.probe();
  }

  stage(): StagedBody {
    return this.#store.stage();
  }

  dueDomains(options: { now: number; after?: string; limit: number }): Promise<string[]> {
    return this.#store.dueDomains(options);
  }

  nextDue(): Promise<number | undefined> {
    return this.#store.nextDue();
  }

  lease(options: LeaseOptions): Promise<Lease[]> {
    return this.#store.lease(options);
  }

  claim(
    filter: Filter,
    options: { owner: string; now: number; until: number; limit: number },
  ): Promise<Lease[]> {
    return this.#store.claim(filter, options);
  }

  renew(lease: Lease, until: number): Promise<boolean> {
    return this.#store.renew(lease, until);
  }

  giveBack(lease: Lease): Promise<void> {
    return this.#store.giveBack(lease);
  }

  endLeases(owner: string): Promise<number> {
    return this.#store.endLeases(owner);
  }

  list(filter: Filter, options: { after?: string; limit: number }): Promise<Page> {
    return this.#store.list(filter, options);
  }

  find(prefix: string, limit: number): Promise<string[]> {
    return this.#store.find(prefix, limit);
  }

  show(id: string): Promise<Entry | undefined> {
    return this.#store.show(id);
  }

  attempts(id: string): Promise<Attempt[]> {
    return this.#store.attempts(id);
  }

  read(id: string): AsyncIterable<Uint8Array> {
    return this.#store.read(id);
  }

  waiting(domain: string, limit: number): Promise<number> {
    return this.#store.waiting(domain, limit);
  }

  stats(): Promise<Stats> {
    return this.#store.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
  }

  /** Brings messages in, and tells of them unless it is certain that they are not there. */
  async #arrive<T>(
    messages: readonly Arriving[],
    bring: () => Promise<T>,
    tellMore = () => {},
  ): Promise<T> {
    for (const { entry } of messages) this.#arriving.add(entry.id);
    let mayBeDone = true;
    try {
      const answer = await bring();
      mayBeDone = answer !== false;
      return answer;
    } catch (error) {
      mayBeDone = isUncertain(error);
      throw error;
    } finally {
      for (const { entry, size } of messages) {
        if (mayBeDone) this.#listeners.tell({ type: "arrived", entry, size });
        this.#arriving.delete(entry.id);
      }
      if (mayBeDone) tellMore();
    }
  }

  /**
   * Changes messages, and tells of it unless there was nothing to change. What fails may have gone part
   * of the way: a store changes many messages in steps.
   */
  async #change<T extends number | boolean>(
    ids: readonly string[] | undefined,
    change: () => Promise<T>,
  ): Promise<T> {
    let mayBeDone = true;
    try {
      const answer = await change();
      mayBeDone = answer !== 0 && answer !== false;
      return answer;
    } finally {
      if (mayBeDone) this.#listeners.tell({ type: "changed", ...ids !== undefined && { ids } });
    }
  }
}
