/** The inbox of a queue. @module */
import { HeaderScanner } from "../message/header_scanner.ts";
import type { Clock } from "../net/clock.ts";
import type { Log } from "../net/log.ts";
import type { Entry, Filter } from "../queue/store.ts";
import { StoreError } from "../queue/store_error.ts";
import type { WatchedStore } from "../queue/watched_store.ts";
import type { Content, ContentReader } from "./content.ts";
import type {
  Awaited,
  Inbox,
  InboxAction,
  InboxEvent,
  InboxMessage,
  IndexCondition,
  ReleaseOptions,
} from "./inbox.ts";
import { InboxEvents } from "./inbox_events.ts";
import { Indexer, type IndexerEvent } from "./indexer.ts";
import type { IndexCounts, MessageIndex, Search, Summary, SummaryPage } from "./message_index.ts";
import { releaseOf } from "./release.ts";
import { searchPages } from "./search_pages.ts";
import { indexedMessage, stateAfter, summaryOf } from "./summary.ts";
import { Waiting, type WaitOptions } from "./waiting.ts";

/** What can be done to the recipients of messages in the queue. */
export type QueueAction = Exclude<InboxAction, "seen" | "unseen">;

/** What an inbox is made of. All of it is its maker's to close, behind the inbox. */
export interface StoreInboxOptions {
  /** The queue. What is not done through this very object is noticed at the next start. */
  readonly store: WatchedStore;
  readonly index: MessageIndex;
  readonly reader: ContentReader;
  /** Does to recipients what an operator of the queue does. */
  readonly act: (action: QueueAction, filter: Filter) => Promise<number>;
  /** Tells the scheduler that something may be due. */
  readonly wake: () => void;
  /** How long a message is tried for recipients that are added to it, in milliseconds. */
  readonly lifetime: number;
  readonly clock: Clock;
  readonly log?: Log;
}

/** How long an answer is held back for what has just happened, in milliseconds. */
const CATCH_UP = 2_000;
/** Messages that something is done to at once. */
const STEP = 200;
/** Octets of a header section that are shown. */
const MOST_HEADER = 1024 * 1024;

/** Opens the inbox of a queue, and begins to bring the index up to it. */
export function storeInbox(options: StoreInboxOptions): Inbox {
  return new StoreInbox(options);
}

class StoreInbox implements Inbox {
  readonly #options: StoreInboxOptions;
  readonly #indexer: Indexer;
  readonly #waiting: Waiting;
  readonly #events: InboxEvents;
  readonly #opened: number;
  /** Messages that are being read: those who ask for one at the same time get it together. */
  readonly #reading = new Map<string, Promise<Content>>();

  constructor(options: StoreInboxOptions) {
    const { index, clock } = options;
    this.#options = options;
    this.#opened = clock.now();
    this.#indexer = new Indexer(options);
    this.#waiting = new Waiting({ indexer: this.#indexer, index, clock });
    this.#events = new InboxEvents(clock);
    this.#indexer.watch((event) => this.#tell(event));
  }

  async search(search: Search, options: { cursor?: string; limit: number }): Promise<SummaryPage> {
    await this.#catchUp();
    return await this.#options.index.search(search, options);
  }

  async counts(): Promise<IndexCounts> {
    await this.#catchUp();
    return await this.#options.index.counts();
  }

  async condition(): Promise<IndexCondition> {
    const { total: messages } = await this.#options.index.counts();
    const { waiting, isComparing } = this.#indexer;
    return { messages, waiting, isComparing };
  }

