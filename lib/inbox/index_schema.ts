/** The tables of the inbox's index. @module */
import { DatabaseSync } from "node:sqlite";
import { isSqliteCode, SQLITE } from "../queue/sqlite_error.ts";
import { StoreError } from "../queue/store_error.ts";

/** The file of the index within the state directory. */
const FILE = "inbox.db";

/** What is beside it while it is open. */
const SUFFIXES = ["", "-wal", "-shm"] as const;

/** The version of the tables. An index of another one is made anew. */
const VERSION = 1;

/** "SMTI": tells file(1), and us, whose database it is. */
const APPLICATION_ID = 0x534d5449;

/** Sixteen MiB of pages in memory. */
const CACHE_KIB = 16_384;

/**
 * `key` orders messages by their time and shares its value with the rows of `words`, so that a search streams
 * the newest matches first. `words` has what is searched by parts: of any three characters in a row it knows the
 * messages, and not where they stand (`detail = none`), which makes it grow by less than half and be written
 * more than twice as fast; what a search finds so is compared again. It is folded here, because SQLite folds fewer letters. `tally` is kept by triggers, because it is asked for all the time.
 */
const TABLES = `
  CREATE TABLE message (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    sender TEXT NOT NULL,
    mailboxes TEXT NOT NULL,
    recipients INTEGER NOT NULL,
    subject TEXT NOT NULL,
    size INTEGER NOT NULL,
    received INTEGER NOT NULL,
    attachments INTEGER NOT NULL,
    preview TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0
  );
  CREATE INDEX message_state ON message (state, key);
  CREATE INDEX message_unseen ON message (key) WHERE seen = 0;
  CREATE INDEX message_attached ON message (key) WHERE attachments > 0;

  CREATE TABLE address (
    side TEXT NOT NULL,
    folded TEXT NOT NULL,
    key INTEGER NOT NULL,
    PRIMARY KEY (side, folded, key)
  ) WITHOUT ROWID;

  CREATE VIRTUAL TABLE words USING fts5(subject, addresses, text, tokenize = 'trigram', detail = none);

  CREATE TABLE tally (
    state TEXT NOT NULL,
    seen INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (state, seen)
  ) WITHOUT ROWID;
  CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
    INSERT INTO tally VALUES (new.state, new.seen, 1)
      ON CONFLICT DO UPDATE SET count = count + 1;
  END;
  CREATE TRIGGER message_deleted AFTER DELETE ON message BEGIN
    UPDATE tally SET count = count - 1 WHERE state = old.state AND seen = old.seen;
  END;
  CREATE TRIGGER message_changed AFTER UPDATE OF state, seen ON message BEGIN
    UPDATE tally SET count = count - 1 WHERE state = old.state AND seen = old.seen;
    INSERT INTO tally VALUES (new.state, new.seen, 1)
      ON CONFLICT DO UPDATE SET count = count + 1;
  END;
`;

/** Opens an index in memory. */
export function openMemory(): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec(TABLES);
  return database;
}

/**
 * Opens the index of a state directory. What cannot be used is made anew, since all but what was seen can be
 * found in the queue.
 *
 * @param renewed is told why an index was made anew
 * @throws {StoreError} if it was written by a later version of this program, or cannot be made
 */
export function openFile(directory: string, renewed: (why: string) => void): DatabaseSync {
  const file = `${directory}/${FILE}`;
  let why: string;
  try {
    const { database, version } = openDatabase(file);
    if (version === VERSION) return database;
    if (version === 0) return makeTables(database);
    database.close();
    if (version > VERSION) {
      throw new StoreError(
        "newer",
        `Cannot open the index ${file}: it is of version ${version} and this program knows ` +
          `${VERSION}; delete it, or start the program that wrote it`,
      );
    }
    why = `it is of version ${version}`;
  } catch (error) {
    const isDamaged = isSqliteCode(error, SQLITE.CORRUPT) || isSqliteCode(error, SQLITE.NOTADB);
    if (!isDamaged) throw error;
    why = error instanceof Error ? error.message : String(error);
  }
  renewed(why);
  for (const suffix of SUFFIXES) removeIfThere(`${file}${suffix}`);
  return makeTables(openDatabase(file).database);
}

function openDatabase(file: string): { database: DatabaseSync; version: number } {
  try {
    // SQLite would make it for everybody to read; what it makes beside it has the same mode.
    Deno.openSync(file, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  const database = new DatabaseSync(file);
  try {
    database.prepare("PRAGMA journal_mode = WAL").get();
    database.exec(`
      PRAGMA synchronous = OFF;
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA temp_store = MEMORY;
    `);
    const pragma = (name: string) => Number(database.prepare(`PRAGMA ${name}`).get()![name]);
    const version = pragma("user_version");
    if (version > 0 && pragma("application_id") !== APPLICATION_ID) {
      throw new StoreError("failed", `Cannot open the index ${file}: it is some other database`);
    }
    // Without flushes a file may be torn by a crash of the machine: better to know it now.
    if (version === VERSION) checkPages(database);
    return { database, version };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Reads what is read first, so that damage is found before somebody asks. */
function checkPages(database: DatabaseSync): void {
  database.prepare("SELECT * FROM tally").all();
  database.prepare("SELECT * FROM message ORDER BY key DESC LIMIT 1").all();
  database.prepare("SELECT rowid FROM words WHERE words MATCH '\"the\"' LIMIT 1").all();
}

function makeTables(database: DatabaseSync): DatabaseSync {
  database.exec(`
    BEGIN;
    ${TABLES}
    PRAGMA user_version = ${VERSION};
    PRAGMA application_id = ${APPLICATION_ID};
    COMMIT;
  `);
  return database;
}

function removeIfThere(file: string): void {
  try {
    Deno.removeSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
