/** A look into the queue of a directory, while the server runs and while it does not. @module */
import type { DatabaseSync } from "node:sqlite";
import { readBlob } from "./blobs.ts";
import { listPage } from "./list_page.ts";
import { openForReading } from "./schema.ts";
import { sqliteError } from "./sqlite_error.ts";
import * as reads from "./sqlite_reads.ts";
import { Damage } from "./sqlite_rows.ts";
import { type SqlSession, sqlSession } from "./sqlite_session.ts";
import { noSuchMessage, StoreError } from "./store_error.ts";
import type { Attempt, Entry, Filter, Page, Stats, Store } from "./store.ts";

/** The questions of a store. */
export interface StoreReader extends
  Pick<
    Store,
    "dueDomains" | "nextDue" | "list" | "find" | "show" | "attempts" | "read" | "waiting" | "stats"
  >,
  AsyncDisposable {
  /** How many messages were found damaged and set aside. */
  setAsideCount(): Promise<number>;
}

/**
 * Opens the queue of a directory to look at. It is read in this thread, which suits a program that has
 * nothing else to do; nothing is changed, and nobody who writes is kept waiting. A damaged entry is
 * left out of lists, and setting it aside is left to the one who writes.
 *
 * @throws {StoreError} if there is no queue (`missing`), or it cannot be read
 */
export function openSqliteReader({ directory }: { readonly directory: string }): StoreReader {
  return new SqliteReader(directory, openForReading(directory));
}

class SqliteReader implements StoreReader {
  readonly #directory: string;
  readonly #database: DatabaseSync;
  readonly #sql: SqlSession;

  constructor(directory: string, database: DatabaseSync) {
    this.#directory = directory;
    this.#database = database;
    this.#sql = sqlSession(database);
  }

  dueDomains(options: { now: number; after?: string; limit: number }): Promise<string[]> {
    return ask(() => reads.dueDomains(this.#sql, options));
  }

  nextDue(): Promise<number | undefined> {
    return ask(() => reads.nextDue(this.#sql));
  }

  list(filter: Filter, options: { after?: string; limit: number }): Promise<Page> {
    return listPage(
      options,
      (after, limit) => ask(() => reads.list(this.#sql, filter, after, limit)),
    );
  }

  find(prefix: string, limit: number): Promise<string[]> {
    return ask(() => reads.find(this.#sql, prefix, limit));
  }

  show(id: string): Promise<Entry | undefined> {
    return ask(() => reads.show(this.#sql, id), id);
  }

  attempts(id: string): Promise<Attempt[]> {
    return ask(() => reads.attempts(this.#sql, id), id);
  }

  async *read(id: string): AsyncIterable<Uint8Array> {
    const body = await ask(() => reads.body(this.#sql, id), id);
    if (body === undefined) throw noSuchMessage(id);
    try {
      if ("blob" in body) yield* readBlob(this.#directory, body.blob);
      else if (body.octets.length > 0) yield body.octets;
    } catch (error) {
      throw readable(error, id);
    }
  }

  waiting(domain: string, limit: number): Promise<number> {
    return ask(() => reads.waiting(this.#sql, domain, limit));
  }

  stats(): Promise<Stats> {
    return ask(() => reads.stats(this.#sql));
  }

  setAsideCount(): Promise<number> {
    return ask(() => reads.setAsideCount(this.#sql));
  }

  // deno-lint-ignore require-await -- the type asks for a promise
  async [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
  }
}

// deno-lint-ignore require-await -- what throws is to reject
async function ask<T>(read: () => T, id?: string): Promise<T> {
  try {
    return read();
  } catch (error) {
    throw readable(error, id);
  }
}

function readable(error: unknown, id: string | undefined): Error {
  if (error instanceof Damage) {
    return new StoreError("damaged", `Cannot read message ${id}: ${error.message}`);
  }
  return sqliteError(error, "Cannot read the queue");
}
