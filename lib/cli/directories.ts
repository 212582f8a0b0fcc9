/** Finds out whether a directory can be used before mail is accepted for it. @module */
import { dirname } from "node:path";
import type { Config } from "../config.ts";
import { allRoutes } from "./compose.ts";
import { shown } from "../config/sources.ts";
import { EXIT, Failure } from "./failure.ts";

/** A directory that was asked for, and what names it: a flag, or an entry of the config file. */
interface Named {
  readonly directory: string;
  readonly setBy: string;
}

function refuse(error: unknown, what: string, { directory, setBy }: Named): Failure {
  if (error instanceof Deno.errors.NotCapable) throw error;
  const name = shown(directory);
  if (error instanceof Deno.errors.PermissionDenied) {
    const mend = `let the user that smtpd runs as read and write it, or give another to ${setBy}`;
    return new Failure(EXIT.noPermission, `no permission to ${what} ${name}`, mend, error);
  }
  if (error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.AlreadyExists) {
    const wrong = `cannot ${what} ${name}, there is a file in its place`;
    return new Failure(EXIT.cannotCreate, wrong, `give another directory to ${setBy}`, error);
  }
  const reason = error instanceof Error ? error.message : String(error);
  const wrong = `cannot ${what} ${name} (${shown(reason)})`;
  return new Failure(
    EXIT.cannotCreate,
    wrong,
    `mend it, or give another directory to ${setBy}`,
    error,
  );
}

/**
 * The directory itself, or the nearest one above it that is there.
 *
 * @param setBy what names it: a flag, or an entry of the config file
 * @throws {Failure} with exit code 73, or 77 for want of permission
 */
export function nearestExisting(directory: string, setBy: string): string {
  const named = { directory, setBy };
  for (let path = directory;; path = dirname(path)) {
    try {
      Deno.statSync(path);
      return path;
    } catch (error) {
      const isTop = dirname(path) === path;
      if (isTop || !(error instanceof Deno.errors.NotFound)) throw refuse(error, "read", named);
    }
  }
}

function probe(directory: string, named: Named): void {
  try {
    for (const _ of Deno.readDirSync(directory)) break;
  } catch (error) {
    throw refuse(error, "read", named);
  }
  try {
    // No mode bits are asked: a read-only mount, a quota or a label may say no as well.
    Deno.removeSync(Deno.makeTempDirSync({ dir: directory, prefix: ".smtpd-check-" }));
  } catch (error) {
    throw refuse(error, "write in", named);
  }
}

/**
 * Holds that a directory can be read and written, or could be made. Nothing stays changed.
 *
 * @param setBy what names it: a flag, or an entry of the config file
 * @throws {Failure} with exit code 73, or 77 for want of permission
 */
export function checkDirectory(directory: string, setBy: string): void {
  const existing = nearestExisting(directory, setBy);
  probe(existing, { directory: existing === "." ? directory : existing, setBy });
}

/**
 * Holds that the directories which a server with these settings writes to can be used.
 *
 * @throws {Failure} with exit code 73, or 77 for want of permission
 */
export function checkDirectories(config: Config): void {
  if (!config.noQueue) checkDirectory(config.queue, "--queue");
  if (config.localDomain.length > 0) checkDirectory(config.maildir, "--maildir");
  for (const { route, setBy } of allRoutes(config)) {
    if (route.kind === "maildir") checkDirectory(route.directory, setBy);
  }
}
