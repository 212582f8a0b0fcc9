/** What every command of the program is. @module */
import type { Config } from "../config.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import type { Suggestion } from "../config/values.ts";
import type { CommandLine, Flag, ListedFlag } from "./flags.ts";
import type { Surroundings } from "./surroundings.ts";

/** One call of a command. */
export interface Call extends CommandLine {
  /** Where it runs. */
  readonly around: Surroundings;
  /** Reads the settings. */
  config(): Config;
}

/** What stands behind a command beside flags, where a shell can complete it. */
export interface Operands {
  /** What each can be completed with. */
  readonly suggests: Suggestion;
  /** Whether there may be more than one. */
  readonly repeatable: boolean;
}

/** A command line to learn from. */
export interface Example {
  /** When it is of use, as the end of "Example, ". */
  readonly purpose: string;
  /** The command line, with `smtpd` in front. */
  readonly line: string;
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
  /** Flags that only it takes and that it reads itself. */
  readonly ownFlags?: readonly ListedFlag[];
  /** What may stand behind it. */
  readonly operands?: Operands;
  /** The commands of the family that it is. */
  readonly family?: ReadonlyMap<string, SubVerb>;
  /** Command lines to learn from. */
  readonly examples?: readonly Example[];
  /**
   * What its help says beside all that: paragraphs of at most 80 columns with an empty line between
   * them. One that is indented is shown as it is.
   */
  details(): string;
  /** Does it, and answers the exit code. */
  run(call: Call): ExitCode | Promise<ExitCode>;
}

/** One of a family. All of them take the flags of the settings. Its usage has no name of the family. */
export interface SubVerb extends Pick<Verb, "usage" | "summary" | "flags" | "operands" | "run"> {
  /** Whether it is for the scripts of completions alone, and nobody is told of it. */
  readonly isHidden?: boolean;
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
