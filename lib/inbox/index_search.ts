/** How the index is asked for messages, a bounded step at a time. @module */
import type { SQLInputValue } from "node:sqlite";
import type { Search } from "./message_index.ts";
import { folded } from "./summary.ts";

/** Keys of one millisecond: more than anybody can send, and few enough for numbers to be exact until 2248. */
export const KEYS_EACH = 1024;

/** Messages that are looked at in one step: some ten milliseconds, where none of them fits. */
const STEP = 5_000;
/** The same where the text of each has to be read. */
const SLOW_STEP = 1_000;

/** The fewest characters that the trigram tokenizer finds. */
const TRIGRAM = 3;
/** Characters of a part whose trigrams are looked for; FTS5 takes no expression of any length. */
const MOST_COMPARED = 66;

/** What a row has, beside the message, where parts are compared. */
const PARTS =
  ", words.subject AS foldedSubject, words.addresses AS foldedAddresses, words.text AS foldedText";

/** A question with its values. */
export interface Question {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** The questions of one step. */
export interface StepQuestions {
  /** The rows that may fit, newest first; with what is searched by parts, where it has to be compared. */
  readonly rows: Question;
  /** The key of the last row that was looked at, and how many were. */
  readonly last: Question;
  /** How many are looked at unless the end comes first. */
  readonly step: number;
}

/** Reads a cursor. @throws {SyntaxError} if the text is none */
export function parseCursor(cursor: string | undefined): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  const key = /^[0-9a-z]{1,11}$/.test(cursor) ? parseInt(cursor, 36) : NaN;
  if (!Number.isSafeInteger(key)) {
    throw new SyntaxError("Cannot go on with this cursor: give the `next` of a page");
  }
  return key;
}

/** Writes the key behind which a page begins. */
export function formatCursor(key: number): string {
  return key.toString(36);
}

/** Makes the questions of a step that begins behind `before`. */
export function stepQuestions(search: Search, before: number, limit: number): StepQuestions {
  const trigrams = [search.subject, search.text].flatMap(trigramsOf);
  const isCompared = search.subject !== undefined || search.text !== undefined;
  const candidates = candidatesOf(search, trigrams, keyRange(search, before));
  // Where a part is too short for the trigrams, every message is compared.
  const step = isCompared && trigrams.length === 0 ? SLOW_STEP : STEP;
  const found =
    `WITH candidate AS MATERIALIZED (${candidates.sql} ORDER BY key DESC LIMIT ${step})`;
  const conditions = conditionsOf(search);
  return {
    rows: {
      sql: `${found}
        SELECT message.*${isCompared ? PARTS : ""}
        FROM candidate CROSS JOIN message USING (key)
        ${isCompared ? "CROSS JOIN words ON words.rowid = candidate.key" : ""}
        WHERE ${conditions.sql} ORDER BY candidate.key DESC LIMIT ?`,
      values: [...candidates.values, ...conditions.values, limit],
    },
    last: {
      sql: `${found} SELECT min(key) AS key, count(*) AS count FROM candidate`,
      values: candidates.values,
    },
    step,
  };
}

/** The messages among which those are that fit, by the index that leaves the fewest. */
function candidatesOf(search: Search, trigrams: readonly string[], range: Question): Question {
  const { ids, from, to, state, seen, hasAttachment } = search;
  if (ids !== undefined) {
    const sql =
      `SELECT key FROM message WHERE id IN (SELECT value FROM json_each(?)) AND ${range.sql}`;
    return { sql, values: [JSON.stringify(ids), ...range.values] };
  }
  if (trigrams.length > 0) {
    const keys = range.sql.replaceAll("key", "rowid");
    return {
      sql: `SELECT rowid AS key FROM words WHERE words MATCH ? AND ${keys}`,
      values: [trigrams.join(" AND "), ...range.values],
    };
  }
  if (to !== undefined || from !== undefined) {
    return {
      sql: `SELECT key FROM address WHERE side = ? AND folded = ? AND ${range.sql}`,
      values: [to === undefined ? "from" : "to", folded((to ?? from)!), ...range.values],
    };
  }
  const part = state !== undefined
    ? "state = ? AND"
    : seen === false
    ? "seen = 0 AND"
    : hasAttachment === true
    ? "attachments > 0 AND"
    : "";
  return {
    sql: `SELECT key FROM message WHERE ${part} ${range.sql}`,
    values: [...state === undefined ? [] : [state], ...range.values],
  };
}

/**
 * The trigrams of a part as FTS5 takes them literally; none where it is too short. They are folded as `words`
 * is. What SQLite makes of letters that it folds by itself, it makes of both.
 */
function trigramsOf(pattern: string | undefined): string[] {
  const characters = [...folded(pattern ?? "")].slice(0, MOST_COMPARED);
  return characters.slice(0, 1 - TRIGRAM).map((_, i) => {
    const trigram = characters.slice(i, i + TRIGRAM).join("");
    return `"${trigram.replaceAll('"', '""')}"`;
  });
}

/** Which keys may fit, by the time of the messages. */
function keyRange({ since, before: until }: Search, before: number): Question {
  const most = until === undefined ? before : Math.min(before, until * KEYS_EACH);
  return since === undefined
    ? { sql: "key < ?", values: [most] }
    : { sql: "key < ? AND key >= ?", values: [most, Math.max(0, since) * KEYS_EACH] };
}

function conditionsOf(search: Search): Question {
  const { from, to, state, minSize, maxSize, hasAttachment, seen } = search;
  const address = `EXISTS (SELECT 1 FROM address
    WHERE side = ? AND folded = ? AND address.key = message.key)`;
  const given: (readonly [sql: string, ...values: SQLInputValue[]] | false)[] = [
    state === undefined ? ["state <> 'removed'"] : ["state = ?", state],
    from !== undefined && [address, "from", folded(from)],
    to !== undefined && [address, "to", folded(to)],
    minSize !== undefined && ["size >= ?", minSize],
    maxSize !== undefined && ["size <= ?", maxSize],
    hasAttachment !== undefined && [hasAttachment ? "attachments > 0" : "attachments = 0"],
    seen !== undefined && ["seen = ?", seen ? 1 : 0],
  ];
  const conditions = given.filter((condition) => condition !== false);
  return {
    sql: conditions.map(([sql]) => sql).join(" AND "),
    values: conditions.flatMap(([, ...values]) => values),
  };
}
