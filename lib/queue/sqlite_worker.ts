/**
 * The thread that a connection to the database lives in, since SQLite keeps its thread waiting for the
 * disk. One is the writer, another one answers questions.
 *
 * @module
 */
import { openBlobs } from "./blobs.ts";
import { freeOctets, watchDisk } from "./disk_space.ts";
import { createReach } from "./fault.ts";
import { HeapWatch } from "./heap.ts";
import { lockDirectory } from "./lock.ts";
import { openForReading, openForWriting, prepareFiles } from "./schema.ts";
import { act } from "./sqlite_actions.ts";
import { claim, endLeases, giveBack, lease, record, renew } from "./sqlite_leases.ts";
import { addRecipients, insertMessage, setAside, sweepMessages } from "./sqlite_messages.ts";
import {
  type Answer,
  type Batch,
  type Begin,
  CLOSE,
  type Fill,
  type ReaderCalls,
  toWire,
  type WriterCalls,
} from "./sqlite_protocol.ts";
import {
  attempts,
  body,
  dueDomains,
  find,
  list,
  nextDue,
  show,
  stats,
  waiting,
} from "./sqlite_reads.ts";
import { GroupWriter, sqlSession, type Transaction } from "./sqlite_session.ts";

/** The part of a worker's global scope that is used; the types of a window are others. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: Answer): void;
}

/** Takes batches of calls until it is closed. */
interface Service {
  run(batch: Batch): Answer;
  close(): void;
}

type Handlers<Calls> = {
  readonly [Name in keyof Calls]: (...values: never[]) => unknown;
};

/**
 * What need not be flushed by itself: leases that are lost when the machine stops are over, since so is
 * everybody who held one, and a probe changes nothing.
 */
const UNFLUSHED: ReadonlySet<string> = new Set<keyof WriterCalls>([
  "lease",
  "claim",
  "renew",
  "giveBack",
  "endLeases",
  "probe",
]);

/** Where so much is left above what is to stay free, the log is not let grow: twice its usual size. */
const TIGHT = 32 * 1024 * 1024;

function openWriter({ directory, minFree, faults, isAgain }: Begin): Service {
  const reach = createReach(faults);
  prepareFiles(directory);
  const lock = lockDirectory(directory);
  try {
    const database = openForWriting(directory);
    const sql = sqlSession(database);
    const blobs = openBlobs(directory, reach);
    const isNamed = (name: string) =>
      sql.get(`SELECT 1 FROM message WHERE blob = ?`, name) !== undefined;
    if (isAgain !== true) blobs.sweep(isNamed);
    const group = new GroupWriter(database, reach);
    const disk = watchDisk(() => freeOctets(directory));
    const pageSize = Number(sql.get("PRAGMA page_size")!.page_size);

    const currentFill = (): Fill => ({
      messages: Number(sql.get(`SELECT value FROM tally WHERE name = 'messages'`)?.value ?? 0),
      free: Number(sql.get("PRAGMA freelist_count")!.freelist_count) * pageSize,
    });

    /** Binds a call to the transaction that it will run in. */
    const handlers: Handlers<WriterCalls> = {
      commit: (row: never) => (transaction: Transaction) => insertMessage(transaction, row),
      lease: (options: never) => (transaction: Transaction) => lease(transaction, blobs, options),
      claim: (step: never) => (transaction: Transaction) => claim(transaction, blobs, step),
      renew: (key: never, until: never) => (transaction: Transaction) =>
        renew(transaction, key, until),
      record: (key: never, attempt: never, notices: never) => (transaction: Transaction) =>
        record(transaction, key, attempt, notices),
      giveBack: (key: never) => (transaction: Transaction) => giveBack(transaction, key),
      endLeases: (owner: never, limit: never) => (transaction: Transaction) =>
        endLeases(transaction, owner, limit),
      act: (step: never) => (transaction: Transaction) => act(transaction, step),
      add: (added: never) => (transaction: Transaction) => addRecipients(transaction, added),
      sweep: (options: never) => (transaction: Transaction) =>
        sweepMessages(transaction, blobs, options),
      setAside: (id: never, reason: never) => (transaction: Transaction) => {
        const message = transaction.get(`SELECT seq FROM message WHERE id = ?`, id);
        if (message !== undefined) setAside(transaction, blobs, Number(message.seq), reason);
      },
      probe: () => () => {},
    };
    return {
      run(batch) {
        const changes = batch.map(([name, ...values]) =>
          handlers[name as keyof WriterCalls](...values as never[]) as (
            transaction: Transaction,
          ) => unknown
        );
        const lasts = batch.some(([name]) => !UNFLUSHED.has(name));
        const begun = performance.now();
        const { settled, reports } = group.run(changes, lasts);
        const answered = {
          settled: settled.map((one) => "error" in one ? { error: toWire(one.error) } : one),
          damaged: reports,
          ...lasts && { flushed: performance.now() - begun },
        };
        try {
          if (disk.free() < minFree + TIGHT) group.shrinkLog();
          return { ...answered, fill: currentFill() };
        } catch {
          // What was committed is so, whatever cannot be found out behind it.
          return answered;
        }
      },
      close() {
        database.close();
        lock[Symbol.dispose]();
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

function openReader({ directory }: Begin): Service {
  const database = openForReading(directory);
  const sql = sqlSession(database);
  const handlers: Handlers<ReaderCalls> = {
    dueDomains: (options: never) => dueDomains(sql, options),
    nextDue: () => nextDue(sql),
    list: (filter: never, after: never, limit: never) => list(sql, filter, after, limit),
    find: (prefix: never, limit: never) => find(sql, prefix, limit),
    show: (id: never) => show(sql, id),
    attempts: (id: never) => attempts(sql, id),
    body: (id: never) => body(sql, id),
    waiting: (domain: never, limit: never) => waiting(sql, domain, limit),
    stats: () => stats(sql),
    probe: () => {},
  };
  return {
    run: (batch) => ({
      settled: batch.map(([name, ...values]) => {
        try {
          return { value: handlers[name as keyof ReaderCalls](...values as never[]) };
        } catch (error) {
          return { error: toWire(error) };
        }
      }),
      damaged: [],
    }),
    close: () => database.close(),
  };
}

const scope = globalThis as unknown as WorkerScope;
const heap = new HeapWatch();
let service: Service | undefined;

scope.onmessage = ({ data }: MessageEvent<Begin | Batch | typeof CLOSE>) => {
  let answer: Answer = { settled: [], damaged: [] };
  try {
    if (service === undefined) {
      const begin = data as Begin;
      service = begin.role === "writer" ? openWriter(begin) : openReader(begin);
      answer = service.run([]);
    } else if (data === CLOSE) service.close();
    else answer = service.run(data as Batch);
  } catch (error) {
    answer = { settled: [{ error: toWire(error) }], damaged: [] };
  }
  scope.postMessage(answer);
  void heap.look();
};
