/**
 * The search language of Mailpit, as far as the index can answer it. Words are separated by space, `"` holds
 * some together, `-` or `!` in front excludes; all of them must fit:
 *
 * ```abnf
 * query = term *( SP term )
 * term  = [ "-" / "!" ] ( [ name ":" ] word )
 * name  = "to" / "from" / "subject" / "is" / "has" / "before" / "after" / "larger" / "smaller"
 * ```
 *
 * Where Mailpit passes over what it cannot use, it is refused here: a search that finds more than was asked
 * for would let a test pass, or delete too much.
 *
 * @module
 */
import { quoted } from "../inbox/quoted.ts";
import type { Search, Summary } from "../inbox/message_index.ts";
import { folded } from "../inbox/summary.ts";
import { badRequest } from "./responses.ts";

/** What is looked for. */
export interface MailpitQuery {
  /** What the index finds at once. */
  readonly search: Search;
  /** What must be found among those as well, or must not. */
  readonly further: readonly { readonly search: Search; readonly isExcluded: boolean }[];
  /** What the addresses of each must be like. */
  readonly fits: (summary: Summary) => boolean;
}

/** What one term asks for. */
type Condition =
  | { readonly kind: "search"; readonly search: Search; readonly isExcluded: boolean }
  | {
    readonly kind: "address";
    readonly side: "from" | "to";
    readonly part: string;
    readonly isExcluded: boolean;
  };

/** Terms of a query. Each may be a search of its own. */
const MOST_TERMS = 20;

/** What is looked for by a word alone. */
const WORDS: ReadonlyMap<string, Search> = new Map([
  ["is:read", { seen: true }],
  ["is:unread", { seen: false }],
  ["has:attachment", { hasAttachment: true }],
  ["has:attachments", { hasAttachment: true }],
]);

/** What the index does not know. */
const UNKNOWN = /^(?:(?:cc|bcc|reply-to|addressed|message-id|tag):|(?:is:tagged|has:inlines?)$)/;

const TIME =
  /^(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)?)?$/;

/** How far a zone is ahead of UTC at a time, in milliseconds. */
function offsetOf(zone: string, time: number): number {
  const fields = ["year", "month", "day", "hour", "minute", "second"] as const;
  const style = Object.fromEntries(fields.map((field) => [field, "numeric"]));
  const format = new Intl.DateTimeFormat("en-US", { ...style, timeZone: zone, hourCycle: "h23" });
  const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, Number(value)]));
  const [year, month, ...rest] = fields.map((field) => parts.get(field)!);
  return Date.UTC(year, month - 1, ...rest) - Math.floor(time / 1000) * 1000;
}

