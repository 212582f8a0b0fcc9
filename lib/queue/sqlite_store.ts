/** The queue store of one machine: an SQLite database and files for large bodies in one directory. @module */
import { readBlob } from "./blobs.ts";
import type { Cursor } from "./cursor.ts";
import { freeOctets, watchDisk } from "./disk_space.ts";
import { createReach, type Fault, type Reach } from "./fault.ts";
import { listPage } from "./list_page.ts";
import { Room } from "./room.ts";
import { type Action, type ActionResult, statesOf } from "./sqlite_actions.ts";
import { sqliteError } from "./sqlite_error.ts";
import { type ClaimResult, leaseKey } from "./sqlite_leases.ts";
import type { Answer, Fill, ReaderCalls, WriterCalls } from "./sqlite_protocol.ts";
import { attemptRow, Damage, messageRow, type NewMessageRow, recipientRow } from "./sqlite_rows.ts";
import { BEGINNING } from "./sqlite_select.ts";
import { type SealedBody, stageBody, type Staging } from "./staged_body.ts";
import { isUncertain, noSuchMessage, StoreError } from "./store_error.ts";
import {
  type AddedRecipients,
  type Attempt,
  type Entry,
  type Filter,
  type Lease,
  type LeaseOptions,
  type NewEntry,
  type Notice,
  type Page,
  type Shortage,
  type StagedBody,
  type Stats,
  type Store,
  StoreFullError,
} from "./store.ts";
import { WorkerPort } from "./worker_port.ts";

/** Where a store is, and its bounds. */
export interface SqliteStoreOptions {
  /** The state directory; it is made if there is none. */
  readonly directory: string;
  /** Messages that are not finished; one more is refused. No limit if left out. */
  readonly maxMessages?: number;
  /** Octets of the disk that are left free; 64 MiB if left out. Needs `--allow-sys=statfs`. */
  readonly minFree?: number;
  /** Octets up to which a body is in the database; 256 KiB if left out. */
  readonly largestInDatabase?: number;
  /** Told of each entry that was found damaged and set aside. */
  readonly onDamaged?: (id: string, reason: string) => void;
  /** Told of each group of changes that was flushed, and how many milliseconds it took. */
  readonly onFlushed?: (milliseconds: number) => void;
  /** Answers the octets that are free on the disk, for tests. */
  readonly freeOctets?: (directory: string) => number;
  /** Scripted failures, for tests. */
  readonly faults?: readonly Fault[];
}

/** Octets of the disk that are left free if nothing else is said. */
const MIN_FREE = 64 * 1024 * 1024;

/** Leases that are ended in one transaction. */
const LEASES = 1_000;

