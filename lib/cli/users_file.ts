/** The users file: read again when it changes, and changed whole or not at all. @module */
import { basename, dirname, join } from "node:path";
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import { MailFile } from "../delivery/mail_file.ts";
import { removeQuietly, syncDirectory } from "../delivery/mailbox_directory.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import type { Log } from "../net/log.ts";
import type { Account, Accounts } from "../policy/accounts.ts";
import { parseUsers } from "../policy/users_file.ts";
import { lockFile } from "../queue/lock.ts";
import { StoreError } from "../queue/store_error.ts";
import { EXIT, Failure } from "./failure.ts";
import { patiently } from "./patience.ts";
import { readText, reasonOf, stampOf } from "./text_file.ts";

/**
 * The largest file in octets: some 20,000 accounts with everything to say of each. Sessions wait while
 * it is read, for so many a second on a machine of two busy cores; whoever has more has a database,
 * which a hook can ask.
 */
const MAX_FILE = 4 * 1024 * 1024;

/** How long the file is taken to be as it was, in milliseconds. */
const LOOK_AFTER = 1_000;

/** What the file may be to others: nothing. */
const MODES: readonly number[] = [0o600, 0o400];

function nameOf(path: string): string {
  return `users ${shown(path)}`;
}

/** Holds that nobody but its owner can read or change the file, and that we are its owner, or root. */
function checkOwner(path: string, { mode, uid }: Deno.FileInfo): void {
  // Windows has neither, and keeps the folders of users apart.
  if (mode === null || uid === null) return;
  if (!MODES.includes(mode & 0o7777)) {
    const has = (mode & 0o7777).toString(8).padStart(4, "0");
    throw new Failure(
      EXIT.configuration,
      `${nameOf(path)} has mode ${has}, and nobody else may have a part in it`,
      `chmod 600 ${shown(path)}`,
    );
  }
  const own = Deno.uid();
  if (own !== null && own !== 0 && own !== uid) {
    throw new Failure(
      EXIT.noPermission,
      `${nameOf(path)} belongs to the user with id ${uid}`,
      `run this as that user, or chown ${own} ${shown(path)}`,
    );
  }
}

function cannot(what: string, path: string, error: unknown): unknown {
  if (error instanceof Failure || error instanceof Deno.errors.NotCapable) return error;
  if (error instanceof Deno.errors.PermissionDenied) {
    const mend = "run this as the user who owns it, or chown it";
    return new Failure(EXIT.noPermission, `no permission to ${what} ${nameOf(path)}`, mend, error);
  }
  const code = what === "read" ? EXIT.configuration : EXIT.cannotCreate;
  const wrong = `cannot ${what} ${nameOf(path)} (${shown(reasonOf(error))})`;
  return new Failure(code, wrong, "mend it, or give another file to --users", error);
}

/** The text of the file; `undefined` where there is none. */
function readFile(path: string): string | undefined {
  try {
    return readText(path, MAX_FILE, (info) => checkOwner(path, info));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw cannot("read", path, error);
  }
}

/** Does something with the text of the file, and says which file it is where the text is bad. */
function parsing<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = error.message.replace(/^Cannot read /, "");
    const at = message.lastIndexOf(": ");
    const wrong = `${nameOf(path)} ${shown(message.slice(0, at), 500)}`;
    throw new Failure(EXIT.configuration, wrong, message.slice(at + 2), error);
  }
}

/**
 * Reads the accounts of a users file.
 *
 * @returns the accounts by their names, in the order of the file; `undefined` where there is no file
 * @throws {Failure} if it cannot be read, is bad, or others have a part in it
 */
export function findUsers(path: string): Map<string, Account> | undefined {
  const text = readFile(path);
  return text === undefined ? undefined : parsing(path, () => parseUsers(text));
}

/**
 * Reads the accounts of a users file, which has to be there.
 *
 * @throws {Failure} as {@linkcode findUsers}, and if there is no file
 */
export function readUsers(path: string): Map<string, Account> {
  const users = findUsers(path);
  if (users !== undefined) return users;
  const wrong = `there is no users file ${shown(path)}`;
  throw new Failure(EXIT.configuration, wrong, "make it with smtpd users add NAME --users FILE");
}

/** The file itself where a symbolic link leads to it: a link is not to be replaced by a file. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return path;
    throw cannot("read", path, error);
  }
}

/** Who the file belongs to, and how it is protected; `undefined` where it is not there. */
function infoOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw cannot("read", path, error);
  }
}

