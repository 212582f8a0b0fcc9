/** What ends a command without success: one line, and an exit code that scripts rely on. @module */
import { ConfigError, shown } from "../config/sources.ts";

/** Exit codes, by the names of sysexits in words. */
export const EXIT = {
  ok: 0,
  usage: 64,
  badData: 65,
  unavailable: 69,
  bug: 70,
  cannotCreate: 73,
  temporary: 75,
  noPermission: 77,
  configuration: 78,
  /** Not of sysexits: what a shell says of a program that Ctrl-C has ended. */
  interrupted: 130,
} as const;

/** The name of an exit code. */
export type ExitName = keyof typeof EXIT;

/** When the program exits with each of them. */
export const EXIT_MEANINGS: Readonly<Record<ExitName, string>> = {
  ok: "all is well, or the server was told to stop",
  usage: "the command line is wrong",
  badData: "what was given is wrong, such as an address or a message, or is not there",
  unavailable: "a port is taken, or a program or a next hop is not to be had",
  bug: "a bug; report it with what --log-level debug adds",
  cannotCreate: "a file or directory cannot be made or used",
  temporary: "it may work later: try again",
  noPermission: "the user, or Deno, may not do this",
  configuration: "the config file, an environment variable or what they name is wrong",
  interrupted: "Ctrl-C, where a password was asked for",
};

/** One of {@linkcode EXIT}. */
export type ExitCode = typeof EXIT[ExitName];

/** A command cannot be carried out. Its message is `what is wrong: how to mend it`, on one line. */
export class Failure extends Error {
  /** What the program exits with. */
  readonly exitCode: ExitCode;
  /** What is wrong. */
  readonly wrong: string;
  /** How to mend it. */
  readonly mend: string;

  /** Makes the failure from the two parts of its message and, where there is one, what it came of. */
  constructor(exitCode: ExitCode, wrong: string, mend: string, cause?: unknown) {
    super(`${wrong}: ${mend}`, { cause });
    this.name = "Failure";
    this.exitCode = exitCode;
    this.wrong = wrong;
    this.mend = mend;
  }
}

/** Makes a failure of anything that was thrown; what nobody foresaw is a bug. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ConfigError) {
    const exitCode = error.source === "flag" ? EXIT.usage : EXIT.configuration;
    return new Failure(exitCode, error.wrong, error.mend, error);
  }
  if (error instanceof Deno.errors.NotCapable) {
    const right = /"?(--allow-[a-z]+)/.exec(error.message)?.[1] ?? "-P";
    const wrong = `Deno does not let smtpd do this (${shown(error.message)})`;
    return new Failure(EXIT.noPermission, wrong, `run it with -P or ${right}`, error);
  }
  const name = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Failure(
    EXIT.bug,
    `a bug (${shown(name)})`,
    "report it with what --log-level debug adds",
    error,
  );
}
