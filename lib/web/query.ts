/** The parameters of a query: what they mean, how they are read, and what is wrong with them. @module */
import type { Search } from "../inbox/message_index.ts";
import { quoted } from "../inbox/quoted.ts";
import { parseDuration, parseSize, parseWholeNumber } from "../policy/quantity.ts";
import { badRequest, type WebError } from "./responses.ts";
import type { Schema } from "./schema.ts";
import { STATES } from "./schemas.ts";

/** A parameter that a route takes. */
export interface QueryParameter {
  readonly name: string;
  readonly description: string;
  readonly schema: Schema;
  /** Whether nothing is done without it. */
  readonly isRequired?: true;
}

/** The parameters of a request, each once. */
export type Query = ReadonlyMap<string, string>;

/** A parameter that says what is looked for. */
interface SearchParameter extends QueryParameter {
  /** What to give, for who gave something else. */
  readonly expects: string;
  /** Answers what it adds to a search, or nothing where the text is none of its values. */
  readonly read: (text: string, now: number) => Search | undefined;
}

const RFC3339 =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})$/;

/** Reads a time, or how long ago it was. */
function readTime(text: string, now: number): number | undefined {
  const age = parseDuration(text);
  if (age !== undefined) return now - age;
  const time = RFC3339.test(text) ? Date.parse(text.toUpperCase()) : NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Reads a size: `>N` and `<N` are without N, a bare number is the least. */
function readSize(text: string): Search | undefined {
  const sign = /^[<>]/.exec(text)?.[0] ?? "";
  const size = parseSize(text.slice(sign.length));
  if (size === undefined) return undefined;
  if (sign === "") return { minSize: size };
  return sign === "<" ? { maxSize: size - 1 } : { minSize: size + 1 };
}

function textParameter(name: "from" | "to" | "subject" | "text", what: string): SearchParameter {
  return {
    name,
    description: what,
    schema: { type: "string" },
    expects: "give some text",
    // A message without a sender is looked for by an empty reverse-path.
    read: (text) => text === "" && name !== "from" ? undefined : { [name]: text },
  };
}

function timeParameter(name: "since" | "before", what: string): SearchParameter {
  return {
    name,
    description: what,
    schema: { type: "string" },
    expects: "give a time such as 2026-01-31T12:00:00Z, or how long ago: 30s, 10m, 2h, 7d",
    read(text, now) {
      const time = readTime(text, now);
      return time === undefined ? undefined : { [name]: time };
    },
  };
}

const TO = textParameter("to", "A recipient of the envelope, whole; without regard to case.");
const FROM = textParameter("from", "The reverse-path, whole; empty for the null reverse-path.");
const SUBJECT = textParameter("subject", "A part of the subject, without regard to case.");
const TEXT = textParameter("text", "A part of the subject, the text or an address.");
const SINCE = timeParameter("since", "Accepted then or later: RFC 3339, or how long ago (`10m`).");

/** What messages are looked for in lists. */
const SEARCH: readonly SearchParameter[] = [
  TO,
  FROM,
  SUBJECT,
  TEXT,
  {
    name: "state",
    description: "How the message stands. Those that are removed are found by this alone.",
    schema: { type: "string", enum: STATES },
    expects: `give ${STATES.join(", ")}`,
    read(text) {
      const state = STATES.find((known) => known === text);
      return state && { state };
    },
  },
  SINCE,
  timeParameter("before", "Accepted before that time: RFC 3339, or how long ago (`10m`)."),
  {
    name: "size",
    description: "Over (`>100KiB`), under (`<1MiB`) or at least (`5000`) so many octets.",
    schema: { type: "string" },
    expects: "give a size such as >100KiB, <1MiB or 5000 (B, KB, KiB, MB, MiB, GiB)",
    read: readSize,
  },
  {
    name: "has",
    description: "What the message has.",
    schema: { type: "string", enum: ["attachment"] },
    expects: "give attachment",
    read: (text) => text === "attachment" ? { hasAttachment: true } : undefined,
  },
  {
    name: "seen",
    description: "Whether somebody has looked at it.",
    schema: { type: "string", enum: ["true", "false"] },
    expects: "give true or false",
    read: (text) => text === "true" || text === "false" ? { seen: text === "true" } : undefined,
  },
];

/** What may be asked of a message that is waited for. */
const AWAITED: readonly SearchParameter[] = [TO, FROM, SUBJECT, TEXT, SINCE];

const READERS = new Map(SEARCH.map((parameter) => [parameter.name, parameter]));

/** The parameters that choose messages. */
export const SEARCH_PARAMETERS: readonly QueryParameter[] = SEARCH;

const DEFAULT_LIMIT = 50;
const MOST_LISTED = 200;

/** The parameters of a list. */
export const LIST_PARAMETERS: readonly QueryParameter[] = [
  ...SEARCH,
  {
    name: "cursor",
    description: "Where the page begins: `next` of the page before.",
    schema: { type: "string" },
  },
  {
    name: "limit",
    description: "How many messages there are on a page.",
    schema: { type: "integer", minimum: 1, maximum: MOST_LISTED, default: DEFAULT_LIMIT },
  },
];

const DEFAULT_TIMEOUT = 10_000;
const LONGEST_TIMEOUT = 5 * 60_000;

/** The parameters of waiting. */
export const WAIT_PARAMETERS: readonly QueryParameter[] = [
  ...AWAITED,
  {
    name: "timeout",
    description: "How long to wait, from `0` to `5m`.",
    schema: { type: "string", default: "10s" },
  },
];

/** Makes the error for a value that a parameter does not have. */
export function badParameter(name: string, text: string, mend: string): WebError {
  return badRequest(`Cannot use ${quoted(text)} for ${name}: ${mend}`);
}

/**
 * Reads a query.
 *
 * @param text what stands behind the question mark
 * @throws {WebError} 400 for a parameter that is not taken, is there twice, or is missing
 */
export function parseQuery(text: string, taken: readonly QueryParameter[]): Query {
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (!taken.some((parameter) => parameter.name === name)) {
      const names = taken.map((parameter) => parameter.name).join(", ");
      const mend = names === "" ? "none is taken here" : `those taken here are ${names}`;
      throw badRequest(`Cannot use the parameter ${quoted(name)}: ${mend}`);
    }
    if (query.has(name)) throw badRequest(`Cannot use ${name} twice: give it once`);
    query.set(name, value);
  }
  const missing = taken.find(({ name, isRequired }) => isRequired && !query.has(name));
  if (missing !== undefined) {
    throw badRequest(`Cannot do this without the parameter ${missing.name}`);
  }
  return query;
}

