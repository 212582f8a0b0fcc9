/** A connection to the queue's database with its statements, and the transactions of the writer. @module */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { Reach } from "./fault.ts";
import { isNoRoom, isSqliteCode, SQLITE } from "./sqlite_error.ts";
import type { Row } from "./sqlite_rows.ts";
import { isUncertain, StoreError } from "./store_error.ts";

/** Runs statements, each of which is prepared once. */
export interface SqlSession {
  /** The first row of a query. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined;
  /** All rows of a query, which must be bounded. */
  all(sql: string, ...values: SQLInputValue[]): Row[];
  /** Runs a statement; answers the rows that it changed and the last one it inserted. */
  run(sql: string, ...values: SQLInputValue[]): { changes: number; lastInsertRowid: number };
}

/** An entry that was found damaged. */
export interface DamageReport {
  readonly id: string;
  readonly reason: string;
}

/** By what recipients that wait are told apart: their domain, and the turn of their sender. */
export interface Touched {
  readonly domain: string;
  readonly turn: number;
}

/** What a change to the database works with. */
export interface Transaction extends SqlSession {
  /** Notes that recipients of a domain and turn may have become ready earlier or later. */
  touch(row: Touched): void;
  /** A number that was not answered before and is greater than those that were. */
  nextNumber(): number;
  /** Adds to a tally. */
  count(name: string, difference: number): void;
  /** Runs once the transaction is on stable storage. A failure there fails nobody. */
  afterCommit(then: () => void): void;
  /** What takes back a change that nobody can rely on, since it is not known whether it was made. */
  ifUncertain(undo: Change): void;
  /** Notes that an entry was set aside, to be told once it is so. */
  report(damage: DamageReport): void;
}

/** One change to the database. */
export type Change = (transaction: Transaction) => unknown;

/** What came of a group. */
export interface Done {
  readonly settled: readonly Settled[];
  readonly reports: readonly DamageReport[];
  /** Why the whole transaction failed, if it did. */
  readonly failure?: unknown;
}

/** What came of one change of a group. */
export type Settled = { readonly value: unknown } | { readonly error: unknown };

/** Prepares statements as they are needed, and keeps them. */
export function sqlSession(database: DatabaseSync): SqlSession {
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (statement === undefined) statements.set(sql, statement = database.prepare(sql));
    return statement;
  };
  return {
    get: (sql, ...values) => prepared(sql).get(...values) as Row | undefined,
    all: (sql, ...values) => prepared(sql).all(...values) as Row[],
    run(sql, ...values) {
      const { changes, lastInsertRowid } = prepared(sql).run(...values);
      return { changes: Number(changes), lastInsertRowid: Number(lastInsertRowid) };
    },
  };
}

/** Runs changes in groups: one transaction, and so one flush, for all that wait. */
export class GroupWriter {
  readonly #database: DatabaseSync;
  readonly #sql: SqlSession;
  readonly #reach: Reach;
  readonly #touched = new Map<string, Touched>();
  /** What the change that runs now adds to the tallies, and what the group does. */
  readonly #tally = new Map<string, number>();
  readonly #sum = new Map<string, number>();
  /** The last number that was given out, and the last one that the database knows of. */
  #number: number;
  #savedNumber: number;
  /** Whether commits are flushed now. */
  #isFlushed = true;
  #afterCommit: (() => void)[] = [];
  #reports: DamageReport[] = [];
  #undos: Change[] = [];
  readonly #transaction: Transaction;

