/**
 * What is said between the server, the host process, and the worker in it that runs the hooks.
 *
 * The server writes lines to the host: first a {@linkcode HostSettings}, then batches, each a JSON array of
 * {@linkcode Question}s, and slices of mail data (`#ID LENGTH` and as many octets behind the line). The
 * worker answers with JSON arrays of {@linkcode Saying}s, which the host writes as lines behind a mark that
 * is made up for each process. Every other line is something that hooks have printed.
 *
 * The worker may be hostile: nothing that it says is believed unread.
 *
 * @module
 */
import { HOOK_STEPS, type HookStep } from "./hooks_module.ts";

/** The first line that a host reads. */
export interface HostSettings {
  /** What stands before the lines that the worker's sayings are in; hooks cannot know it. */
  readonly mark: string;
  /** The absolute path of the module. */
  readonly file: string;
  /** What the hooks may do, in the words of Deno's permissions. */
  readonly grants: HookGrants;
  /** Octets of memory that hooks may take beyond what the process has without them. */
  readonly memory: number;
  /** How long hooks may work on without a break while nobody asks them anything, in milliseconds. */
  readonly strayTime: number;
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
  /** The path of the module, where the right to read it is only for loading. */
  readonly giveUp: string | undefined;
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
  /** The worker runs, and can be told what to load. */
  | { readonly kind: "up" }
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
  | { readonly kind: "print"; readonly text: string };

/** How a host ends by itself. */
export const HOST_EXIT = {
  /** The server has gone. */
  done: 0,
  /** What came from the server makes no sense. */
  confused: 64,
  /** Hooks took too much memory. */
  memory: 71,
  /** Hooks worked on while nobody asked them anything. */
  stray: 72,
  /** The worker has ended with an error that nobody caught. */
  uncaught: 73,
} as const;

/** The longest line of a host in octets. Hooks that print a longer one have said too much. */
export const MAX_SAID = 1024 * 1024;

/** The longest line to a host in octets: the header section of a message, all of it escaped, and more. */
export const MAX_ASKED = 8 * 1024 * 1024;

function bad(what: string): SyntaxError {
  return new SyntaxError(`Cannot use what the hooks say: ${what}`);
}

function readSaying(value: unknown): Saying {
  if (typeof value !== "object" || value === null) throw bad("it is no object");
  // A map of its own members: no name is one that every object has.
  const members = new Map<string, unknown>(Object.entries(value));
  const text = (name: string): string => {
    const member = members.get(name);
    if (typeof member !== "string") throw bad(`${name} is no text`);
    return member;
  };
  const id = (): number => {
    const member = members.get("id");
    if (typeof member !== "number") throw bad("the id is no number");
    return member;
  };
  const kind = members.get("kind");
  switch (kind) {
    case "up":
      return { kind };
    case "ready": {
      const steps = members.get("steps");
      if (!Array.isArray(steps)) throw bad("the steps are no list");
      return { kind, steps: HOOK_STEPS.filter((step) => steps.includes(step)) };
    }
    case "unusable":
      return { kind, reason: text("reason") };
    case "answer":
      return { kind, id: id(), answer: members.get("answer") };
    case "failure":
      return { kind, id: id(), error: text("error") };
    case "wants":
      return { kind, id: id() };
    case "print":
      return { kind, text: text("text") };
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
