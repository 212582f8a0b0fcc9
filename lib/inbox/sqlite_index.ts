/** The index of an inbox in a database of SQLite. @module */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { openMemory } from "./index_schema.ts";
import { folded } from "./summary.ts";
import { formatCursor, KEYS_EACH, parseCursor, stepQuestions } from "./index_search.ts";
import {
  indexClosed,
  type IndexCounts,
  type IndexedMessage,
  type MessageIndex,
  type MessageState,
  type Search,
  type Summary,
  type SummaryPage,
} from "./message_index.ts";

/** The most messages of a page, and of a call. */
const MOST = 1000;

/** Messages whose text is compared for one page. */
const MOST_COMPARED = 2000;

/** Statements that are kept: there are few kinds of search, and each has one text. */
const MOST_STATEMENTS = 200;

/** What an index does, at once. */
export type SyncIndex = {
  readonly [Name in Exclude<keyof MessageIndex, symbol>]: (
    ...values: Parameters<MessageIndex[Name]>
  ) => Awaited<ReturnType<MessageIndex[Name]>>;
};

/** Opens an index in memory, which works in this thread. */
export function memoryIndex(): MessageIndex {
  const database = openMemory();
  const index = new SqliteIndex(database);
  let isOpen = true;
  // deno-lint-ignore require-await -- what throws is to reject
  const later = async <T>(act: () => T): Promise<T> => {
    if (!isOpen) throw indexClosed();
    return act();
  };
  return {
    put: (messages) => later(() => index.put(messages)),
    setStates: (states) => later(() => index.setStates(states)),
    setSeen: (ids, seen) => later(() => index.setSeen(ids, seen)),
    remove: (ids) => later(() => index.remove(ids)),
    known: (ids) => later(() => index.known(ids)),
    search: (search, options) => later(() => index.search(search, options)),
    counts: () => later(() => index.counts()),
    // deno-lint-ignore require-await -- the type asks for a promise
    async [Symbol.asyncDispose]() {
      if (isOpen) database.close();
      isOpen = false;
    },
  };
}

/** A row of a message. */
type Row = Readonly<Record<string, SQLInputValue>>;