/** Reads a time in a zone, in milliseconds since the epoch; a day is when it begins. */
function readTime(text: string, zone: string): number {
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", own] =
    TIME.exec(text) ?? [];
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const date = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}`;
  const local = Date.parse(`${date}Z`);
  // The 30th of February would be one in March.
  if (!Number.isNaN(local) && new Date(local).toISOString().startsWith(date)) {
    try {
      if (own !== undefined) return Date.parse(`${date}${own}`);
      // Where clocks are changed that day, the offset is that of the time itself.
      return local - offsetOf(zone, local - offsetOf(zone, local));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw badRequest(
    `Cannot use the time ${quoted(text)} in the zone ${quoted(zone)}: ` +
      "give one such as 2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00Z, and a zone such as Europe/Paris",
  );
}

/** Reads a size as Mailpit does, for which a kilobyte has 1,024. */
function readSize(text: string): number {
  const [, number, unit = ""] = /^(\d{1,12}(?:\.\d{1,9})?) ?(?:([km])b?)?$/i.exec(text) ?? [];
  if (number === undefined) {
    throw badRequest(`Cannot use the size ${quoted(text)}: give one such as 500, 20k or 1.5MB`);
  }
  const factor = { "": 1, k: 1024, m: 1024 * 1024 }[unit.toLowerCase()]!;
  return Math.trunc(Number(number) * factor);
}

/** What stands behind a name and a colon. */
const READERS: ReadonlyMap<string, (text: string, zone: string) => Search> = new Map<
  string,
  (text: string, zone: string) => Search
>([
  ["subject", (subject) => ({ subject })],
  ["after", (text, zone) => ({ since: readTime(text, zone) })],
  // The millisecond itself belongs to it there.
  ["before", (text, zone) => ({ before: readTime(text, zone) + 1 })],
  ["larger", (text) => ({ minSize: readSize(text) + 1 })],
  ["smaller", (text) => ({ maxSize: readSize(text) - 1 })],
]);

/** Takes a query apart at its space, but not inside of quotation marks, which are taken off. */
function termsOf(text: string): string[] {
  const terms = text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  // What has neither a letter nor a digit is a dash between words, or a mark that stands alone.
  return terms.map((term) => term.replaceAll('"', "")).filter((term) => /[\p{L}\p{N}]/u.test(term));
}

function addressCondition(side: "from" | "to", text: string, isExcluded: boolean): Condition {
  if (/\s/.test(text)) {
    throw badRequest(
      `Cannot look for ${
        quoted(text)
      } by ${side}: it looks at addresses of the envelope, without names`,
    );
  }
  return { kind: "address", side, part: folded(text), isExcluded };
}

/** Reads a term; nothing where nothing stands behind its colon. */
function conditionOf(term: string, zone: string): Condition | undefined {
  const isExcluded = /^[-!]./.test(term);
  const word = isExcluded ? term.slice(1) : term;
  const lower = word.toLowerCase();
  if (UNKNOWN.test(lower)) {
    throw badRequest(
      `Cannot look for ${
        quoted(word)
      }: there are to:, from:, subject:, before:, after:, larger:, smaller:, ` +
        "is:read, is:unread, has:attachment and words",
    );
  }
  const colon = lower.indexOf(":");
  const name = lower.slice(0, Math.max(colon, 0));
  const value = word.slice(colon + 1).trim();
  if (name === "to" || name === "from") {
    return value === "" ? undefined : addressCondition(name, value, isExcluded);
  }
  const read = READERS.get(name);
  if (read !== undefined && value === "") return undefined;
  const search = WORDS.get(lower) ?? read?.(value, zone) ?? { text: word };
  return { kind: "search", search, isExcluded };
}

/**
 * Reads a query.
 *
 * @param zone the time zone of times that name none
 * @throws {WebError} 400 for what cannot be looked for, and for what leaves nothing to look for
 */
export function parseMailpitQuery(text: string, zone = "UTC"): MailpitQuery {
  const terms = termsOf(text);
  if (terms.length > MOST_TERMS) {
    throw badRequest(`Cannot look for ${terms.length} words at once: ${MOST_TERMS} are the most`);
  }
  const conditions = terms.map((term) => conditionOf(term, zone))
    .filter((condition) => condition !== undefined);
  if (conditions.length === 0) throw badRequest("Cannot search: there is nothing to look for");
  let search: Search = {};
  const further: { search: Search; isExcluded: boolean }[] = [];
  for (const condition of conditions) {
    if (condition.kind === "address") continue;
    const isTaken = Object.keys(condition.search).some((key) => key in search);
    if (condition.isExcluded || isTaken) further.push(condition);
    else search = { ...search, ...condition.search };
  }
  const addresses = conditions.filter((condition) => condition.kind === "address");
  const wanted = addresses.find(({ isExcluded }) => !isExcluded);
  return {
    // Who has it in an address has it somewhere, which the index finds without looking at all messages.
    search: search.text === undefined && wanted !== undefined
      ? { ...search, text: wanted.part }
      : search,
    further,
    fits: ({ from, to }) =>
      addresses.every(({ side, part, isExcluded }) =>
        (side === "from" ? [from] : to).some((one) => folded(one).includes(part)) !== isExcluded
      ),
  };
}
