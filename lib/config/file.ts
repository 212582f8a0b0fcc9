/** Reads the JSON of a config file, and says where it is not JSON. @module */
import { ConfigError, type ConfigFile, shown } from "./sources.ts";

/** One token of JSON (RFC 8259) with the white space in front of it: text, other scalar, punctuation. */
const TOKEN =
  /[ \t\r\n]*(?:("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.])|(?:true|false|null)(?![0-9A-Za-z]))|([[\]{},:]))/y;

const SPACE = /[ \t\r\n]*/y;

/** What a walk over JSON found. */
interface Walk {
  /** Where the text stops being JSON; its length where it never does. */
  readonly end: number;
  /** The keys of the outermost object in order, doubles included. */
  readonly keys: readonly string[];
}

/**
 * Walks over JSON as far as it is JSON. `JSON.parse` tells neither the place of every error nor that
 * a key is there twice.
 */
function walk(text: string): Walk {
  const keys: string[] = [];
  const open: string[] = [];
  // What may come next: a value, a key, a colon, or a comma or bracket behind a value.
  let next: "value" | "key" | "colon" | "comma" | "end" = "value";
  let mayClose = false;
  let at = 0;
  while (true) {
    TOKEN.lastIndex = at;
    const match: RegExpExecArray | null = next === "end" ? null : TOKEN.exec(text);
    SPACE.lastIndex = at;
    const start = at + SPACE.exec(text)![0].length;
    if (match === null) return { end: start, keys };
    const [, string, scalar, mark]: (string | undefined)[] = match;
    if (mark === "}" || mark === "]") {
      const closes = (next === "comma" || mayClose) && open.pop() === (mark === "}" ? "{" : "[");
      if (!closes) return { end: start, keys };
      next = open.length === 0 ? "end" : "comma";
    } else if (next === "value" && (mark === "{" || mark === "[")) {
      open.push(mark);
      next = mark === "{" ? "key" : "value";
      mayClose = true;
      at = TOKEN.lastIndex;
      continue;
    } else if (next === "value" && (string ?? scalar) !== undefined) {
      next = open.length === 0 ? "end" : "comma";
    } else if (next === "key" && string !== undefined) {
      if (open.length === 1) keys.push(JSON.parse(string));
      next = "colon";
    } else if (next === "colon" && mark === ":") {
      next = "value";
    } else if (next === "comma" && mark === ",") {
      next = open[open.length - 1] === "{" ? "key" : "value";
    } else {
      return { end: start, keys };
    }
    mayClose = false;
    at = TOKEN.lastIndex;
  }
}

/**
 * Reads the text of a config file: one JSON object.
 *
 * @throws {ConfigError} if it is not JSON, with line and column, or is JSON of another kind
 */
export function parseConfigFile(path: string, text: string): ConfigFile {
  const content = text.replace(/^\ufeff/, "");
  const { end, keys } = walk(content);
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const lines = content.slice(0, end).split("\n");
    const place = `line ${lines.length}, column ${lines[lines.length - 1].length + 1}`;
    const mend = end < content.length ? "mend it there" : "write what is missing at the end";
    throw new ConfigError("file", `${shown(path)} is not JSON at ${place}`, mend);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const mend = 'write settings in braces, like { "port": 2525 }';
    throw new ConfigError("file", `${shown(path)} is not a JSON object`, mend);
  }
  const members = new Map(Object.entries(value));
  return { path, members: keys.map((key) => [key, members.get(key)]) };
}
