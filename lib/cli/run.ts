/** The program: finds the command, runs it, and turns what it throws into one line. @module */
import type { Config } from "../config.ts";
import { ConfigError, shown } from "../config/sources.ts";
import { runHost } from "../hooks/host.ts";
import { check } from "./check.ts";
import { DEFAULT_COMMAND, type Verbs } from "./command_table.ts";
import { completionsOf } from "./completions.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { explain } from "./explain.ts";
import { EXIT, type ExitCode, failureOf } from "./failure.ts";
import {
  checkRepeats,
  type CommandLine,
  COMMON_FLAGS,
  type Flag,
  parseCommandLine,
  SETTING_FLAGS,
} from "./flags.ts";
import { helpOf, unknownVerb } from "./help.ts";
import { HOOKS_HOST } from "./hooks_file.ts";
import { loadConfig } from "./load.ts";
import { printConfig } from "./print_config.ts";
import { runsPrograms } from "./program.ts";
import { queue } from "./queue.ts";
import { ready } from "./ready.ts";
import { runSendmail, sendmail } from "./sendmail.ts";
import { serve } from "./serve.ts";
import { OutputClosed, realSurroundings, type Surroundings } from "./surroundings.ts";
import { users } from "./users.ts";
import type { Verb } from "./verb.ts";
import { version } from "./version.ts";

const COMMANDS = new Map<string, Verb>(Object.entries({
  serve,
  demo,
  queue,
  sendmail,
  users,
  explain,
  check,
  config: printConfig,
  doctor,
  ready,
  version,
}));

/** Every command by name, in the order of the help. */
export const VERBS: Verbs = COMMANDS;

// These two tell of all commands, themselves among them.
const help = helpOf(VERBS);
COMMANDS.set("completions", completionsOf(VERBS)).set("help", help);

function verbCalled(name: string): Verb {
  const verb = VERBS.get(name);
  if (verb === undefined) throw unknownVerb(name, [...VERBS.keys()]);
  return verb;
}

const ALL_FLAGS: readonly Flag[] = [
  ...SETTING_FLAGS,
  ...[...VERBS.values()].flatMap((verb) => verb.flags ?? []),
  ...COMMON_FLAGS,
];

/** Refuses a flag that another command has, or that may be repeated only there. */
function checkFlags(name: string, verb: Verb, given: CommandLine["flags"]): void {
  const own = [...(verb.takesSettings ? SETTING_FLAGS : []), ...(verb.flags ?? [])];
  for (const flag of given.keys()) {
    if (own.some((known) => known.name === flag)) continue;
    throw new ConfigError("flag", `smtpd ${name} takes no --${flag}`, "leave it out");
  }
  checkRepeats(given, own);
}

/** What the arguments are where the program was called by the name of another one. */
function argumentsOf(args: readonly string[], calledAs: string): readonly string[] {
  switch (calledAs.replace(/\.exe$/i, "")) {
    case "sendmail":
      return ["sendmail", ...args];
    case "mailq":
      return ["sendmail", "-bp", ...args];
  }
  return args;
}

async function runCommand(given: readonly string[], around: Surroundings): Promise<ExitCode> {
  const args = argumentsOf(given, around.calledAs);
  const [first] = args;
  if (first === HOOKS_HOST) return await runHost();
  if (first === "sendmail") {
    around.runNoPrograms();
    return await runSendmail(args.slice(1), around);
  }
  // A word in front that is no command is told so before what is wrong with its flags.
  if (first !== undefined && !first.startsWith("-")) verbCalled(first);
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const isAskedFor = (...flags: string[]) =>
    args.slice(0, end).some((arg) => flags.includes(arg.replace(/=true$/, "")));
  if (isAskedFor("--help", "-h")) {
    const operands = first === undefined || first.startsWith("-") ? [] : [first];
    return await help.run({ operands, flags: new Map(), around, config: noConfig });
  }
  if (isAskedFor("--version")) {
    return await version.run({ operands: [], flags: new Map(), around, config: noConfig });
  }
  const commandLine = parseCommandLine(args, ALL_FLAGS);
  const [name = DEFAULT_COMMAND, ...operands] = commandLine.operands;
  const verb = verbCalled(name);
  checkFlags(name, verb, commandLine.flags);
  if (!verb.takesSettings) around.runNoPrograms();
  const config = () => {
    const settled = loadConfig(commandLine, around);
    if (!runsPrograms(settled)) around.runNoPrograms();
    return settled;
  };
  return await verb.run({ operands, flags: commandLine.flags, around, config });
}

function noConfig(): Config {
  throw new TypeError("Cannot read settings for a command that takes none");
}

/** Whether stack traces were asked for. The settings may be what is wrong, so they are not read. */
function isDebugging(args: readonly string[], { environment }: Surroundings): boolean {
  const flag = args.indexOf("--log-level");
  return args.includes("--log-level=debug") || (flag >= 0 && args[flag + 1] === "debug") ||
    environment.get("SMTPD_LOG_LEVEL") === "debug";
}

function stackOf(error: unknown): string {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return error instanceof Error && error.cause !== undefined
    ? `${stack}\nCaused by: ${stackOf(error.cause)}`
    : stack;
}

/**
 * Runs the program. It never throws: what goes wrong is one line on standard error.
 *
 * @returns what to exit with
 */
export async function run(
  args: readonly string[],
  around: Surroundings = realSurroundings(),
): Promise<ExitCode> {
  try {
    return await runCommand(args, around);
  } catch (error) {
    // A reader such as `head` that has seen enough is no reason to fail.
    if (error instanceof OutputClosed) return EXIT.ok;
    const failure = failureOf(error);
    around.err(`smtpd: ${shown(failure.message, 1000)}`);
    if (isDebugging(args, around)) around.err(stackOf(error));
    return failure.exitCode;
  }
}