/**
 * Opens the queue of a directory. Everything that settles is on stable storage; calls that come while
 * the disk is flushed go into the next transaction together.
 *
 * @throws {StoreError} if another process has it open (`locked`), a later version wrote it (`newer`), it
 *   is damaged, or cannot be made
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  let fill: Fill = { messages: 0, free: 0 };
  const told = ({ fill: current, damaged, flushed }: Answer) => {
    if (current !== undefined) fill = current;
    if (flushed !== undefined) options.onFlushed?.(flushed);
    for (const { id, reason } of damaged) options.onDamaged?.(id, reason);
  };
  const { directory, faults = [], minFree = MIN_FREE } = options;
  const begin = { directory, minFree, faults };
  const writer = await WorkerPort.open<WriterCalls>({ ...begin, role: "writer" }, told);
  try {
    const reader = await WorkerPort.open<ReaderCalls>(
      { ...begin, role: "reader" },
      () => {},
    );
    return new SqliteStore(options, writer, reader, () => fill);
  } catch (error) {
    await writer.close();
    throw error;
  }
}

class SqliteStore implements Store {
  readonly #directory: string;
  readonly #largest: number;
  readonly #reach: Reach;
  readonly #room: Room;
  readonly #writer: WorkerPort<WriterCalls>;
  readonly #reader: WorkerPort<ReaderCalls>;
  readonly #staged = new WeakMap<StagedBody, Staging>();

  constructor(
    options: SqliteStoreOptions,
    writer: WorkerPort<WriterCalls>,
    reader: WorkerPort<ReaderCalls>,
    fill: () => Fill,
  ) {
    const { directory } = options;
    this.#directory = directory;
    this.#largest = options.largestInDatabase ?? 256 * 1024;
    this.#reach = createReach(options.faults);
    const ask = options.freeOctets ?? freeOctets;
    this.#room = new Room({
      maxMessages: options.maxMessages ?? Infinity,
      minFree: options.minFree ?? MIN_FREE,
      largest: this.#largest,
      disk: watchDisk(() => ask(directory)),
      fill,
    });
    this.#writer = writer;
    this.#reader = reader;
  }

  hasRoom(octets = 0): boolean {
    return this.#writer.isUp && this.#room.shortage(octets) === undefined;
  }

  async probe(): Promise<Shortage | undefined> {
    await Promise.all([this.#writer.call("probe", []), this.#reader.call("probe", [])]);
    return this.#room.shortage(0);
  }

  stage(): StagedBody {
    const staging = stageBody({
      directory: this.#directory,
      largest: this.#largest,
      reach: this.#reach,
      takeRoom: (octets) => this.#room.take(octets),
    });
    this.#staged.set(staging.body, staging);
    return staging.body;
  }

  async commit(entry: NewEntry, body: StagedBody): Promise<void> {
    // A large body has its room already.
    const octets = body.size <= this.#largest ? body.size : 0;
    if (this.#room.shortage(octets) !== undefined) {
      throw new StoreFullError(`Cannot commit message ${entry.id}: the queue has no room for it`);
    }
    using _underWay = this.#room.begin(octets);
    await this.#sealed([{ entry, body }], ([row]) => {
      return this.#writer.call("commit", [row], [row]);
    });
    this.#reach("commit-told");
  }

  dueDomains(options: { now: number; after?: string; limit: number }): Promise<string[]> {
    return this.#reader.call("dueDomains", [options]);
  }

  nextDue(): Promise<number | undefined> {
    return this.#reader.call("nextDue", []);
  }

  lease(options: LeaseOptions): Promise<Lease[]> {
    return this.#writer.call("lease", [options]);
  }

  async claim(
    filter: Filter,
    options: { owner: string; now: number; until: number; limit: number },
  ): Promise<Lease[]> {
    const leases: Lease[] = [];
    let after: Cursor | undefined = BEGINNING;
    try {
      while (after !== undefined && leases.length < options.limit) {
        const limit = options.limit - leases.length;
        const step: ClaimResult = await this.#writer.call("claim", [
          { ...options, filter, after, limit },
        ]);
        leases.push(...step.leases);
        after = step.next;
      }
    } catch (error) {
      // Nobody is told of those that were leased before it failed.
      await Promise.allSettled(leases.map((lease) => this.giveBack(lease)));
      throw error;
    }
    return leases;
  }

  renew(lease: Lease, until: number): Promise<boolean> {
    return this.#writer.call("renew", [leaseKey(lease), until]);
  }

  async record(lease: Lease, attempt: Attempt, notices: readonly Notice[]): Promise<boolean> {
    const row = attemptRow(attempt);
    const isRecorded = await this.#sealed(notices, (rows) => {
      return this.#writer.call("record", [leaseKey(lease), row, rows], rows);
    });
    this.#reach("record-told");
    return isRecorded;
  }

  giveBack(lease: Lease): Promise<void> {
    return this.#writer.call("giveBack", [leaseKey(lease)]);
  }

  async endLeases(owner: string): Promise<number> {
    for (let count = 0;;) {
      const { ended, isAll } = await this.#writer.call("endLeases", [owner, LEASES]);
      count += ended;
      if (isAll) return count;
    }
  }

  hold(filter: Filter): Promise<number> {
    return this.#act("hold", filter, 0);
  }

  release(filter: Filter, now: number, route?: string): Promise<number> {
    return this.#act("release", filter, now, route);
  }

  retry(filter: Filter, now: number): Promise<number> {
    return this.#act("retry", filter, now);
  }

  remove(filter: Filter, now: number): Promise<number> {
    return this.#act("remove", filter, now);
  }

  async add(
    id: string,
    { recipients, expires }: AddedRecipients,
  ): Promise<boolean> {
    return await this.#writer.call("add", [
      { id, recipients: recipients.map(recipientRow), expires },
    ]);
  }

  async list(filter: Filter, options: { after?: string; limit: number }): Promise<Page> {
    return await listPage(options, async (after, limit) => {
      const step = await this.#reader.call("list", [filter, after, limit]);
      for (const { id, reason } of step.damaged) await this.#setAside(id, reason);
      return step;
    });
  }

  find(prefix: string, limit: number): Promise<string[]> {
    return this.#reader.call("find", [prefix, limit]);
  }

  show(id: string): Promise<Entry | undefined> {
    return this.#guarded(id, () => this.#reader.call("show", [id]));
  }

  attempts(id: string): Promise<Attempt[]> {
    return this.#guarded(id, () => this.#reader.call("attempts", [id]));
  }

  async *read(id: string): AsyncIterable<Uint8Array> {
    const body = await this.#guarded(id, () => this.#reader.call("body", [id]));
    if (body === undefined) throw noSuchMessage(id);
    if ("octets" in body) {
      if (body.octets.length > 0) yield body.octets;
      return;
    }
    const slices = readBlob(this.#directory, body.blob);
    try {
      for (;;) {
        const { value, done } = await this.#guarded(id, () => slices.next());
        if (done) return;
        yield value;
      }
    } finally {
      await slices.return(undefined);
    }
  }

  sweep(options: { before: number; limit: number }): Promise<number> {
    return this.#writer.call("sweep", [options]);
  }

  waiting(domain: string, limit: number): Promise<number> {
    return this.#reader.call("waiting", [domain, limit]);
  }

  stats(): Promise<Stats> {
    return this.#reader.call("stats", []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.close();
    await this.#writer.close();
  }

  /** Seals bodies, and sends their messages; what is known to be sealed for nothing is deleted. */
  async #sealed<T>(
    messages: readonly Notice[],
    send: (rows: NewMessageRow[]) => Promise<T>,
  ): Promise<T> {
    const stagings: Staging[] = [];
    try {
      const rows: NewMessageRow[] = [];
      for (const { entry, body } of messages) {
        const staging = this.#staged.get(body);
        if (staging === undefined || entry.recipients.length === 0) {
          const why = staging === undefined
            ? "its octets are of another store"
            : "it has no recipients";
          throw new StoreError("failed", `Cannot commit message ${entry.id}: ${why}`);
        }
        const { size } = body;
        const sealing = staging.seal();
        stagings.push(staging);
        const sealed: SealedBody = sealing instanceof Promise ? await sealing : sealing;
        const row = messageRow(entry, size);
        if ("blob" in sealed) {
          rows.push({ ...row, blob: sealed.blob.name, crc: sealed.blob.crc });
        } else {
          rows.push({ ...row, octets: sealed.octets });
        }
      }
      const answer = await send(rows);
      if (answer === false) { for (const staging of stagings) staging.discard(); }
      return answer;
    } catch (error) {
      // A file that turns out to be for nothing is swept at the next start.
      if (!isUncertain(error)) { for (const staging of stagings) staging.discard(); }
      throw sqliteError(error, `Cannot commit message ${messages[0]?.entry.id}`);
    }
  }

  async #act(action: Action, filter: Filter, now: number, route?: string): Promise<number> {
    let count = 0;
    for (const state of statesOf(action, filter)) {
      let step: ActionResult | undefined;
      do {
        step = await this.#writer.call("act", [
          {
            ...{ action, filter: { ...filter, state }, now, route },
            ...{ after: step?.after, newest: step?.newest },
          },
        ]);
        count += step.count;
      } while (step.after !== undefined);
    }
    return count;
  }

  /** Sets a message aside if it turns out to be damaged. */
  async #guarded<T>(id: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      if (await this.#isGone(id)) throw noSuchMessage(id);
      await this.#setAside(id, error.message);
      throw new StoreError("damaged", `Cannot read message ${id}: ${error.message}`);
    }
  }

  /** Whether a message was swept while it was being read. */
  async #isGone(id: string): Promise<boolean> {
    return !(await this.#reader.call("find", [id, 1])).includes(id);
  }

  async #setAside(id: string, reason: string): Promise<void> {
    await this.#writer.call("setAside", [id, reason]);
  }
}
