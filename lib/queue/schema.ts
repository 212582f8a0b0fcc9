/** The tables of the queue's database, and how an older database becomes a current one. @module */
import { DatabaseSync } from "node:sqlite";
import { LOCK_FILE } from "./lock.ts";
import { sqliteError } from "./sqlite_error.ts";
import { StoreError } from "./store_error.ts";

/** The file of the database within the state directory. */
export const DATABASE_FILE = "queue.db";

/**
 * Each step makes the next version of the schema. A step that was released is never changed again.
 *
 * `message` and `recipient` hold what is asked of often; `body` stands apart, so that a list does not
 * read past mail. `domain` is derived from `recipient`: when the first recipient of each domain and
 * sender's turn is ready to be leased, so that a search for work costs what is due and not what waits,
 * and a sender with much mail leaves others a part of a domain. `tally` holds
 * counts and the last number that was given to a lease or an attempt.
 *
 * `ready` is when a recipient can be leased: `due`, or the end of its lease, or never (NULL).
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    accepted INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    finished INTEGER,
    damaged TEXT,
    sender TEXT NOT NULL,
    facts TEXT NOT NULL,
    size INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    blob TEXT
  );
  CREATE INDEX message_listed ON message (accepted, id);
  CREATE INDEX message_open ON message (accepted, id) WHERE finished IS NULL AND damaged IS NULL;
  CREATE INDEX message_finished ON message (finished) WHERE finished IS NOT NULL;
  CREATE INDEX message_blob ON message (blob) WHERE blob IS NOT NULL;

  CREATE TABLE body (
    message INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
  );

  CREATE TABLE recipient (
    message INTEGER NOT NULL,
    number INTEGER NOT NULL,
    local_part TEXT NOT NULL,
    mail_domain TEXT NOT NULL,
    domain TEXT NOT NULL,
    turn INTEGER NOT NULL,
    state TEXT NOT NULL,
    due INTEGER NOT NULL,
    ready INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    delay_told INTEGER NOT NULL DEFAULT 0,
    notify TEXT,
    orcpt TEXT,
    route TEXT,
    last_reply TEXT,
    owner TEXT,
    token INTEGER,
    until INTEGER,
    PRIMARY KEY (message, number)
  ) WITHOUT ROWID;
  CREATE INDEX recipient_ready ON recipient (domain, turn, ready) WHERE ready IS NOT NULL;
  CREATE INDEX recipient_listed ON recipient (domain, state);
  CREATE INDEX recipient_rare ON recipient (state) WHERE state IN ('held', 'failed', 'removed');
  CREATE INDEX recipient_leased ON recipient (owner) WHERE owner IS NOT NULL;

  CREATE TABLE attempt (
    message INTEGER NOT NULL,
    number INTEGER NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (message, number)
  ) WITHOUT ROWID;

  CREATE TABLE domain (
    name TEXT NOT NULL,
    turn INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    PRIMARY KEY (name, turn)
  ) WITHOUT ROWID;
  CREATE INDEX domain_ready ON domain (ready);

  CREATE TABLE tally (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  ) WITHOUT ROWID;
`,
  `
  ALTER TABLE recipient ADD COLUMN rewritten_from TEXT;
`,
];

/** "SMTQ": tells file(1), and us, whose database it is. */
const APPLICATION_ID = 0x534d5451;

/** How long to wait for somebody else who holds the database, in milliseconds. */
const BUSY_TIMEOUT = 5_000;

/**
 * Four MiB of pages in memory for each connection, however long the queue is. What is sorted on the way is
 * bounded, and stays in memory as well: state is in one directory.
 */
const CACHE_KIB = 4_096;

/** Pages in the log before they are copied into the database: 16 MiB. */
const CHECKPOINT_PAGES = 4_000;

/** The log file is cut to this size when it was larger, in octets. */
const MAX_LOG = 64 * 1024 * 1024;

