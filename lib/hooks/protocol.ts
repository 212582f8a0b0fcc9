/**
 * What is said between the server, the host process, and the worker in it that runs the hooks.
 *
 * The server writes lines to the process: first a {@linkcode HostSettings}, which the host reads, then what
 * the worker reads itself, since each crossing between threads takes its time: batches, each a JSON array of
 * {@linkcode Question}s, and slices of mail data (`#ID LENGTH` and as many octets behind the line). The
 * worker answers with JSON arrays of {@linkcode Saying}s, each in a line behind a mark that is made up for
 * each process. The host says what it has to say by standard error, in the same way: two threads that write
 * to one pipe would break each other's lines. Every other line is something that hooks have printed.
 *
 * The worker may be hostile: nothing that it says is believed unread.
 *
 * @module
 */
import { HOOK_STEPS, type HookStep } from "./hooks_module.ts";

/** The first line that a host reads. */
export interface HostSettings {
  /** What stands before the lines that sayings are in. */
  readonly mark: string;
  /** The absolute path of the module. */
  readonly file: string;
  /** What the hooks may do, in the words of Deno's permissions. */
  readonly grants: HookGrants;
  /** Octets of memory that hooks may take beyond what the process has without them. */
  readonly memory: number;
}

/** What hooks may do, beyond computing. */
export interface HookGrants {
  /** Hosts that they may connect to, each perhaps with a port. */
  readonly net: readonly string[];
  /** Absolute paths of files and directories that they may read. */
  readonly read: readonly string[];
  /** Names of environment variables that they may read. */
  readonly env: readonly string[];
}

/** What the worker is told first. */
export interface LoadOrder {
  /** The URL of the module. */
  readonly url: string;
  /** The paths of what may be read for loading alone. */
  readonly giveUp: readonly string[];
  /** As in {@linkcode HostSettings}. */
  readonly mark: string;
  /** Whether what leads to the loader of modules has to go, since it asks for no permission. */
  readonly closeLoader: boolean;
}

/** What the worker is asked or told. */
export type Question =
  | { readonly id: number; readonly step: HookStep; readonly args: readonly unknown[] }
  /** The content of a message goes no further: it is whole, or the client has broken off. */
  | { readonly id: number; readonly content: "end" | "failed" };

/** What the worker says. */
export type Saying =
  /** The module is loaded, and has these hooks. */
  | { readonly kind: "ready"; readonly steps: readonly HookStep[] }
  /** The module cannot be used. */
  | { readonly kind: "unusable"; readonly reason: string }
  /** A hook has answered; `undefined` for nothing. */
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  /** A hook has thrown something that is no refusal. */
  | { readonly kind: "failure"; readonly id: number; readonly error: string }
  /** A hook waits for the next slice of the message. */
  | { readonly kind: "wants"; readonly id: number }
  /** A hook has printed something. */
  | { readonly kind: "print"; readonly text: string }
  /** The host has seen the process use so much processor time of late, in milliseconds. */
  | { readonly kind: "used"; readonly time: number };

/** How a host ends by itself. */
export const HOST_EXIT = {
  /** The server has gone. */
  done: 0,
  /** What came from the server makes no sense. */
  confused: 64,
  /** Hooks took too much memory. */
  memory: 71,
  /** The worker has ended with an error that nobody caught. */
  uncaught: 73,
} as const;

/** The share of a processor that hooks may use while nobody asks them anything: they may have timers. */
export const IDLE_SHARE = 0.05;

/** The longest line of a host in octets. Hooks that print a longer one have said too much. */
export const MAX_SAID = 1024 * 1024;

/** The longest line to a host in octets: the header section of a message, all of it escaped, and more. */
export const MAX_ASKED = 8 * 1024 * 1024;

const encoder = new TextEncoder();

/**
 * Writes a line of sayings, all of it.
 *
 * @param sayings a JSON array
 * @param write writes some octets at once, and answers how many
 */
export function writeSayings(
  mark: string,
  sayings: string,
  write: (octets: Uint8Array) => number,
): void {
  // Hooks may have printed something that has no end: the line begins anew.
  let rest = encoder.encode(`\n${mark} ${sayings}\n`);
  while (rest.length > 0) rest = rest.subarray(write(rest));
}

function bad(what: string): SyntaxError {
  return new SyntaxError(`Cannot use what the hooks say: ${what}`);
}

function readSaying(value: unknown): Saying {
  if (typeof value !== "object" || value === null) throw bad("it is no object");
  const { kind, id, answer, error, reason, text, steps, time } = value as Record<string, unknown>;
  const isText = (member: unknown): member is string => typeof member === "string";
  const isNumber = (member: unknown): member is number => typeof member === "number";
  switch (kind) {
    case "ready":
      if (!Array.isArray(steps)) throw bad("the steps are no list");
      return { kind, steps: HOOK_STEPS.filter((step) => steps.includes(step)) };
    case "unusable":
      if (!isText(reason)) throw bad("reason is no text");
      return { kind, reason };
    case "print":
      if (!isText(text)) throw bad("text is no text");
      return { kind, text };
    case "used":
      if (!isNumber(time)) throw bad("the time is no number");
      return { kind, time };
  }
  if (!isNumber(id)) throw bad("the id is no number");
  switch (kind) {
    case "answer":
      return { kind, id, answer };
    case "failure":
      if (!isText(error)) throw bad("error is no text");
      return { kind, id, error };
    case "wants":
      return { kind, id };
    default:
      throw bad("there is no such kind");
  }
}

/**
 * Reads what the worker says in one line, without its mark.
 *
 * @throws {SyntaxError} if it is nothing that a worker says
 */
export function readSayings(line: string): Saying[] {
  const values: unknown = JSON.parse(line);
  if (!Array.isArray(values)) throw bad("it is no list");
  return values.map(readSaying);
}
