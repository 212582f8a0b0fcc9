/** How a setting is described, and the kinds of settings there are. @module */
import type { Value } from "./values.ts";
import type { Config } from "../config.ts";

/** What defaults are taken from where nothing is set. */
export interface System {
  /** The name of this host, or `localhost` where it has none that could be used. */
  hostname(): string;
  /** Where state is kept. */
  stateDirectory(): string;
  /** Whether standard error is a terminal. */
  isTerminal(): boolean;
}

/** One setting. */
export interface Option<T = unknown> {
  /** What it is for, in one line of the help. */
  readonly meaning: string;
  /** What stands for the value in the help; none for a setting that is on or off. */
  readonly placeholder?: string;
  /** The flag of one letter. */
  readonly short?: string;
  /** Whether it can be given more than once. */
  readonly repeatable: boolean;
  /** Whether only the config file can set it. */
  readonly fileOnly: boolean;
  /** How one value is written. */
  readonly value: Value<unknown>;
  /** The default as the help shows it. */
  readonly shownDefault: string;
  /** The values to take where none is given. */
  fallback(system: System, settled: Partial<Config>): readonly string[];
  /** Makes the setting of its values; `parse` reads one of them. */
  read(texts: readonly string[], parse: <V>(value: Value<V>, text: string) => V): T;
}

/** How a setting is described. */
export interface Description {
  readonly meaning: string;
  readonly placeholder?: string;
  readonly short?: string;
  readonly fileOnly?: boolean;
  readonly shownDefault?: string;
  readonly byDefault: string | readonly string[] | Option["fallback"];
}

/** Describes a setting of any kind. */
export function describe<T>(
  value: Value<unknown>,
  repeatable: boolean,
  { byDefault, ...rest }: Description,
  read: Option<T>["read"],
): Option<T> {
  const texts = typeof byDefault === "string" ? [byDefault] : byDefault;
  return {
    fileOnly: false,
    shownDefault: typeof texts === "function" ? "" : texts.join(", ") || "none",
    ...rest,
    value,
    repeatable,
    fallback: typeof texts === "function" ? texts : () => texts,
    read,
  };
}

/** One value. */
export function one<T>(value: Value<T>, description: Description): Option<T> {
  return describe(value, false, description, ([text], parse) => parse(value, text));
}

/** One value, or none. */
export function perhaps<T>(value: Value<T>, description: Description): Option<T | undefined> {
  return describe(
    value,
    false,
    description,
    ([text], parse) => text === undefined ? undefined : parse(value, text),
  );
}

/** Several values. */
export function several<T>(value: Value<T>, description: Description): Option<readonly T[]> {
  return describe(
    value,
    true,
    description,
    (texts, parse) => texts.map((text) => parse(value, text)),
  );
}

/** Several values of which each text may hold some, with commas between them. */
export function list<T>(value: Value<T>, description: Description): Option<readonly T[]> {
  return describe(
    value,
    true,
    description,
    (texts, parse) =>
      texts.flatMap((text) => text.split(",").map((part) => parse(value, part.trim()))),
  );
}

/** One value, or a word for none. */
export function oneOrNone<T>(
  value: Value<T>,
  none: string,
  description: Description,
): Option<T | undefined> {
  const { suggests } = value;
  const words = suggests?.kind === "words" ? suggests.words : [];
  const either: Value<{ readonly value: T | undefined }> = {
    type: value.type,
    expects: `${value.expects}, or ${none}`,
    suggests: { kind: "words", words: [...words, none] },
    parse(text) {
      if (text === none) return { value: undefined };
      const parsed = value.parse(text);
      return parsed === undefined ? undefined : { value: parsed };
    },
  };
  return describe(either, false, description, ([text], parse) => parse(either, text).value);
}

/** Settings by their keys. */
export type Options<T> = { readonly [K in keyof T]: Option<T[K]> };