/**
 * Makes the state directory and the files that SQLite would otherwise make for everybody to read: those
 * that it makes beside them get the same mode.
 */
export function prepareFiles(directory: string): void {
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of [DATABASE_FILE, LOCK_FILE]) {
      try {
        Deno.openSync(`${directory}/${name}`, { write: true, createNew: true, mode: 0o600 })
          .close();
      } catch (error) {
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
  } catch (error) {
    throw sqliteError(error, `Cannot make the queue in ${directory}`);
  }
}

/**
 * Opens the database to write to, making it or bringing it up to date first.
 *
 * A damaged database is not replaced: an empty queue would take mail while what was promised before
 * lies forgotten. Refusing to start loses nothing, since clients keep their mail.
 *
 * @throws {StoreError} if it is damaged, newer than this program, or cannot be opened
 */
export function openForWriting(directory: string): DatabaseSync {
  const file = `${directory}/${DATABASE_FILE}`;
  return opening(file, () => {
    const database = new DatabaseSync(file);
    try {
      database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT}`);
      checkVersion(database, file);
      database.prepare("PRAGMA journal_mode = WAL").get();
      database.exec(`
        PRAGMA synchronous = FULL;
        PRAGMA cache_size = -${CACHE_KIB};
        PRAGMA temp_store = MEMORY;
        PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
        PRAGMA journal_size_limit = ${MAX_LOG};
      `);
      migrate(database, file);
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/**
 * Opens the database to read from, whether or not somebody writes to it.
 *
 * @throws {StoreError} if there is none, or it is damaged or newer than this program
 */
export function openForReading(directory: string): DatabaseSync {
  const file = `${directory}/${DATABASE_FILE}`;
  return opening(file, () => {
    if (!exists(file)) {
      throw new StoreError("missing", `Cannot read the queue ${file}: there is none`);
    }
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      database.exec(`
        PRAGMA busy_timeout = ${BUSY_TIMEOUT};
        PRAGMA cache_size = -${CACHE_KIB};
        PRAGMA temp_store = MEMORY;
      `);
      const version = checkVersion(database, file);
      if (version < MIGRATIONS.length) {
        // Bringing it up to date is the writer's.
        throw new StoreError(
          version === 0 ? "missing" : "failed",
          version === 0
            ? `Cannot read the queue ${file}: there is nothing in it yet`
            : `Cannot read the queue ${file}: it is of an earlier version; start the server once`,
        );
      }
      return database;
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

function exists(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function opening(file: string, open: () => DatabaseSync): DatabaseSync {
  try {
    return open();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const cause = sqliteError(error, `Cannot open the queue ${file}`);
    if (!(cause instanceof StoreError) || cause.kind !== "damaged") throw cause;
    throw new StoreError(
      "damaged",
      `${cause.message}; mend it with "sqlite3 ${file} .recover", or move it away to begin anew`,
      { cause: error },
    );
  }
}

/** The version of the schema; refuses one that this program does not know. */
function checkVersion(database: DatabaseSync, file: string): number {
  const version = Number(database.prepare("PRAGMA user_version").get()!.user_version);
  const application = Number(database.prepare("PRAGMA application_id").get()!.application_id);
  if (version > 0 && application !== APPLICATION_ID) {
    throw new StoreError("failed", `Cannot open the queue ${file}: it is some other database`);
  }
  if (version > MIGRATIONS.length) {
    throw new StoreError(
      "newer",
      `Cannot open the queue ${file}: its schema is version ${version} and this program knows ` +
        `${MIGRATIONS.length}; start the program that wrote it, or a later one`,
    );
  }
  return version;
}

function migrate(database: DatabaseSync, file: string): void {
  for (let version = checkVersion(database, file); version < MIGRATIONS.length; version++) {
    database.exec(`
      BEGIN IMMEDIATE;
      ${MIGRATIONS[version]}
      PRAGMA user_version = ${version + 1};
      PRAGMA application_id = ${APPLICATION_ID};
      COMMIT;
    `);
  }
}
