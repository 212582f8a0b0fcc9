/** Makes a {@linkcode Config} of flags, environment, config file and defaults, in that order. @module */
import { type Config, type Option, OPTIONS, type System } from "../config.ts";
import { SECRET_PREFIX } from "../relay/credentials.ts";
import { flagName, type Key, KEYS, nearest, variableName } from "./names.ts";
import { type Value, ValueError } from "./values.ts";

/** Says what is wrong with a setting and how to mend it. Its message is `wrong: mend`, one line. */
export class ConfigError extends Error {
  /** Where the setting stands. */
  readonly source: "flag" | "environment" | "file";
  /** What is wrong, naming the flag, variable or key. */
  readonly wrong: string;
  /** How to mend it. */
  readonly mend: string;

  /** Makes the error of its parts. */
  constructor(source: ConfigError["source"], wrong: string, mend: string) {
    super(`${wrong}: ${mend}`);
    this.name = "ConfigError";
    this.source = source;
    this.wrong = wrong;
    this.mend = mend;
  }
}

/** A config file as read: where it was found, and its members in order. */
export interface ConfigFile {
  /** Its path, for messages. */
  readonly path: string;
  /** The members of the JSON object. A member may be there twice. */
  readonly members: readonly (readonly [key: string, value: unknown])[];
}

/** Where settings come from, the strongest first. */
export interface Sources {
  /** The values of each flag by the key of its setting. */
  readonly flags: ReadonlyMap<Key, readonly string[]>;
  /** The environment; variables without `SMTPD_` in front are let be. */
  readonly environment: ReadonlyMap<string, string>;
  /** The config file, where one was named. */
  readonly file?: ConfigFile;
}

/** Where the values of a setting come from. */
export type Origin =
  | { readonly source: "default" }
  | {
    readonly source: ConfigError["source"];
    /** The flag with its dashes, the variable, or the path of the config file as it was given. */
    readonly name: string;
  };

/** What was given for a setting, or its default: the texts that its value was read from. */
export interface Setting {
  readonly origin: Origin;
  /** None for what has no value, and for a list that is empty. */
  readonly texts: readonly string[];
}

/** The settings of a command, and what each was read from. */
export interface Settled {
  readonly config: Config;
  readonly settings: ReadonlyMap<Key, Setting>;
}

/** The values of one setting, and what each is called in a message. */
interface Given {
  readonly origin: Exclude<Origin, { source: "default" }>;
  readonly texts: readonly string[];
  name(text: string): string;
}

const SEE_HELP = "see smtpd help serve";

/** The end of the message about a name that there is not. `prefix` stands before all of them. */
export function didYouMean(prefix: string, word: string, names: readonly string[]): string {
  const name = nearest(word, names);
  return name === undefined ? SEE_HELP : `did you mean ${prefix}${name}?`;
}

// Control characters of C0 and C1, line and paragraph separators, and marks that turn the direction.
const NOT_SHOWN = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

const MAX_SHOWN = 100;

