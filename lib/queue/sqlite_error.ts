/** What SQLite's errors, and those of the files beside it, mean for the store. @module */
import { StoreError, type StoreErrorKind } from "./store_error.ts";
import { StoreFullError } from "./store.ts";

/** The primary result codes of SQLite that are told apart. */
export const SQLITE = { BUSY: 5, LOCKED: 6, CORRUPT: 11, FULL: 13, NOTADB: 26 } as const;

/** Operating system errors that mean that there is no room. */
const NO_ROOM: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** `exec` and the constructor give no code, so their words have to do. */
const WORDS: readonly (readonly [RegExp, number])[] = [
  [/^database is locked/, SQLITE.BUSY],
  [/malformed/, SQLITE.CORRUPT],
  [/^file is not a database/, SQLITE.NOTADB],
  [/^database or disk is full/, SQLITE.FULL],
];

/** Whether an error is SQLite's with this primary code; extended codes have it in the low octet. */
export function isSqliteCode(error: unknown, code: number): boolean {
  if (!(error instanceof Error)) return false;
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode === "number") return (errcode & 0xff) === code;
  return WORDS.some(([words, meant]) => meant === code && words.test(error.message));
}

/** Whether an error says that there is no room on the disk, or for a larger database. */
export function isNoRoom(error: unknown): boolean {
  return isSqliteCode(error, SQLITE.FULL) ||
    (error instanceof Error && NO_ROOM.has((error as { code?: unknown }).code));
}

/** Makes an error of the store out of any; its own stay as they are. */
export function sqliteError(error: unknown, cannot: string): Error {
  if (error instanceof StoreError || error instanceof StoreFullError) return error;
  if (error instanceof RangeError) return error;
  const what = error instanceof Error ? error.message : String(error);
  if (isNoRoom(error)) return new StoreFullError(`${cannot}: ${what}`);
  const kind: StoreErrorKind =
    isSqliteCode(error, SQLITE.BUSY) || isSqliteCode(error, SQLITE.LOCKED)
      ? "busy"
      : isSqliteCode(error, SQLITE.CORRUPT) || isSqliteCode(error, SQLITE.NOTADB)
      ? "damaged"
      : "failed";
  return new StoreError(kind, `${cannot}: ${what}`, { cause: error });
}
