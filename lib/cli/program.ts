/** Finds out whether the program of a route can be run before mail is accepted for it. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import type { ProgramHop } from "../relay/next_hop.ts";
import { allRoutes } from "./compose.ts";
import { EXIT, Failure } from "./failure.ts";

/**
 * Holds that Deno lets this process run a program.
 *
 * @throws {Failure} with exit code 77 if it does not
 */
export function checkMayRun(path: string): void {
  const { state } = Deno.permissions.querySync({ name: "run", command: path });
  if (state === "granted") return;
  const right = `--allow-run=${shown(path)}`;
  throw new Failure(
    EXIT.noPermission,
    `Deno does not let smtpd run ${shown(path)}`,
    `add ${right}, as in deno run -P ${right} main.ts`,
  );
}

/** Whether a route runs a program. */
export function hasProgramRoute(config: Config): boolean {
  return allRoutes(config).some(({ route }) => route.kind === "program");
}

/** Whether settings have the server run programs: those of routes, and the one that hooks run in. */
export function runsPrograms(config: Config): boolean {
  return config.hooks !== undefined || hasProgramRoute(config);
}

/**
 * Holds that the programs of the routes, where there are some, are there and may be run. None is run.
 *
 * @throws {Failure} with exit code 69, or 77 for want of permission
 */
export function checkProgram(config: Config): void {
  for (const { route, setBy } of allRoutes(config)) {
    if (route.kind === "program") checkOne(route, `give another program to ${setBy}`);
  }
}

function checkOne({ path }: ProgramHop, mend: string): void {
  let file: Deno.FileInfo;
  try {
    file = Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof Deno.errors.NotFound) {
      throw new Failure(EXIT.unavailable, `there is no program ${shown(path)}`, mend, error);
    }
    const reason = error instanceof Error ? error.message : String(error);
    const wrong = `cannot look for the program ${shown(path)} (${shown(reason)})`;
    throw new Failure(EXIT.unavailable, wrong, mend, error);
  }
  if (!file.isFile || (file.mode !== null && (file.mode & 0o111) === 0)) {
    const wrong = `${shown(path)} is no program, it is not an executable file`;
    throw new Failure(EXIT.unavailable, wrong, `make it one with chmod +x, or ${mend}`);
  }
  checkMayRun(path);
}
