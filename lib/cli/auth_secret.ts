/** What makes up salts for names that have no account, the same after each start. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import type { Log } from "../net/log.ts";
import { reasonOf } from "./text_file.ts";

/** The file within the state directory, and the octets in it. */
const FILE = "auth-secret";
const LENGTH = 32;

/**
 * The secret of the state directory, which is made at the first start. A salt that changed at each start
 * would tell a name that has an account from one that has none.
 *
 * @returns nothing where there is no state directory, or the file can neither be read nor made
 */
export function authSecretOf({ noQueue, queue }: Config, log: Log): Uint8Array | undefined {
  if (noQueue) return undefined;
  const path = `${queue}/${FILE}`;
  try {
    return readSecret(path) ?? makeSecret(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    log("warn", "auth-secret-failed", { error: `${shown(path)}: ${reasonOf(error)}` });
    return undefined;
  }
}

function readSecret(path: string): Uint8Array | undefined {
  try {
    const octets = Deno.readFileSync(path);
    // A start that was broken off has left less of it.
    return octets.length === LENGTH ? octets : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function makeSecret(path: string): Uint8Array {
  const octets = crypto.getRandomValues(new Uint8Array(LENGTH));
  Deno.writeFileSync(path, octets, { mode: 0o600 });
  return octets;
}
