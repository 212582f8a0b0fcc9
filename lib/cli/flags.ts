/** Reads the command line into flags and operands. @module */
import { parseArgs } from "@std/cli/parse-args";
import { OPTIONS } from "../config.ts";
import { flagName, KEYS } from "../config/names.ts";
import { ConfigError, didYouMean, shown } from "../config/sources.ts";
import { type Suggestion, truth, type Value } from "../config/values.ts";

/** A flag that some command takes. */
export interface Flag {
  /** Its name without dashes. */
  readonly name: string;
  /** Its letter, where it has one. */
  readonly short?: string;
  /** What stands for its value in the help; none for a flag that is on or off. */
  readonly placeholder?: string;
  /** What it is for, in one line of the help. */
  readonly meaning: string;
  /** The default as the help shows it, where there is one to show. */
  readonly shownDefault?: string;
  /** How its value is written, where not every text will do. */
  readonly value?: Value<unknown>;
  /** Whether it may be given more than once. */
  readonly repeatable: boolean;
}

/** A flag as it is told of, whoever reads it. */
export interface ListedFlag extends Omit<Flag, "name" | "short" | "value"> {
  /** How it may be written, with its dashes: `-p` and `--port`. */
  readonly written: readonly string[];
  /** What its value can be completed with. */
  readonly suggests?: Suggestion;
}

/** How a flag that is read here is told of. */
export function listedFlag(flag: Flag): ListedFlag {
  const { name, short, placeholder, meaning, shownDefault, value, repeatable } = flag;
  const written = short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`];
  const suggests = value?.suggests;
  return { written, placeholder, meaning, shownDefault, suggests, repeatable };
}

/** A command line, taken apart. */
export interface CommandLine {
  /** What belongs to no flag, in order. */
  readonly operands: readonly string[];
  /** The values of each flag that was given, by its name. */
  readonly flags: ReadonlyMap<string, readonly string[]>;
}

/** The flags of the settings. */
export const SETTING_FLAGS: readonly Flag[] = KEYS
  .filter((key) => !OPTIONS[key].fileOnly)
  .map((key) => ({ ...OPTIONS[key], name: flagName(key) }));

/** The flags of every command. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: "help", short: "h", meaning: "tell how the command is called", repeatable: true },
  { name: "version", meaning: "tell the version", repeatable: true },
];

function usageError(wrong: string, mend: string): ConfigError {
  return new ConfigError("flag", wrong, mend);
}

function unknownFlag(written: string, flags: readonly Flag[]): ConfigError {
  const key = KEYS.find((key) => OPTIONS[key].fileOnly && `--${flagName(key)}` === written);
  const mend = key === undefined
    ? didYouMean("--", written.replace(/^--/, ""), flags.map((flag) => flag.name))
    : `set ${key} in the config file`;
  return usageError(`unknown flag ${shown(written)}`, mend);
}

function missingValue(flag: Flag, next: string | undefined): ConfigError {
  const plain = `--${flag.name} ${flag.placeholder}`;
  const dashed = `--${flag.name}=${flag.placeholder} where it begins with a dash`;
  const mend = next !== undefined && /^-[^-]/.test(next) ? dashed : plain;
  return usageError(`--${flag.name} needs a value`, `write ${mend}`);
}

/**
 * Writes flags in the one way that every release of parse-args reads alike: `--name=value`, and
 * `--name true` for what is on or off. They differ in `--name=`, in `--no-name=value`, in a letter
 * with its value behind it, and in values that begin with a dash.
 *
 * @throws {ConfigError} for a flag that is unknown or lacks its value
 */
function normalize(args: readonly string[], flags: readonly Flag[]): string[] {
  const normal: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === "--") return [...normal, ...args.slice(i)];
    const long = /^(--[^=]+)(?:=([^]*))?$/.exec(arg);
    const short = /^(-[^-])(?:=([^]*)|([^]+))?$/.exec(arg);
    const [, written, afterEquals, behind] = long ?? short ?? [];
    if (written === undefined) {
      if (arg.startsWith("-")) throw unknownFlag(arg, flags);
      normal.push(arg);
      continue;
    }
    const flag = flags.find(({ name, short }) =>
      written === `--${name}` || written === `-${short}`
    );
    if (flag === undefined) throw unknownFlag(written, flags);
    let value: string | undefined = afterEquals ?? behind;
    if (flag.placeholder === undefined) {
      if (value !== undefined && truth.parse(value) === undefined) {
        throw usageError(
          `cannot use ${shown(arg)}`,
          `write --${flag.name} alone, or =true or =false`,
        );
      }
      normal.push(`--${flag.name}`, value ?? "true");
      continue;
    }
    if (value === undefined) {
      value = args[++i];
      if (value === undefined || value.startsWith("-")) throw missingValue(flag, value);
    }
    if (value === "") throw missingValue(flag, undefined);
    normal.push(`--${flag.name}=${value}`);
  }
  return normal;
}

function texts(values: unknown): string[] {
  return Array.isArray(values) ? values.map(String) : [];
}

/**
 * Takes a command line apart. Behind `--` everything is an operand.
 *
 * @throws {ConfigError} for a flag that is unknown, lacks its value, or is there twice without need
 */
export function parseCommandLine(args: readonly string[], flags: readonly Flag[]): CommandLine {
  const [onOrOff, valued] = [true, false].map((is) =>
    flags.filter((flag) => (flag.placeholder === undefined) === is).map((flag) => flag.name)
  );
  const parsed: Readonly<Record<string, unknown>> = parseArgs(normalize(args, flags), {
    boolean: onOrOff,
    // Operands too: parse-args would make a number of `12`.
    string: [...valued, "_"],
    collect: [...onOrOff, ...valued],
  });
  const found = new Map<string, string[]>();
  for (const { name } of flags) {
    const values = texts(parsed[name]);
    if (values.length > 0) found.set(name, values);
  }
  checkRepeats(found, flags);
  return { operands: texts(parsed._), flags: found };
}

/**
 * Holds that no flag is given more often than it may be. Where commands have a flag of the same name,
 * it may be repeated if one of `flags` says so.
 *
 * @throws {ConfigError} for the first that is
 */
export function checkRepeats(
  given: CommandLine["flags"],
  flags: readonly Flag[],
): void {
  for (const [name, values] of given) {
    if (values.length < 2 || flags.some((flag) => flag.name === name && flag.repeatable)) continue;
    throw usageError(
      `--${name} is given ${values.length === 2 ? "twice" : "more than once"}`,
      "give it once",
    );
  }
}
