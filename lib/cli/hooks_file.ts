/** The hooks that settings name, in the process that they run in. @module */
import { resolve } from "node:path";
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import { HooksError } from "../hooks/hooks_error.ts";
import { HooksFile } from "../hooks/hooks_file.ts";
import type { Log } from "../net/log.ts";
import { EXIT, Failure } from "./failure.ts";
import { checkMayRun } from "./program.ts";

/** How the executable calls itself to run hooks. No help tells of it: it is for the server alone. */
export const HOOKS_HOST = "hooks-host";

/** The variables that hooks may read, as far as they are set. */
function granted(names: readonly string[]): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of names) {
    // A variable that Deno is told to ignore would look as if it were not set.
    if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") {
      throw new Failure(
        EXIT.noPermission,
        `Deno does not let smtpd read ${name}, which hooksEnv names`,
        `add --allow-env=${name}, as in deno run -P --allow-env=${name} main.ts`,
      );
    }
    const value = Deno.env.get(name);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/**
 * Starts the hooks that settings name; `undefined` where they name none.
 *
 * @throws {Failure} if they cannot be used
 */
export async function openHooks(config: Config, log: Log): Promise<HooksFile | undefined> {
  if (config.hooks === undefined) return undefined;
  const path = Deno.execPath();
  checkMayRun(path);
  try {
    return await HooksFile.open({
      file: resolve(config.hooks),
      timeout: config.hooksTimeout,
      memory: config.hooksMemory,
      grants: {
        net: config.hooksNet,
        read: config.hooksRead.map((path) => resolve(path)),
        env: config.hooksEnv,
      },
      environment: granted(config.hooksEnv),
      program: Deno.build.standalone ? { path, args: [HOOKS_HOST] } : undefined,
      log,
    });
  } catch (error) {
    if (!(error instanceof HooksError)) throw error;
    const wrong = `cannot use hooks ${shown(config.hooks)} (${shown(error.reason, 500)})`;
    throw new Failure(
      EXIT.configuration,
      wrong,
      "mend it, or give another file to --hooks",
      error,
    );
  }
}
