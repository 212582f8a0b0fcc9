/** What a command sees of the world and says to it, apart from files and the network. @module */
import { userInfo } from "node:os";
import { basename } from "node:path";
import process from "node:process";
import type { System } from "../config.ts";
import { KEYS, variableName } from "../config/names.ts";
import { hostname } from "../config/values.ts";

/** A terminal on which somebody can be asked. */
export interface Terminal {
  /** Shows a text to the one who sits there. */
  show(text: string): void;
  /**
   * Has each key come at once and unseen, Ctrl-C among them, or as before. A signal that ends the
   * program meanwhile leaves the terminal as it was before.
   */
  setRaw(isRaw: boolean): void;
}

/** Where a command runs. A test passes its own. */
export interface Surroundings {
  /** The name that the program was called by. */
  readonly calledAs: string;
  /** The environment, as far as it may be read. */
  readonly environment: ReadonlyMap<string, string>;
  /** The name of the user who runs this, as far as it may be known. */
  user(): string | undefined;
  /** What defaults are taken from. */
  readonly system: System;
  /** Writes a line to standard output. Throws {@linkcode OutputClosed} where nobody reads it any more. */
  out(line: string): void;
  /** Writes a line to standard error. */
  err(line: string): void;
  /** Reads from standard input, as a transport does. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes octets to standard output. */
  write(bytes: Uint8Array): Promise<void>;
  /** The terminal that standard input is, if it is one. */
  terminal(): Terminal | undefined;
  /** Gives up the right to run programs, for this process and all time. */
  runNoPrograms(): void;
}

/** Nobody reads standard output any more: a reader such as `head` has seen enough. */
export class OutputClosed extends Error {
  override readonly name = "OutputClosed";
}

function mayRead(variable?: string): boolean {
  const descriptor = { name: "env", variable } as const;
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** What is read beside our own variables. */
const OTHER_VARIABLES = [
  "HOME",
  "LISTEN_FDS",
  "LISTEN_PID",
  "NOTIFY_SOCKET",
  "XDG_STATE_HOME",
  "LOCALAPPDATA",
  "LOGNAME",
  "USER",
  "USERNAME",
  "USERPROFILE",
];

/**
 * Reads the environment without being asked about it: what may not be read is left out. Only where
 * the list of names may be read can a misspelt `SMTPD_` variable be noticed.
 */
function readEnvironment(): ReadonlyMap<string, string> {
  try {
    if (mayRead() || mayRead("SMTPD_PORT")) return new Map(Object.entries(Deno.env.toObject()));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
  const found = new Map<string, string>();
  for (const name of [...KEYS.map(variableName), ...OTHER_VARIABLES]) {
    const value = mayRead(name) ? Deno.env.get(name) : undefined;
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

function mayAsk(kind: "hostname" | "uid"): boolean {
  return Deno.permissions.querySync({ name: "sys", kind }).state === "granted";
}

/** Whether this process is root's, as far as it may be known. */
export function isRoot(): boolean {
  return mayAsk("uid") && Deno.uid() === 0;
}

/** `/var/spool/smtpd` for root, else a folder of the user's by the XDG Base Directory rules. */
function stateDirectory(environment: ReadonlyMap<string, string>): string {
  if (Deno.build.os === "windows") {
    return `${environment.get("LOCALAPPDATA") ?? environment.get("USERPROFILE") ?? "."}\\smtpd`;
  }
  if (isRoot()) return "/var/spool/smtpd";
  const stateHome = environment.get("XDG_STATE_HOME");
  // The rules say that a relative path is to be ignored.
  if (stateHome?.startsWith("/")) return `${stateHome}/smtpd`;
  return `${environment.get("HOME") ?? "."}/.local/state/smtpd`;
}

/** The system's defaults. */
export function realSystem(environment: ReadonlyMap<string, string>): System {
  return {
    hostname: () =>
      (mayAsk("hostname") ? hostname.parse(Deno.hostname()) : undefined) ?? "localhost",
    stateDirectory: () => stateDirectory(environment),
    isTerminal: () => Deno.stderr.isTerminal(),
  };
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    throw new OutputClosed("Cannot write: nobody reads any more", { cause: error });
  }
}

/** Where nobody reads what went wrong, there is no better place to say so. */
function writeError(text: string): void {
  try {
    writeAll(Deno.stderr, text);
  } catch (error) {
    if (!(error instanceof OutputClosed)) throw error;
  }
}

function userName(environment: ReadonlyMap<string, string>): string | undefined {
  const name = environment.get("LOGNAME") ?? environment.get("USER") ?? environment.get("USERNAME");
  if (name !== undefined) return name;
  try {
    return userInfo().username;
  } catch {
    // It may not be asked for, or the user has no name.
    return undefined;
  }
}

/** What ends a program, with the exit code that a shell gives it then. */
const ENDING: readonly (readonly [Deno.Signal, number])[] = Deno.build.os === "windows"
  ? [["SIGINT", 130], ["SIGBREAK", 149]]
  : [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]];

/** The terminal that standard input is. Standard output may be a file, so it speaks on standard error. */
function standardTerminal(): Terminal {
  const listeners = ENDING.map(([signal, code]) =>
    [signal, () => {
      Deno.stdin.setRaw(false);
      Deno.exit(code);
    }] as const
  );
  return {
    show: writeError,
    setRaw(isRaw) {
      if (isRaw) {
        for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
      }
      Deno.stdin.setRaw(isRaw);
      if (!isRaw) {
        for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
      }
    },
  };
}

/** The surroundings of this process. */
export function realSurroundings(): Surroundings {
  const environment = readEnvironment();
  return {
    calledAs: basename(process.argv0),
    environment,
    user: () => userName(environment),
    system: realSystem(environment),
    out: (line) => writeAll(Deno.stdout, `${line}\n`),
    err: (line) => writeError(`${line}\n`),
    read: (buffer) => Deno.stdin.read(buffer as Uint8Array<ArrayBuffer>),
    async write(bytes) {
      for (let rest = bytes; rest.length > 0;) {
        rest = rest.subarray(await Deno.stdout.write(rest as Uint8Array<ArrayBuffer>));
      }
    },
    terminal: () => Deno.stdin.isTerminal() ? standardTerminal() : undefined,
    runNoPrograms: () => void Deno.permissions.revokeSync({ name: "run" }),
  };
}
