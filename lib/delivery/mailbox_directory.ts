/** The directories of Maildirs: made when first needed, and made to last. @module */
import { dirname } from "node:path";
import type { Clock } from "../net/clock.ts";

/** How many mailboxes are remembered as made. One that is forgotten costs a few system calls more. */
const MAX_REMEMBERED = 10_000;

/** A file in tmp that was not written to for so long is what a crash left (Maildir says 36 hours). */
const LEFT_OVER_AFTER = 36 * 3600 * 1000;

/** How many files of tmp are looked at, so that a full one does not hold up a delivery. */
const MAX_LOOKED_AT = 1000;

/** The mailboxes below one root, each `ROOT/<domain>/<local part>/{tmp,new,cur}`. */
export class MailboxDirectories {
  readonly #root: string;
  readonly #clock: Clock;
  #rootMade: Promise<void> | undefined;
  readonly #made = new Map<string, Promise<void>>();

  /**
   * Nothing is made yet.
   *
   * @param root the directory above all of them; it is made when it is not there
   * @param clock tells how old a left-over is
   */
  constructor(root: string, clock: Clock) {
    this.#root = root;
    this.#clock = clock;
  }

  /**
   * Sees to it that the directories of a mailbox are there and will be after a crash.
   *
   * The outcome is shared: nobody delivers into a directory that another delivery has made but whose
   * entry is not on stable storage yet.
   *
   * @param mailbox the path of the mailbox, two levels below the root
   */
  make(mailbox: string): Promise<void> {
    let made = this.#made.get(mailbox);
    if (made === undefined) {
      if (this.#made.size >= MAX_REMEMBERED) {
        for (const oldest of this.#made.keys()) {
          this.#made.delete(oldest);
          break;
        }
      }
      const making = this.#make(mailbox).catch((error) => {
        // Another attempt may fare better, unless one was begun already.
        if (this.#made.get(mailbox) === making) this.#made.delete(mailbox);
        this.#rootMade = undefined;
        throw error;
      });
      this.#made.set(mailbox, making);
      made = making;
    }
    return made;
  }

  /** Makes the directories again: somebody has removed them while the server ran. */
  remake(mailbox: string): Promise<void> {
    this.#made.delete(mailbox);
    this.#rootMade = undefined;
    return this.make(mailbox);
  }

  async #make(mailbox: string): Promise<void> {
    await (this.#rootMade ??= makeWithParents(this.#root));
    const domain = dirname(mailbox);
    for (const path of [domain, mailbox, `${mailbox}/tmp`, `${mailbox}/new`, `${mailbox}/cur`]) {
      await makeDirectory(path);
    }
    // Also where nothing was made: a process that ended too early may have made it.
    for (const path of [mailbox, domain, this.#root]) await syncDirectory(path);
    await removeLeftOvers(`${mailbox}/tmp`, this.#clock.now() - LEFT_OVER_AFTER);
  }
}

/** Answers whether the directory was made; `false` where something of that name is there. */
async function makeDirectory(path: string): Promise<boolean> {
  try {
    await Deno.mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

/** Makes a directory and those above it, each one's entry on stable storage before the next. */
async function makeWithParents(path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path;; at = dirname(at)) {
    try {
      if (await makeDirectory(at)) await syncDirectory(dirname(at));
      break;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) || dirname(at) === at) throw error;
      missing.push(at);
    }
  }
  for (const at of missing.reverse()) {
    await makeDirectory(at);
    await syncDirectory(dirname(at));
  }
}

/**
 * Puts the entries of a directory on stable storage.
 *
 * Windows has no such operation, and neither have some network file systems, which then answer EINVAL
 * or ENOTSUP: there the rename is as much as can be had.
 */
export async function syncDirectory(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using directory = await Deno.open(path);
  try {
    await directory.sync();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw error;
  }
}

/** Removes what is not worth failing over if it cannot be removed. */
export async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch {
    // It is gone, or it stays until it is old enough to be a left-over.
  }
}

/** Removes what crashes have left in tmp; no reader of Maildirs looks there. */
async function removeLeftOvers(tmp: string, before: number): Promise<void> {
  try {
    let count = 0;
    for await (const entry of Deno.readDir(tmp)) {
      if (++count > MAX_LOOKED_AT) break;
      if (!entry.isFile) continue;
      const path = `${tmp}/${entry.name}`;
      const { mtime } = await Deno.lstat(path);
      if (mtime !== null && mtime.getTime() < before) await removeQuietly(path);
    }
  } catch {
    // A delivery does not depend on it.
  }
}
