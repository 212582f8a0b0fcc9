/** The inbox: page and API over HTTP. @module */
import type { Endpoint } from "../policy/session.ts";
import { type Options, perhaps, several } from "./option.ts";
import { bindAddress, hostname, path } from "./values.ts";

/** The inbox: page and API over HTTP. */
export interface UiSettings {
  /** Where it listens. */
  readonly ui: Endpoint | undefined;
  /** The file whose one line lets in whoever knows it. */
  readonly uiTokenFile: string | undefined;
  /** Names by which it is called, beside its address and `hostname`. */
  readonly uiName: readonly string[];
}

/** These settings by their keys, in the order of the help. */
export const UI_OPTIONS: Options<UiSettings> = {
  ui: perhaps(bindAddress, {
    meaning: "web inbox, API and metrics; binds loopback unless HOST is given",
    placeholder: "[HOST:]PORT",
    byDefault: [],
  }),
  uiTokenFile: perhaps(path, {
    meaning: "file with a token of one line, which lets into the inbox whoever knows it",
    placeholder: "FILE",
    fileOnly: true,
    byDefault: [],
  }),
  uiName: several(hostname, {
    meaning: "names by which browsers call the inbox, beside its address",
    placeholder: "NAME",
    fileOnly: true,
    byDefault: [],
  }),
};
