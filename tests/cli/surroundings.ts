/** Surroundings for a command under test. */
import type { System } from "../../lib/config.ts";
import { run } from "../../lib/cli/run.ts";
import type { Surroundings, Terminal } from "../../lib/cli/surroundings.ts";

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
  { input = "", calledAs = "smtpd", terminal, runNoPrograms = () => {} }: {
    input?: string | Uint8Array;
    calledAs?: string;
    terminal?: Terminal;
    /** In place of giving up the right, which is the test runner's. */
    runNoPrograms?: () => void;
  } = {},
): Promise<Outcome> {
  const written = { out: "", err: "" };
  let rest = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const around: Surroundings = {
    calledAs,
    user: () => "joe",
    environment: new Map(Object.entries(environment)),
    system: testSystem,
    out: (line) => written.out += `${line}\n`,
    err: (line) => written.err += `${line}\n`,
    // deno-lint-ignore require-await
    async read(buffer) {
      if (rest.length === 0) return null;
      const part = rest.subarray(0, buffer.length);
      buffer.set(part);
      rest = rest.subarray(part.length);
      return part.length;
    },
    // deno-lint-ignore require-await
    async write(bytes) {
      written.out += new TextDecoder().decode(bytes);
    },
    terminal: () => terminal,
    runNoPrograms,
  };
  const code = await run(args, around);
  return { code, ...written };
}
