/** What is said of it all, and the file of settings. @module */
import { oneOf, path } from "./values.ts";
import type { LogLevel } from "../net/log.ts";
import { one, type Options, perhaps } from "./option.ts";

/** What is said of it all, and the file of settings. */
export interface LogSettings {
  readonly config: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
}

/** These settings by their keys, in the order of the help. */
export const LOG_OPTIONS: Options<LogSettings> = {
  config: perhaps(path, {
    meaning: "JSON file with the same settings",
    placeholder: "FILE",
    byDefault: [],
  }),
  logLevel: one(oneOf("debug", "info", "warn", "error"), {
    meaning: "debug, info, warn or error",
    placeholder: "LEVEL",
    byDefault: "info",
  }),
  logFormat: one(oneOf("text", "json"), {
    meaning: "text or json",
    placeholder: "FORMAT",
    shownDefault: "text on a terminal, else json",
    byDefault: (system) => [system.isTerminal() ? "text" : "json"],
  }),
};
