/** Surroundings for a command under test. */
import type { System } from "../../lib/config.ts";
import { run } from "../../lib/cli/run.ts";
import type { Surroundings } from "../../lib/cli/surroundings.ts";

export const testSystem: System = {
  hostname: () => "host.example",
  stateDirectory: () => "/state",
  isTerminal: () => false,
};

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program in this process and answers what it wrote. */
export async function call(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const written = { out: "", err: "" };
  const around: Surroundings = {
    environment: new Map(Object.entries(environment)),
    system: testSystem,
    out: (line) => written.out += `${line}\n`,
    err: (line) => written.err += `${line}\n`,
  };
  const code = await run(args, around);
  return { code, ...written };
}
