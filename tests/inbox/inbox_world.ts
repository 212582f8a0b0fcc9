/** A queue in memory with an index that follows it, for the tests of the inbox. */
import { Indexer, type IndexerEvent } from "../../lib/inbox/indexer.ts";
import type { Log } from "../../lib/net/log.ts";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import type { NewEntry, Store } from "../../lib/queue/store.ts";
import { type WatchedStore, watchedStore } from "../../lib/queue/watched_store.ts";
import { FakeClock, turn } from "../net/fake_clock.ts";
import { newEntry, recipient, stage } from "../queue/fixture.ts";
import { FakeIndex } from "./fake_index.ts";
import { FakeReader } from "./fake_reader.ts";

/** The parts. */
export class InboxWorld {
  readonly clock: FakeClock = new FakeClock();
  readonly index: FakeIndex = new FakeIndex();
  readonly reader: FakeReader = new FakeReader();
  /** What is behind the watched store: its methods may be replaced. */
  readonly inner: Store = createMemoryStore({ maxMessages: 100_000 });
  readonly store: WatchedStore = watchedStore(this.inner);
  /** What was logged: the events with the ids of their messages. */
  readonly logged: string[] = [];
  readonly log: Log = (_level, event, { id }) => void this.logged.push(`${event} ${id ?? ""}`);

  /** An indexer, and what it tells. */
  indexer(mostWaiting?: number): { readonly indexer: Indexer; readonly told: IndexerEvent[] } {
    const indexer = new Indexer({ ...this, ...mostWaiting !== undefined && { mostWaiting } });
    const told: IndexerEvent[] = [];
    indexer.watch((event) => told.push(event));
    return { indexer, told };
  }

  /** Lets time pass in steps of 10 ms, in each of which everything happens that can. */
  async pass(milliseconds: number): Promise<void> {
    await turn();
    for (let passed = 0; passed < milliseconds; passed += 10) {
      await this.clock.advance(10);
      await turn();
    }
  }

  /** Commits a message that says something. */
  async send(text = "Hello", more: Partial<NewEntry> = {}): Promise<string> {
    const entry = newEntry({ accepted: this.clock.now(), ...more });
    const octets = new TextEncoder().encode(`Subject: ${text}\r\n\r\nThis is ${text}.\r\n`);
    await this.store.commit(entry, await stage(this.store, octets));
    return entry.id;
  }

  /** Lets a message be delivered. */
  async deliver(id: string, ended = this.clock.now()): Promise<void> {
    const [lease] = await this.store.claim({ ids: [id] }, {
      owner: "test",
      now: ended,
      until: ended + 1,
      limit: 1,
    });
    const outcomes = lease.entry.recipients.map(({ index }) => ({
      index,
      state: "delivered" as const,
      reply: { code: 250, lines: ["2.0.0 Ok"] },
    }));
    await this.store.record(lease, { begun: ended, ended, outcomes }, []);
  }
}

/** A recipient that waits to be released. */
export function heldRecipient(address: string) {
  return recipient(address, { held: true });
}
