/** An index in a plain list, whose calls can be held up or fail. */
import type {
  IndexCounts,
  IndexedMessage,
  MessageIndex,
  MessageState,
  Search,
  Summary,
  SummaryPage,
} from "../../lib/inbox/message_index.ts";
import { foldedMessage, searchFits, summaryOf } from "../../lib/inbox/summary.ts";

/** What of an index can be held up. */
export type IndexCall = "put" | "search" | "setStates" | "remove";

/** The index. */
export class FakeIndex implements MessageIndex {
  readonly messages = new Map<string, IndexedMessage>();
  readonly seen = new Set<string>();
  /** The ids of each `put`. */
  readonly puts: string[][] = [];
  /** Holds a call up until what it answers has settled; nothing has happened before. */
  gate: (call: IndexCall) => Promise<void> | void = () => {};

  async put(messages: readonly IndexedMessage[]): Promise<void> {
    await this.gate("put");
    this.puts.push(messages.map(({ id }) => id));
    for (const message of messages) this.messages.set(message.id, message);
  }

  async setStates(states: ReadonlyMap<string, MessageState>): Promise<void> {
    await this.gate("setStates");
    for (const [id, state] of states) {
      const message = this.messages.get(id);
      if (message !== undefined) this.messages.set(id, { ...message, state });
    }
  }

  // deno-lint-ignore require-await
  async setSeen(ids: readonly string[], seen: boolean): Promise<number> {
    const others = ids.filter((id) => this.messages.has(id) && this.seen.has(id) !== seen);
    for (const id of others) {
      if (seen) this.seen.add(id);
      else this.seen.delete(id);
    }
    return others.length;
  }

  async remove(ids: readonly string[]): Promise<void> {
    await this.gate("remove");
    for (const id of ids) this.messages.delete(id);
  }

  // deno-lint-ignore require-await
  async known(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return new Set(ids.filter((id) => this.messages.has(id)));
  }

  async search(
    search: Search,
    { cursor, limit }: { cursor?: string; limit: number },
  ): Promise<SummaryPage> {
    await this.gate("search");
    const { seen, ...rest } = search;
    const fits = searchFits(rest);
    const all = [...this.messages.values()]
      .filter((message) => fits(foldedMessage(message)))
      .map((message) => summaryOf(message, this.seen.has(message.id)))
      .filter((summary) => seen === undefined || summary.seen === seen)
      .filter((summary) => cursor === undefined || keyOf(summary) < cursor)
      .sort((a, b) => keyOf(a) < keyOf(b) ? 1 : -1);
    const messages = all.slice(0, limit);
    const last = messages.at(-1);
    return { messages, ...all.length > limit && last !== undefined && { next: keyOf(last) } };
  }

  // deno-lint-ignore require-await
  async counts(): Promise<IndexCounts> {
    const states = { held: 0, queued: 0, failed: 0, delivered: 0, removed: 0 };
    for (const { state } of this.messages.values()) states[state]++;
    const shown = [...this.messages.values()].filter(({ state }) => state !== "removed");
    const unseen = shown.filter(({ id }) => !this.seen.has(id)).length;
    return { total: shown.length, unseen, states };
  }

  /** How the messages stand, by their ids. */
  states(): Record<string, MessageState> {
    return Object.fromEntries([...this.messages].map(([id, { state }]) => [id, state]));
  }

  [Symbol.asyncDispose]: () => Promise<void> = () => Promise.resolve();
}

function keyOf({ received, id }: Pick<Summary, "received" | "id">): string {
  return `${String(received).padStart(16, "0")}.${id}`;
}
