/** One writer at a time, for a state directory or for another file. @module */
import { DatabaseSync } from "node:sqlite";
import { isNoRoom, isSqliteCode, SQLITE, sqliteError } from "./sqlite_error.ts";
import { StoreError } from "./store_error.ts";

/** The file of the lock within the state directory. */
export const LOCK_FILE = "lock";

/**
 * Locks a state directory, as {@linkcode lockFile} does.
 *
 * @throws {StoreError} of the kind `locked` if somebody else has it
 */
export function lockDirectory(directory: string): Disposable {
  return lockFile(`${directory}/${LOCK_FILE}`, `the queue in ${directory}`);
}

/**
 * Locks something until the answer is disposed of, or the process is gone, however that happens. The
 * lock is SQLite's own write lock on a small database, since that can be tried without waiting on every
 * system, and who holds it can still be read.
 *
 * Nothing else in the process may open the file: closing it would let go of the lock, as POSIX has it.
 *
 * @param file the database, which is made where there is none and stays
 * @param locked what is locked by it, for messages
 * @throws {StoreError} of the kind `locked` if somebody else has it
 */
export function lockFile(file: string, locked: string): Disposable {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    database.exec(
      "PRAGMA busy_timeout = 0; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE",
    );
    writeHolder(database);
    database.exec("BEGIN IMMEDIATE");
  } catch (error) {
    const isHeld = isSqliteCode(error, SQLITE.BUSY);
    const holder = isHeld ? holderOf(database) : undefined;
    database?.close();
    if (!isHeld) throw sqliteError(error, `Cannot lock ${locked}`);
    throw new StoreError(
      "locked",
      `Cannot open ${locked}: ` +
        `${holder === undefined ? "another process" : `process ${holder}`} has it open`,
    );
  }
  const held = database;
  return { [Symbol.dispose]: () => held.close() };
}

/** Writes down who has the lock, in the transaction that has begun. */
function writeHolder(database: DatabaseSync): void {
  try {
    database.exec(`
      CREATE TABLE IF NOT EXISTS holder (pid INTEGER NOT NULL);
      DELETE FROM holder;
      INSERT INTO holder VALUES (${Deno.pid});
      COMMIT;
    `);
  } catch (error) {
    // A disk that is full does not keep anybody from the queue, which may have to be emptied.
    if (!isNoRoom(error)) throw error;
    try {
      database.exec("ROLLBACK");
    } catch {
      // SQLite has done so by itself.
    }
  }
}

function holderOf(database: DatabaseSync | undefined): number | undefined {
  try {
    return Number(database?.prepare("SELECT pid FROM holder").get()?.pid) || undefined;
  } catch {
    // It may be about to write its number down.
    return undefined;
  }
}