/** A value as a message may show it: on one line, cut where it is long, and without a password. */
export function shown(text: string, most = MAX_SHOWN): string {
  const open = text.replace(/(:\/\/).*@/s, "$1***@");
  const cut = open.length > most ? `${open.slice(0, most)}...` : open;
  return cut.replace(
    NOT_SHOWN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function quoted(text: string): string {
  return text === "" || /[\s"']/.test(text) ? `"${shown(text)}"` : shown(text);
}

function fromFlags(flag: string, texts: readonly string[]): Given {
  const name = `--${flag}`;
  return { origin: { source: "flag", name }, texts, name: (text) => `${name} ${quoted(text)}` };
}

function fromVariable(variable: string, option: Option, text: string): Given {
  if (text === "") {
    throw new ConfigError("environment", `${variable} is empty`, "give it a value or unset it");
  }
  return {
    origin: { source: "environment", name: variable },
    texts: option.repeatable ? text.split(",").map((part) => part.trim()) : [text],
    name: (text) => `${variable}=${quoted(text)}`,
  };
}

function jsonText({ type }: Value<unknown>, value: unknown): string | undefined {
  if (typeof value === "string") return type === "boolean" ? undefined : value;
  const found: string = typeof value;
  return found === type ? String(value) : undefined;
}

function fromMember(name: string, key: Key, option: Option, value: unknown): Given {
  const path = shown(name);
  const texts: string[] = [];
  for (const item of option.repeatable && Array.isArray(value) ? value : [value]) {
    const text = jsonText(option.value, item);
    if (text === undefined) {
      const { type, expects } = option.value;
      const quotes = type === "string" ? ", in double quotes" : "";
      const list = option.repeatable ? ", or a list of such" : "";
      const wrong = `cannot use ${key} ${shown(JSON.stringify(item))} in ${path}`;
      throw new ConfigError("file", wrong, expects + quotes + list);
    }
    texts.push(text);
  }
  return {
    origin: { source: "file", name },
    texts,
    name: (text) => `${key} "${shown(text)}" in ${path}`,
  };
}

/** The members of the file by key, all of them known and none twice. */
function knownMembers(file: ConfigFile): Map<Key, unknown> {
  const path = shown(file.path);
  const members = new Map<Key, unknown>();
  const keys = KEYS.filter((key) => key !== "config");
  for (const [name, value] of file.members) {
    const key = keys.find((key) => key === name);
    if (key === undefined) {
      const wrong = `unknown key ${quoted(name)} in ${path}`;
      throw new ConfigError("file", wrong, didYouMean("", name, keys));
    }
    if (members.has(key)) {
      throw new ConfigError("file", `${key} is there twice in ${path}`, "keep one");
    }
    members.set(key, value);
  }
  return members;
}

/** What every variable of ours begins with. */
const PREFIX = "SMTPD_";

/** Refuses a variable that begins with `SMTPD_` and is none of ours. */
function checkVariables(environment: ReadonlyMap<string, string>): void {
  const variables = KEYS.filter((key) => !OPTIONS[key].fileOnly).map(variableName);
  const words = variables.map((name) => name.slice(PREFIX.length));
  for (const name of environment.keys()) {
    if (!name.startsWith(PREFIX) || variables.includes(name)) continue;
    // A route says which of these it wants.
    if (name.startsWith(SECRET_PREFIX)) continue;
    const key = KEYS.find((key) => variableName(key) === name);
    throw new ConfigError(
      "environment",
      `unknown variable ${shown(name)}`,
      key === undefined
        ? didYouMean(PREFIX, name.slice(PREFIX.length), words)
        : `set ${key} in the config file`,
    );
  }
}

/** Makes the value of a setting of its texts: those that were given, or else the default ones. */
function settle<T>(option: Option<T>, texts: readonly string[], given: Given | undefined): T {
  if (given === undefined) {
    return option.read(texts, (value, text) => {
      const result = value.parse(text);
      if (result === undefined) throw new TypeError(`Cannot use the default ${text}`);
      return result;
    });
  }
  return option.read(texts, (value, text) => {
    let mend = value.expects;
    try {
      const result = value.parse(text);
      if (result !== undefined) return result;
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      mend = error.message;
    }
    throw new ConfigError(given.origin.source, `cannot use ${given.name(text)}`, mend);
  });
}

/**
 * Makes the settings of everything that was given, and says where each comes from.
 *
 * @throws {ConfigError} for the first setting that is unknown, given twice or badly written
 */
export function settleConfig(sources: Sources, system: System): Settled {
  checkVariables(sources.environment);
  const members = sources.file === undefined ? undefined : knownMembers(sources.file);
  const config: { -readonly [K in Key]?: Config[K] } = {};
  const settings = new Map<Key, Setting>();

  function givenFor(key: Key): Given | undefined {
    const flags = sources.flags.get(key);
    if (flags !== undefined) return fromFlags(flagName(key), flags);
    const variable = variableName(key);
    const text = OPTIONS[key].fileOnly ? undefined : sources.environment.get(variable);
    if (text !== undefined) return fromVariable(variable, OPTIONS[key], text);
    if (!members?.has(key)) return undefined;
    return fromMember(sources.file!.path, key, OPTIONS[key], members.get(key));
  }

  function put<K extends Key>(key: K): void {
    const given = givenFor(key);
    const texts = given?.texts ?? OPTIONS[key].fallback(system, config);
    config[key] = settle(OPTIONS[key], texts, given);
    settings.set(key, { origin: given?.origin ?? { source: "default" }, texts });
  }

  KEYS.forEach(put);
  return { config: config as Config, settings };
}

/**
 * Makes the settings of everything that was given.
 *
 * @throws {ConfigError} for the first setting that is unknown, given twice or badly written
 */
export function resolveConfig(sources: Sources, system: System): Config {
  return settleConfig(sources, system).config;
}
