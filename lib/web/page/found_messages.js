/** The messages that were found, newest first, page by page, and what becomes of them meanwhile. @module */
/** @import { Item, ItemPage, ListChange } from "./types.d.ts" */
import { fetchItems } from "./api.js";
import { collected } from "./timing.js";

/** Messages of the first page, which shall be there at once, and of those that follow. */
const FIRST_PAGE = 50;
const PAGE = 200;

/** The most messages that are kept. Who looks for older ones has to search. */
const MOST = 50_000;

/** How long changes are collected before the server is asked about them, in milliseconds. */
const COLLECT = 200;

/** The parameters that do not change as a message goes its way, and so find it again. */
const LASTING = ["from", "to", "subject", "text", "size", "has"];

/** The messages of one search at a time. */
export class FoundMessages {
  /** @type {Item[]} */
  #items = [];
  /** @type {Set<string>} */
  #ids = new Set();
  /** @type {ReadonlyMap<string, string>} */
  #params = new Map();
  /** @type {string | undefined} */
  #next;
  #isComplete = false;
  #isLoading = false;
  #isLoadingFirst = false;
  /** @type {unknown} */
  #problem;
  #search = new AbortController();
  /** Those of which more is known by the server than here. @type {Set<string>} */
  #stale = new Set();
  #isHeadStale = false;
  #isRefreshing = false;
  /** @type {Item[]} */
  #arrivals = [];
  #collect = collected(COLLECT, () => {
    // Whether the first page has them already is known once it is there.
    if (this.#isLoadingFirst) return this.#collect();
    this.#takeArrivals(this.#arrivals.splice(0));
    this.#refresh();
  });
  /** @type {(change: ListChange) => void} */
  #onChange;
  /** @type {() => readonly [number, number]} */
  #visible;

  /**
   * @param {(change: ListChange) => void} onChange
   * @param {() => readonly [first: number, end: number]} visible the places that are looked at
   */
  constructor(onChange, visible) {
    this.#onChange = onChange;
    this.#visible = visible;
  }

  /** @returns {readonly Item[]} */
  get items() {
    return this.#items;
  }

  /** Whether there are no more. */
  get isComplete() {
    return this.#isComplete;
  }

  /** Whether there may be more, but no more are kept. */
  get isFull() {
    return this.#items.length >= MOST && !this.#isComplete;
  }

  get isLoading() {
    return this.#isLoading;
  }

  /** Why no more could be had; nothing if they could. */
  get problem() {
    return this.#problem;
  }

  /**
   * The place of a message, or -1.
   *
   * @param {string} id
   */
  placeOf(id) {
    return this.#ids.has(id) ? this.#items.findIndex((item) => item.id === id) : -1;
  }

  /**
   * Looks for other messages.
   *
   * @param {ReadonlyMap<string, string>} params
   */
  async search(params) {
    this.#search.abort();
    this.#search = new AbortController();
    this.#params = params;
    this.#next = undefined;
    this.#stale.clear();
    this.#arrivals = [];
    this.#isComplete = false;
    this.#isLoading = false;
    this.#isHeadStale = false;
    await this.more({ isFirst: true });
  }

  /**
   * Gets the next page.
   *
   * @param {{ isFirst?: boolean }} [options] whether it takes the place of all that is there
   */
  async more({ isFirst = false } = {}) {
    if (this.#isLoading || this.#isComplete || (this.isFull && !isFirst)) return;
    const { signal } = this.#search;
    this.#isLoading = true;
    this.#isLoadingFirst = isFirst;
    this.#problem = undefined;
    this.#onChange({ kind: "updated" });
    try {
      const limit = isFirst ? FIRST_PAGE : PAGE;
      const page = await fetchItems(this.#params, { limit, cursor: this.#next, signal });
      if (signal.aborted) return;
      if (isFirst) {
        this.#items = [];
        this.#ids = new Set();
      }
      const fresh = page.messages.filter(({ id }) => !this.#ids.has(id));
      this.#items.push(...fresh);
      for (const { id } of fresh) this.#ids.add(id);
      this.#next = page.next;
      this.#isComplete = page.next === undefined;
    } catch (error) {
      if (signal.aborted) return;
      if (isFirst) {
        this.#items = [];
        this.#ids = new Set();
      }
      this.#problem = error;
    }
    this.#isLoading = false;
    this.#isLoadingFirst = false;
    this.#onChange({ kind: isFirst ? "reset" : "updated" });
  }

  /**
   * Takes a message that came just now. Whether it is among those looked for, the server says.
   *
   * @param {Item} item
   */
  arrived(item) {
    if (this.#params.size > 0) this.#isHeadStale = true;
    else this.#arrivals.push(item);
    this.#collect();
  }

  /** Looks again for new ones, after something may have been missed. */
  missed() {
    this.#isHeadStale = true;
    for (const { id } of this.#items) this.#stale.add(id);
    if (this.#problem !== undefined && this.#items.length === 0) this.search(this.#params);
    else this.#collect();
  }

  /**
   * Takes messages out that are gone.
   *
   * @param {readonly string[]} ids
   */
  gone(ids) {
    const leaving = new Set(ids.filter((id) => this.#ids.delete(id)));
    this.#arrivals = this.#arrivals.filter(({ id }) => !ids.includes(id));
    if (leaving.size === 0) return;
    /** @type {number[]} */
    const places = [];
    this.#items = this.#items.filter(({ id }, place) => {
      if (!leaving.has(id)) return true;
      places.push(place);
      this.#stale.delete(id);
      return false;
    });
    this.#onChange({ kind: "removed", places });
  }

  /**
   * Asks again about messages that have changed, those that are looked at first.
   *
   * @param {readonly string[]} ids
   */
  changed(ids) {
    for (const id of ids) if (this.#ids.has(id)) this.#stale.add(id);
    this.#collect();
  }

  /** Tells that other places are looked at now. */
  looked() {
    if (this.#stale.size > 0) this.#collect();
  }

  /**
   * Sets what is known here already.
   *
   * @param {string} id
   * @param {Partial<Item>} facts
   */
  set(id, facts) {
    const place = this.placeOf(id);
    if (place < 0) return;
    this.#items[place] = { ...this.#items[place], ...facts };
    this.#onChange({ kind: "updated" });
  }

  /** @param {readonly Item[]} arrivals oldest first */
  #takeArrivals(arrivals) {
    const fresh = arrivals.filter(({ id }) => !this.#ids.has(id));
    if (fresh.length === 0) return;
    this.#items.unshift(...fresh.toReversed());
    for (const { id } of fresh) this.#ids.add(id);
    for (const { id } of this.#items.splice(MOST)) {
      this.#ids.delete(id);
      // What was cut off is asked for again by no cursor.
      this.#isComplete = false;
    }
    this.#onChange({ kind: "inserted", count: fresh.length });
  }

  async #refresh() {
    if (this.#isRefreshing) return;
    this.#isRefreshing = true;
    const { signal } = this.#search;
    try {
      if (this.#isHeadStale) await this.#refreshHead(signal);
      if (!signal.aborted) await this.#refreshVisible(signal);
    } catch {
      // Whatever it is, the connection for events fails as well, and then all is looked at again.
    }
    this.#isRefreshing = false;
    if (!signal.aborted && (this.#isHeadStale || this.#hasStaleInSight())) this.#collect();
  }

  /** @param {AbortSignal} signal */
  async #refreshHead(signal) {
    this.#isHeadStale = false;
    const page = await fetchItems(this.#params, { limit: PAGE, signal });
    if (signal.aborted) return;
    const known = page.messages.findIndex(({ id }) => this.#ids.has(id));
    // Where none is known, what lies between is not known either: it begins anew.
    if (known < 0) await this.search(this.#params);
    else this.#takeArrivals(page.messages.slice(0, known).toReversed());
  }

  #staleInSight() {
    const [first, end] = this.#visible();
    return this.#items.slice(first, end).filter(({ id }) => this.#stale.has(id));
  }

  #hasStaleInSight() {
    return this.#stale.size > 0 && this.#staleInSight().length > 0;
  }

  /** Asks about the changed messages in sight by the time in which they came. @param {AbortSignal} signal */
  async #refreshVisible(signal) {
    const stale = this.#staleInSight();
    if (stale.length === 0) return;
    const newest = Date.parse(stale[0].received);
    const oldest = Date.parse(stale[stale.length - 1].received);
    /** @type {(readonly [string, string])[]} */
    const asked = [
      ...[...this.#params].filter(([name]) => LASTING.includes(name)),
      ...[...this.#params].filter(([name, value]) => name === "state" && value === "removed"),
      ["since", new Date(Math.min(oldest, newest)).toISOString()],
      ["before", new Date(Math.max(oldest, newest) + 1).toISOString()],
    ];
    const page = await fetchItems(new Map(asked), { limit: PAGE, signal });
    if (signal.aborted) return;
    const known = new Map(page.messages.map((item) => [item.id, item]));
    this.#items = this.#items.map((item) => known.get(item.id) ?? item);
    // Who stands before the end of the page and is not on it has been removed.
    const reached = page.next === undefined
      ? -Infinity
      : Date.parse(page.messages.at(-1)?.received ?? "") || Infinity;
    const answered = stale.filter(({ received }) => Date.parse(received) > reached);
    for (const { id } of [...page.messages, ...answered]) this.#stale.delete(id);
    this.#onChange({ kind: "updated" });
    this.gone(answered.filter(({ id }) => !known.has(id)).map(({ id }) => id));
    // An answer that tells nothing of them would be asked for again and again.
    if (answered.length === 0 && page.messages.length === 0) this.#stale.clear();
  }
}
