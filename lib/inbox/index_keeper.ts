/** Brings the index up to what the queue has, some messages at a time. @module */
import { type Log, noLog } from "../net/log.ts";
import type { Entry, Store } from "../queue/store.ts";
import { StoreError } from "../queue/store_error.ts";
import { errorText } from "../relay/client.ts";
import type { Arrival } from "./backlog.ts";
import type { ContentReader } from "./content.ts";
import type { IndexedMessage, MessageIndex, MessageState } from "./message_index.ts";
import { indexedMessage, stateAfter, stateOf } from "./summary.ts";

/** What has become of the index. */
export type IndexEvent =
  /** A message can be found; with its number if it was seen to arrive. */
  | { readonly type: "indexed"; readonly message: IndexedMessage; readonly number?: number }
  | { readonly type: "changed"; readonly ids: readonly string[] }
  | { readonly type: "gone"; readonly ids: readonly string[] };

/** What an index is kept with. */
export interface IndexKeeperOptions {
  readonly store: Pick<Store, "list" | "read">;
  readonly index: MessageIndex;
  readonly reader: ContentReader;
  readonly log?: Log;
  /** Told what has become of the index once it has. */
  readonly tell: (event: IndexEvent) => void;
}

/** Octets of a message that are read for the index. */
const MOST_OCTETS = 256 * 1024;
/** Messages that are read at once. */
const AT_ONCE = 4;

/** The keeper. One thing is asked of it at a time; what fails has changed nothing, or may be asked again. */
export class IndexKeeper {
  readonly #options: IndexKeeperOptions;

  /** Does nothing by itself. */
  constructor(options: IndexKeeperOptions) {
    this.#options = options;
  }

  /** Puts messages that have arrived into the index, in their order. */
  async take(arrivals: ReadonlyMap<string, Arrival>): Promise<void> {
    const entries = await this.#entries([...arrivals.keys()]);
    const inOrder = [...arrivals.keys()].flatMap((id) => entries.get(id) ?? []);
    await this.#put(inOrder, (id) => arrivals.get(id)?.number);
  }

  /** Has the index say how messages stand which were changed. */
  async refresh(ids: readonly string[]): Promise<void> {
    const standing = await this.#standing(ids);
    const entries = await this.#entries([...standing.keys()]);
    await this.#setStates(entries.values(), standing);
    const isThere = (id: string) => entries.has(id);
    // Its recipients may stand as before, but not their attempts.
    this.#tell("changed", [...standing.keys()].filter(isThere));
    await this.#forget([...standing.keys()].filter((id) => !isThere(id)));
  }

  /** Compares a page of the queue with the index, leaving messages alone that are taken later. */
  async compare(entries: readonly Entry[], isTakenLater: (id: string) => boolean): Promise<void> {
    const standing = await this.#standing(entries.map(({ id }) => id));
    await this.#put(entries.filter(({ id }) => !standing.has(id) && !isTakenLater(id)));
    this.#tell("changed", await this.#setStates(entries, standing));
  }

  /** Has the index forget those of some messages that the queue does not have any more. */
  async prune(ids: readonly string[]): Promise<void> {
    const entries = await this.#entries(ids);
    await this.#forget(ids.filter((id) => !entries.has(id)));
  }

  /** Takes messages out of what is found, whatever the queue still knows of them. */
  async hide(ids: readonly string[]): Promise<void> {
    await this.#options.index.setStates(new Map(ids.map((id) => [id, "removed"])));
    this.#tell("changed", ids);
  }

  /** Those of some messages that the queue has. */
  async #entries(ids: readonly string[]): Promise<Map<string, Entry>> {
    if (ids.length === 0) return new Map();
    const { entries } = await this.#options.store.list({ ids }, { limit: ids.length });
    return new Map(entries.map((entry) => [entry.id, entry]));
  }

  /** How the index says that messages stand, of those which it has. */
  async #standing(ids: readonly string[]): Promise<Map<string, MessageState>> {
    const { index } = this.#options;
    const known = [...await index.known(ids)];
    if (known.length === 0) return new Map();
    const standing = new Map<string, MessageState>(known.map((id) => [id, "removed"]));
    // What is removed is not found unless it is asked for.
    const { messages } = await index.search({ ids: known }, { limit: known.length });
    for (const { id, state } of messages) standing.set(id, state);
    return standing;
  }

  /** Answers which messages stand otherwise than the index had it. */
  async #setStates(
    entries: Iterable<Entry>,
    standing: ReadonlyMap<string, MessageState>,
  ): Promise<string[]> {
    const states = new Map<string, MessageState>();
    for (const { id, recipients } of entries) {
      const known = standing.get(id);
      if (known === undefined) continue;
      const state = stateAfter(known, stateOf(recipients));
      if (state !== known) states.set(id, state);
    }
    if (states.size > 0) await this.#options.index.setStates(states);
    return [...states.keys()];
  }

  async #forget(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#options.index.remove(ids);
    this.#tell("gone", ids);
  }

  async #put(
    entries: readonly Entry[],
    numberOf: (id: string) => number | undefined = () => undefined,
  ): Promise<void> {
    const messages: IndexedMessage[] = [];
    for (let i = 0; i < entries.length; i += AT_ONCE) {
      const read = entries.slice(i, i + AT_ONCE).map((entry) => this.#read(entry));
      for (const message of await Promise.all(read)) if (message) messages.push(message);
    }
    if (messages.length === 0) return;
    const { index, tell } = this.#options;
    await index.put(messages);
    for (const message of messages) {
      const number = numberOf(message.id);
      tell({ type: "indexed", message, ...number !== undefined && { number } });
    }
  }

  /** Reads a message; nothing if that cannot be done. */
  async #read(entry: Entry): Promise<IndexedMessage | undefined> {
    const { store, reader, log = noLog } = this.#options;
    const { id, size } = entry;
    // A reader keeps what it has read, and whoever asks for the message means all of it.
    const name = size > MOST_OCTETS ? `${id} beginning` : id;
    try {
      return indexedMessage(entry, await reader.read(name, () => beginning(store.read(id))));
    } catch (error) {
      const kind = error instanceof StoreError ? error.kind : undefined;
      // These are no fault of the message: it is read again.
      if (kind === "busy" || kind === "closed") throw error;
      // One that is gone was swept in the meantime.
      if (kind !== "missing") log("error", "not-indexed", { id, error: errorText(error) });
      return undefined;
    }
  }

  #tell(type: "changed" | "gone", ids: readonly string[]): void {
    if (ids.length > 0) this.#options.tell({ type, ids });
  }
}

/** The first octets of a message. */
async function* beginning(octets: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let left = MOST_OCTETS;
  for await (const slice of octets) {
    yield slice.subarray(0, left);
    left -= slice.length;
    if (left <= 0) return;
  }
}