/** The index over an open database. */
export class SqliteIndex implements SyncIndex {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** The database stays its opener's to close. */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  put(messages: readonly IndexedMessage[]): void {
    this.#together(() => {
      for (const message of messages) this.#put(message);
    });
  }

  setStates(states: ReadonlyMap<string, MessageState>): void {
    this.#together(() => {
      for (const [id, state] of states) {
        this.#run("UPDATE message SET state = ? WHERE id = ? AND state <> ?", state, id, state);
      }
    });
  }

  setSeen(ids: readonly string[], seen: boolean): number {
    const value = seen ? 1 : 0;
    const { changes } = this.#run(
      `UPDATE message SET seen = ? WHERE seen <> ? AND id IN (SELECT value FROM json_each(?))`,
      value,
      value,
      JSON.stringify(ids),
    );
    return Number(changes);
  }

  remove(ids: readonly string[]): void {
    this.#together(() => {
      for (const id of ids) this.#remove(id);
    });
  }

  known(ids: readonly string[]): ReadonlySet<string> {
    const rows = this.#all(
      `SELECT id FROM message WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ids),
    );
    return new Set(rows.map(({ id }) => String(id)));
  }

  search(search: Search, { cursor, limit }: { cursor?: string; limit: number }): SummaryPage {
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST) {
      throw new RangeError(`Cannot give a page of ${limit} messages: 1 to ${MOST} can be had`);
    }
    if (search.ids !== undefined && search.ids.length > MOST) {
      throw new RangeError(`Cannot look for ${search.ids.length} ids: ${MOST} are the most`);
    }
    const fits = partsFit(search);
    const messages: Summary[] = [];
    let before = parseCursor(cursor);
    for (let compared = 0;;) {
      const wanted = limit - messages.length;
      const { rows, last, step } = stepQuestions(search, before, wanted);
      const found = this.#all(rows.sql, ...rows.values);
      messages.push(...found.filter(fits).map(summary));
      compared += found.length;
      if (found.length < wanted) {
        const { key, count } = this.#all(last.sql, ...last.values)[0];
        return { messages, ...Number(count) === step && { next: formatCursor(Number(key)) } };
      }
      before = Number(found[wanted - 1].key);
      if (messages.length === limit || compared >= MOST_COMPARED) {
        return { messages, next: formatCursor(before) };
      }
    }
  }

  counts(): IndexCounts {
    const states = { held: 0, queued: 0, failed: 0, delivered: 0, removed: 0 };
    let total = 0;
    let unseen = 0;
    for (const row of this.#all("SELECT state, seen, count FROM tally")) {
      const count = Number(row.count);
      states[row.state as MessageState] += count;
      if (row.state === "removed") continue;
      total += count;
      if (row.seen === 0) unseen += count;
    }
    return { total, unseen, states };
  }

  #put(message: IndexedMessage): void {
    const known = this.#all("SELECT key, seen FROM message WHERE id = ?", message.id)[0];
    if (known !== undefined) this.#remove(message.id);
    const key = known === undefined ? this.#freeKey(message.received) : Number(known.key);
    this.#run(
      `INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      key,
      message.id,
      message.state,
      message.from,
      JSON.stringify(message.to),
      message.recipients,
      message.subject,
      message.size,
      message.received,
      message.attachments,
      message.preview,
      known?.seen ?? 0,
    );
    for (const [side, folded] of addressesOf(message.from, message.to)) {
      this.#run("INSERT OR IGNORE INTO address VALUES (?, ?, ?)", side, folded, key);
    }
    this.#run(
      "INSERT INTO words (rowid, subject, addresses, text) VALUES (?, ?, ?, ?)",
      key,
      folded(message.subject),
      folded([message.from, ...message.to].join("\n")),
      folded(message.text),
    );
  }

  /** The first key of a time that no message has. */
  #freeKey(received: number): number {
    for (let time = received;; time++) {
      const first = time * KEYS_EACH;
      const { last } = this.#all(
        "SELECT max(key) AS last FROM message WHERE key >= ? AND key < ?",
        first,
        first + KEYS_EACH,
      )[0];
      const key = last === null ? first : Number(last) + 1;
      if (key < first + KEYS_EACH) return key;
    }
  }

  #remove(id: string): void {
    const row = this.#all("SELECT key, sender, mailboxes FROM message WHERE id = ?", id)[0];
    if (row === undefined) return;
    for (const [side, folded] of addressesOf(String(row.sender), mailboxesOf(row))) {
      this.#run(
        "DELETE FROM address WHERE side = ? AND folded = ? AND key = ?",
        side,
        folded,
        row.key,
      );
    }
    this.#run("DELETE FROM words WHERE rowid = ?", row.key);
    this.#run("DELETE FROM message WHERE key = ?", row.key);
  }

  #together(act: () => void): void {
    this.#run("BEGIN IMMEDIATE");
    try {
      act();
      this.#run("COMMIT");
    } catch (error) {
      try {
        this.#run("ROLLBACK");
      } catch {
        // SQLite has rolled it back by itself, as it does where the disk is full.
      }
      throw error;
    }
  }

  #run(sql: string, ...values: SQLInputValue[]): { changes: number | bigint } {
    return this.#prepared(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values) as Row[];
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      if (this.#statements.size >= MOST_STATEMENTS) this.#statements.clear();
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Whether what a search looks for by parts is in a row. */
function partsFit({ subject, text }: Search): (row: Row) => boolean {
  const [inSubject, anywhere] = [subject, text].map((part) => folded(part ?? ""));
  return (row) =>
    (subject === undefined || String(row.foldedSubject).includes(inSubject)) &&
    (text === undefined || String(row.foldedSubject).includes(anywhere) ||
      String(row.foldedText).includes(anywhere) ||
      String(row.foldedAddresses).split("\n").some((address) => address.includes(anywhere)));
}

/** Each address of a message once, with the side on which it stands. */
function addressesOf(
  from: string,
  to: readonly string[],
): (readonly [side: "from" | "to", folded: string])[] {
  return [
    ["from", folded(from)],
    ...to.map((address) => ["to", folded(address)] as const),
  ];
}

function mailboxesOf({ mailboxes }: Row): string[] {
  return JSON.parse(String(mailboxes));
}

function summary(row: Row): Summary {
  return {
    id: String(row.id),
    state: row.state as MessageState,
    from: String(row.sender),
    to: mailboxesOf(row),
    recipients: Number(row.recipients),
    subject: String(row.subject),
    size: Number(row.size),
    received: Number(row.received),
    attachments: Number(row.attachments),
    preview: String(row.preview),
    seen: row.seen === 1,
  };
}