/** What a query looks for. @throws {WebError} 400 for a bad value */
export function searchOf(query: Query, now: number): Search {
  let search: Search = {};
  for (const [name, text] of query) {
    const parameter = READERS.get(name);
    if (parameter === undefined) continue;
    const found = parameter.read(text, now);
    if (found === undefined) throw badParameter(name, text, parameter.expects);
    search = { ...search, ...found };
  }
  return search;
}

/** How many messages a list is to have. @throws {WebError} 400 for a bad value */
export function limitOf(query: Query): number {
  const text = query.get("limit");
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = parseWholeNumber(text);
  if (limit === undefined || limit < 1 || limit > MOST_LISTED) {
    throw badParameter("limit", text, `give a whole number, 1 to ${MOST_LISTED}`);
  }
  return limit;
}

/** How long to wait, in milliseconds. @throws {WebError} 400 for a bad value */
export function timeoutOf(query: Query): number {
  const text = query.get("timeout");
  if (text === undefined) return DEFAULT_TIMEOUT;
  // A length of time is one millisecond at least, but here one may look without waiting.
  const timeout = /^0(?:ms|s|m)?$/.test(text) ? 0 : parseDuration(text);
  if (timeout === undefined || timeout > LONGEST_TIMEOUT) {
    throw badParameter(
      "timeout",
      text,
      "give a length of time such as 500ms, 10s or 2m, 5m at most",
    );
  }
  return timeout;
}
