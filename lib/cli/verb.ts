/** What every command of the program is. @module */
import type { Config } from "../config.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import type { CommandLine, Flag } from "./flags.ts";
import type { Surroundings } from "./surroundings.ts";

/** One call of a command. */
export interface Call extends CommandLine {
  /** Where it runs. */
  readonly around: Surroundings;
  /** Reads the settings. */
  config(): Config;
}

/** One command. */
export interface Verb {
  /** How it is called, without `smtpd `. */
  readonly usage: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Whether it takes the flags of the settings. */
  readonly takesSettings: boolean;
  /** Flags that only it takes. */
  readonly flags?: readonly Flag[];
  /** What its help says beside usage and summary. */
  details(): string;
  /** Does it, and answers the exit code. */
  run(call: Call): ExitCode | Promise<ExitCode>;
}

/**
 * Holds that a command has as many operands as it needs.
 *
 * @throws {Failure} if there are more or fewer
 */
export function checkOperands(call: Call, most: number, least: number, usage: string): void {
  const { operands } = call;
  if (operands.length < least) {
    throw new Failure(EXIT.usage, "an argument is missing", `write smtpd ${usage}`);
  }
  if (operands.length > most) {
    throw new Failure(
      EXIT.usage,
      `one argument too many, ${operands[most]}`,
      `write smtpd ${usage}`,
    );
  }
}
