/** Policy of one's own: a module of hooks, and what it may do. @module */
import { one, type Options, perhaps, several } from "./option.ts";
import { duration, path, size, type Value } from "./values.ts";

/** Policy of one's own: a module of hooks, and what it may do. */
export interface HookSettings {
  /** The module, where there is one. */
  readonly hooks: string | undefined;
  /** How long a hook may keep a session waiting. */
  readonly hooksTimeout: number;
  /**
   * How much memory hooks may take. V8 lets some 100 MB of slices gather before it collects them, in a hook
   * that reads messages and does nothing wrong.
   */
  readonly hooksMemory: number;
  /** Hosts that hooks may connect to. */
  readonly hooksNet: readonly string[];
  /** Files and directories that hooks may read. */
  readonly hooksRead: readonly string[];
  /** Environment variables that hooks may read. */
  readonly hooksEnv: readonly string[];
}

/** A host and perhaps a port, as Deno's permissions have it. */
const netGrant: Value<string> = {
  type: "string",
  expects: "give a host and perhaps a port, such as db.example.org:5432, 192.0.2.1 or [::1]:6379",
  parse: (text) =>
    /^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/.test(text) &&
      Number(/:([0-9]+)$/.exec(text)?.[1] ?? 1) <= 65_535
      ? text
      : undefined,
};

const variable: Value<string> = {
  type: "string",
  expects: "give the name of an environment variable, such as DATABASE_URL",
  parse: (text) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text) ? text : undefined,
};

/** These settings by their keys, in the order of the help. */
export const HOOK_OPTIONS: Options<HookSettings> = {
  hooks: perhaps(path, {
    meaning: "JavaScript module (from source TypeScript too) with policy hooks, run in a sandbox",
    placeholder: "FILE",
    byDefault: [],
  }),
  hooksTimeout: one(duration, {
    meaning: "how long a hook may keep a session waiting; then 451, and all hooks are restarted",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "10s",
  }),
  hooksMemory: one(size, {
    meaning: "memory that hooks may take; more, and they are restarted",
    placeholder: "SIZE",
    fileOnly: true,
    byDefault: "256MiB",
  }),
  hooksNet: several(netGrant, {
    meaning: "hosts that hooks may connect to: HOST or HOST:PORT",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  hooksRead: several(path, {
    meaning: "files and directories that hooks may read",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  hooksEnv: several(variable, {
    meaning: "environment variables that hooks may read",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
};