/** Gives a file that root has made to the owner of another. */
function giveTo(path: string, owner: Deno.FileInfo | undefined): void {
  if (owner !== undefined && Deno.uid() === 0) Deno.chownSync(path, owner.uid, owner.gid);
}

/** Locks the file against other commands, by another one beside it which stays. */
function lock(path: string): Promise<Disposable> {
  const file = `${path}.lock`;
  try {
    // SQLite would make it for all to read, and who can read it can keep others from writing.
    Deno.openSync(file, { write: true, createNew: true, mode: 0o600 }).close();
    giveTo(file, infoOf(path));
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw cannot("lock", path, error);
  }
  return patiently(() => lockFile(file, nameOf(path)), (error) => {
    if (!(error instanceof StoreError)) return error;
    if (error.kind !== "locked") return cannot("lock", path, error);
    const wrong = shown(error.message.replace(/^C/, "c"), 500);
    return new Failure(EXIT.temporary, wrong, "try again", error);
  });
}

/** Puts a text in the place of the file. Whatever happens, the one or the other is there, and whole. */
async function replace(path: string, octets: Uint8Array): Promise<void> {
  const old = infoOf(path);
  // Where there is one, a command was killed before it could rename it: nobody else has the lock.
  const made = join(dirname(path), `.${basename(path)}.new`);
  await removeQuietly(made);
  try {
    {
      using file = await MailFile.create(made);
      await file.write(octets);
      giveTo(made, old);
      const mode = old?.mode ?? null;
      if (mode !== null) Deno.chmodSync(made, mode & 0o777);
      await file.sync();
    }
    await Deno.rename(made, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await removeQuietly(made);
    throw error;
  }
}

/**
 * Changes the users file, alone: another command waits for its turn. Where there is none, it is made.
 *
 * @param edit makes the new text of the old one, which is empty where there was no file
 * @throws {Failure} if the file cannot be changed, or as {@linkcode readUsers}; then it is as it was
 */
export async function editUsers(path: string, edit: (text: string) => string): Promise<void> {
  const file = realPath(path);
  using _ = await lock(file);
  const old = readFile(file) ?? "";
  const text = parsing(file, () => edit(old));
  if (text === old) return;
  const octets = new TextEncoder().encode(text);
  if (octets.length > MAX_FILE) {
    const wrong = `${nameOf(path)} would have over ${MAX_FILE} octets`;
    throw new Failure(EXIT.cannotCreate, wrong, "remove users, or give another file to --users");
  }
  try {
    await replace(file, octets);
  } catch (error) {
    throw cannot("write", path, error);
  }
}

/** The accounts of a file, as it is now. */
export interface UsersFile extends Accounts {
  /**
   * Reads the file, if it has not been read yet. The first look for an account does so as well.
   *
   * @throws {Failure} as {@linkcode readUsers}
   */
  load(): void;
  /** Reads the file again, whether or not it has changed. If it is bad, that is logged and no more. */
  reload(): void;
  find(name: string): Account | undefined;
}

/**
 * Makes the accounts of the users file that settings name; `undefined` where they name none.
 *
 * The file is looked at when an account is asked for, at most once a second. What cannot be used is
 * logged as `users-bad` once, and the accounts read before stay in force.
 */
export function usersOf(
  { users: path }: Pick<Config, "users">,
  log: Log,
  clock: Pick<Clock, "now"> = systemClock,
): UsersFile | undefined {
  if (path === undefined) return undefined;
  const file = path;
  let stamp = "";
  let looked = 0;
  let loaded: Map<string, Account> | undefined;

  function first(): Map<string, Account> {
    stamp = stampOf(file);
    looked = clock.now();
    return loaded = readUsers(file);
  }

  function again(): void {
    try {
      log("info", "users-read", { path: file, accounts: first().size });
    } catch (error) {
      log("error", "users-bad", { error: error instanceof Error ? error.message : `${error}` });
    }
  }

  function current(): Map<string, Account> {
    if (loaded === undefined) return first();
    // A clock that was set back must not keep us from looking.
    if (Math.abs(clock.now() - looked) < LOOK_AFTER) return loaded;
    looked = clock.now();
    if (stampOf(file) !== stamp) again();
    return loaded;
  }

  return {
    load() {
      if (loaded === undefined) first();
    },
    reload: again,
    find: (name) => current().get(name),
  };
}