  /** Makes the writer of a connection. */
  constructor(database: DatabaseSync, reach: Reach) {
    const sql = this.#sql = sqlSession(database);
    this.#database = database;
    this.#reach = reach;
    this.#number = this.#savedNumber = Number(
      sql.get(`SELECT value FROM tally WHERE name = 'number'`)?.value ?? 0,
    );
    this.#transaction = {
      ...sql,
      touch: (row) => this.#touched.set(`${row.turn} ${row.domain}`, row),
      nextNumber: () => ++this.#number,
      count: (name, difference) => add(this.#tally, name, difference),
      afterCommit: (then) => this.#afterCommit.push(then),
      ifUncertain: (undo) => this.#undos.push(undo),
      report: (damage) => this.#reports.push(damage),
    };
  }

  /**
   * Runs changes in one transaction. A change that fails is undone by itself and the others stand; if
   * the transaction fails, all of them have. Where there is no room for all, they run in smaller groups.
   * A {@linkcode StoreError} of the kind `uncertain` is the failure where they may be done all the same.
   *
   * @param lasts whether the group is flushed; otherwise the next one that is flushes it as well, and it
   *   may be lost if the machine stops before
   */
  run(changes: readonly Change[], lasts = true): Done {
    this.#flush(lasts);
    let done = this.#runTogether(changes, (change) => this.#try(change));
    // Most groups succeed, so that places to go back to are made when one has not.
    if (done.failure instanceof FailedChange) {
      done = changes.length === 1
        ? { settled: [{ error: done.failure.cause }], reports: [] }
        : this.#runTogether(changes, (change) => this.#tryAlone(change));
    }
    if (done.failure === undefined || isSqliteCode(done.failure, SQLITE.BUSY)) return done;
    // After a flush that failed, nobody knows what of the log before it is on the disk: it is copied
    // into the database, which is flushed as well. That gives its room back, too.
    this.shrinkLog();
    if (isUncertain(done.failure)) this.#takeBack(lasts);
    if (!isNoRoom(done.failure) || changes.length < 2) return done;
    // What is small, or makes room, may still be done.
    const middle = changes.length >> 1;
    const parts = [
      this.run(changes.slice(0, middle), lasts),
      this.run(changes.slice(middle), lasts),
    ];
    return {
      settled: parts.flatMap(({ settled }) => settled),
      reports: parts.flatMap(({ reports }) => reports),
    };
  }

  /** Takes back what can be; what cannot comes to its end by itself. */
  #takeBack(lasts: boolean): void {
    const undos = this.#undos.splice(0);
    if (undos.length === 0) return;
    this.#flush(lasts);
    this.#runTogether(undos, (undo) => this.#try(undo));
  }

  /** Copies the log into the database and gives its room back. Readers who are slow put it off. */
  shrinkLog(): void {
    quietly(() => this.#sql.get("PRAGMA wal_checkpoint(TRUNCATE)"));
  }

  /** With a log, NORMAL leaves out the flush of a commit and nothing else: the database stays whole. */
  #flush(lasts: boolean): void {
    if (this.#isFlushed === lasts) return;
    this.#sql.run(`PRAGMA synchronous = ${lasts ? "FULL" : "NORMAL"}`);
    this.#isFlushed = lasts;
  }

  #runTogether(changes: readonly Change[], attempt: (change: Change) => Settled): Done {
    this.#afterCommit = [];
    this.#reports = [];
    this.#undos = [];
    this.#touched.clear();
    this.#sum.clear();
    let settled: readonly Settled[];
    let isCommitting = false;
    try {
      this.#sql.run("BEGIN IMMEDIATE");
      this.#reach("transaction-begun");
      settled = changes.map(attempt);
      this.#settleDomains();
      this.#settleTallies();
      this.#reach("transaction-filled");
      isCommitting = true;
      this.#sql.run("COMMIT");
      this.#reach("transaction-flushed");
    } catch (cause) {
      const error = this.#undo(cause, isCommitting);
      return { settled: changes.map(() => ({ error })), reports: [], failure: error };
    }
    // It is done, whatever fails from here on.
    this.#savedNumber = this.#number;
    quietly(() => this.#reach("transaction-committed"));
    for (const then of this.#afterCommit) quietly(then);
    return { settled, reports: this.#reports };
  }

  /** Rolls back behind an error; answers what to tell the callers, who may rely on it. */
  #undo(cause: unknown, isCommitting: boolean): unknown {
    const wasOpen = this.#database.isTransaction;
    if (wasOpen) quietly(() => this.#sql.run("ROLLBACK"));
    // Where COMMIT leaves the transaction open it has written nothing. Otherwise SQLite has rolled back by
    // itself; but what it wrote counts if a crash comes before the log is overwritten, and ends with a
    // whole frame unless there was no room for that. A flush that fails is never reported as FULL.
    const isHarmless = !isCommitting || wasOpen || isSqliteCode(cause, SQLITE.FULL);
    if (isHarmless && !this.#database.isTransaction) return cause;
    const what = cause instanceof Error ? cause.message : String(cause);
    return new StoreError("uncertain", `Cannot tell whether the queue was changed: ${what}`, {
      cause,
    });
  }

  #try(change: Change): Settled {
    this.#tally.clear();
    try {
      return { value: this.#apply(change) };
    } catch (cause) {
      throw isNoRoom(cause) ? cause : new FailedChange("Cannot make a change", { cause });
    }
  }

  #apply(change: Change): unknown {
    const value = change(this.#transaction);
    for (const [name, difference] of this.#tally) add(this.#sum, name, difference);
    return value;
  }

  /** As {@linkcode #try}, and if it fails it is undone by itself. */
  #tryAlone(change: Change): Settled {
    this.#tally.clear();
    const { length } = this.#afterCommit;
    const reports = this.#reports.length;
    this.#sql.run("SAVEPOINT change");
    try {
      const value = this.#apply(change);
      this.#sql.run("RELEASE change");
      return { value };
    } catch (error) {
      this.#afterCommit.length = length;
      this.#reports.length = reports;
      try {
        this.#sql.run("ROLLBACK TO change");
        this.#sql.run("RELEASE change");
      } catch {
        // SQLite has ended the whole transaction, as it does when the disk is full.
        throw error;
      }
      return { error };
    }
  }

  #settleTallies(): void {
    add(this.#sum, "number", this.#number - this.#savedNumber);
    for (const [name, difference] of this.#sum) {
      if (difference === 0) continue;
      this.#sql.run(
        `INSERT INTO tally VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value`,
        name,
        difference,
      );
    }
  }

  /** Brings the table of domains up to date, once for each domain, turn and group. */
  #settleDomains(): void {
    for (const { domain, turn } of this.#touched.values()) {
      const ready = this.#sql.get(
        `SELECT min(ready) AS ready FROM recipient INDEXED BY recipient_ready
         WHERE domain = ? AND turn = ? AND ready IS NOT NULL`,
        domain,
        turn,
      )!.ready as number | null;
      if (ready === null) {
        this.#sql.run(`DELETE FROM domain WHERE name = ? AND turn = ?`, domain, turn);
      } else {
        this.#sql.run(
          `INSERT INTO domain VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET ready = excluded.ready
           WHERE ready <> excluded.ready`,
          domain,
          turn,
          ready,
        );
      }
    }
  }
}

/** A change that failed in a group where it cannot be undone by itself. */
class FailedChange extends Error {}

function add(tally: Map<string, number>, name: string, difference: number): void {
  tally.set(name, (tally.get(name) ?? 0) + difference);
}

function quietly(then: () => void): void {
  try {
    then();
  } catch {
    // Nothing that was promised depends on it: the next start does it again.
  }
}