  async show(id: string): Promise<InboxMessage | undefined> {
    const entry = await this.#options.store.show(id);
    if (entry === undefined) return undefined;
    return await unlessMissing(async () => {
      const content = await this.#content(id);
      return { summary: await this.#summary(entry, content), entry, content };
    });
  }

  async ledger(id: string) {
    const { store } = this.#options;
    const entry = await store.show(id);
    return entry && { entry, attempts: await store.attempts(id) };
  }

  async raw(id: string) {
    const { store } = this.#options;
    const entry = await store.show(id);
    return entry && { size: entry.size, octets: ReadableStream.from(copies(store.read(id))) };
  }

  header(id: string): Promise<string | undefined> {
    return unlessMissing(() => readHeader(this.#options.store.read(id)));
  }

  async part(id: string, index: number) {
    const { store, reader } = this.#options;
    if (await store.show(id) === undefined) return undefined;
    return await unlessMissing(() => reader.part(id, index, () => store.read(id)));
  }

  async wait(search: Search, options: WaitOptions): Promise<Awaited> {
    options.signal?.throwIfAborted();
    using waiter = this.#waiting.begin(search, options);
    for (;;) {
      const id = await waiter.next();
      if (id === undefined) return { kind: "nothing", arrived: await waiter.meanwhile() };
      const message = await this.show(id);
      // One that is gone before it can be read is nothing to answer.
      if (message !== undefined) return { kind: "found", message };
    }
  }

  async act(action: InboxAction, search: Search): Promise<number> {
    await this.#catchUp();
    let count = 0;
    for await (const messages of searchPages(this.#options.index, search, STEP)) {
      const ids = messages.map(({ id }) => id);
      if (ids.length > 0) await this.#actOn(action, ids);
      count += ids.length;
    }
    await this.#catchUp();
    return count;
  }

  async release(id: string, options: ReleaseOptions = {}): Promise<boolean> {
    const { store, act, wake, lifetime, clock } = this.#options;
    const now = clock.now();
    const { route, recipients } = releaseOf(options, now);
    try {
      if (recipients.length > 0) {
        return await store.add(id, { recipients, expires: now + lifetime });
      }
      if (route === undefined) return await act("release", { ids: [id] }) > 0;
      return await store.release({ ids: [id] }, now, route) > 0;
    } finally {
      wake();
      await this.#catchUp();
    }
  }

  watch(listener: (event: InboxEvent) => void): Disposable {
    return this.#events.watch(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#waiting[Symbol.dispose]();
    await this.#indexer[Symbol.asyncDispose]();
    this.#events[Symbol.dispose]();
  }

  async #actOn(action: InboxAction, ids: readonly string[]): Promise<void> {
    const { index, act } = this.#options;
    switch (action) {
      case "seen":
      case "unseen":
        if (await index.setSeen(ids, action === "seen") > 0) this.#events.changed(ids);
        break;
      case "remove":
        await act(action, { ids });
        // The queue ends only those who still wait; what has been delivered leaves the inbox as well.
        await this.#indexer.hide(ids);
        break;
      default:
        await act(action, { ids });
    }
  }

  /** Waits for the index, within reason. */
  async #catchUp(): Promise<void> {
    using reaching = this.#indexer.reach();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    using _timer = this.#options.clock.after(CATCH_UP, resolve);
    await Promise.race([reaching.reached, late]);
  }

  #content(id: string): Promise<Content> {
    const current = this.#reading.get(id);
    if (current !== undefined) return current;
    const { store, reader } = this.#options;
    const reading = reader.read(id, () => store.read(id))
      .finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  /** The summary as the message stands now, which the index may not know yet. */
  async #summary(entry: Entry, content: Content): Promise<Summary> {
    const { index } = this.#options;
    const ids = [entry.id];
    const fresh = indexedMessage(entry, content);
    let [known] = (await index.search({ ids }, { limit: 1 })).messages;
    if (known === undefined) {
      [known] = (await index.search({ ids, state: "removed" }, { limit: 1 })).messages;
    }
    if (known === undefined) return summaryOf(fresh, false);
    return { ...summaryOf(fresh, known.seen), state: stateAfter(known.state, fresh.state) };
  }

  #tell(event: IndexerEvent): void {
    switch (event.type) {
      case "indexed": {
        const { message, number } = event;
        // What was in the queue before this inbox was opened has not come now.
        const hasCome = number !== undefined || message.received >= this.#opened;
        if (hasCome) this.#events.arrived(summaryOf(message, false));
        break;
      }
      case "changed":
        this.#events.changed(event.ids);
        break;
      case "gone":
        this.#events.gone(event.ids);
    }
  }
}

/** Answers nothing for a message that is not there. */
async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StoreError && error.kind === "missing") return undefined;
    throw error;
  }
}

/** Slices that stay valid: a stream may hold one while it asks for the next. */
async function* copies(slices: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const slice of slices) yield slice.slice();
}

async function readHeader(octets: AsyncIterable<Uint8Array>): Promise<string> {
  const scanner = new HeaderScanner({ octets: MOST_HEADER, fields: Infinity, hops: Infinity });
  for await (const slice of octets) {
    scanner.scan(slice);
    if (scanner.isComplete || scanner.tooLarge) break;
  }
  scanner.end();
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(scanner.octets)
    .replaceAll("\r\n", "\n");
  // The empty line is no part of the header section (RFC 5322 section 2.1).
  return text === "\n" || text.endsWith("\n\n") ? text.slice(0, -1) : text;
}
