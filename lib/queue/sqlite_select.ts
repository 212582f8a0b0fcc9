/** Which rows a filter means, found a bounded step at a time. @module */
import type { SQLInputValue } from "node:sqlite";
import { type Cursor, parseCursor } from "./cursor.ts";
import { lowerAscii } from "./filter.ts";
import type { SqlSession } from "./sqlite_session.ts";
import type { Filter, RecipientState } from "./store.ts";

/** How many messages are looked at in one step, which takes a few milliseconds. */
const STEP = 2_000;

/**
 * Recipients of a domain, or in a state, up to which all of them are looked at, to sort their messages.
 * Where there are more, some come soon among all messages.
 */
const FEW_RECIPIENTS = 5_000;

/** A condition with the values for its question marks. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

/** A message that has recipients which fit. */
export interface Key extends Cursor {
  readonly seq: number;
}

/** What a step found, and where the next one begins; nothing at the end. */
export interface Step {
  readonly keys: readonly Key[];
  readonly next?: Cursor;
}

/** The beginning of every list. */
export const BEGINNING: Cursor = parseCursor(undefined);

/**
 * The recipients that a filter means, within a message; with a time only those that wait, queued or
 * held, and that nobody has leased then.
 */
export function recipientCondition({ to, domain, state }: Filter, freeAt?: number): Condition {
  return all([
    freeAt !== undefined && {
      sql: `state IN ('queued', 'held') AND (until IS NULL OR until <= ?)`,
      values: [freeAt],
    },
    to !== undefined && {
      sql: `instr(lower(local_part || '@' || mail_domain), ?) > 0`,
      values: [lowerAscii(to)],
    },
    domain !== undefined && { sql: `+domain = ?`, values: [domain] },
    state !== undefined && { sql: `state = ?`, values: [state] },
  ]);
}

function messageCondition({ from, before }: Filter): Condition {
  return all([
    { sql: `damaged IS NULL`, values: [] },
    from !== undefined && { sql: `instr(lower(sender), ?) > 0`, values: [lowerAscii(from)] },
    before !== undefined && { sql: `accepted < ?`, values: [before] },
  ]);
}

/**
 * Finds at most `limit` messages that a filter means, oldest first; with a time only those that have
 * recipients which are free then, as {@linkcode recipientCondition} has it.
 */
export function findKeys(
  sql: SqlSession,
  filter: Filter,
  after: Cursor,
  limit: number,
  freeAt?: number,
): Step {
  const { ids, state, to, domain, from } = filter;
  const isOpen = state === "queued" || state === "held" || freeAt !== undefined;
  const isAny = [to, domain, from, state, freeAt].every((value) => value === undefined);
  // A step without conditions looks at nothing in vain.
  const step = isAny ? Math.min(limit, STEP) : STEP;
  const few = ids === undefined ? fewOf(sql, filter, isOpen) : undefined;
  const source = ids !== undefined
    ? `message WHERE id IN (SELECT value FROM json_each(?)) AND`
    : few !== undefined
    ? `message NOT INDEXED WHERE seq IN (SELECT message FROM ${few.sql}) AND`
    : isOpen
    ? `message INDEXED BY message_open WHERE finished IS NULL AND damaged IS NULL AND`
    : `message INDEXED BY message_listed WHERE`;
  const candidates = `WITH candidate AS MATERIALIZED (
    SELECT seq, accepted, id FROM ${source} (accepted, id) > (?, ?)
    ORDER BY accepted, id LIMIT ?)`;
  const start = [
    ...ids === undefined ? [] : [JSON.stringify(ids)],
    ...few?.values ?? [],
    after.accepted,
    after.id,
    step,
  ];
  const message = messageCondition(filter);
  const recipient = recipientCondition(filter, freeAt);
  const keys = sql.all(
    `${candidates}
     SELECT candidate.seq, candidate.accepted, candidate.id
     FROM candidate CROSS JOIN message USING (seq)
     WHERE ${message.sql.replaceAll("accepted", "message.accepted")} AND EXISTS (
       SELECT 1 FROM recipient WHERE recipient.message = candidate.seq AND ${recipient.sql})
     ORDER BY candidate.accepted, candidate.id LIMIT ?`,
    ...start,
    ...message.values,
    ...recipient.values,
    limit,
  ) as unknown as Key[];
  if (keys.length === limit) return { keys, next: keys.at(-1) };
  const last = sql.get(
    `${candidates}
     SELECT accepted, id, (SELECT count(*) FROM candidate) AS count
     FROM candidate ORDER BY accepted DESC, id DESC LIMIT 1`,
    ...start,
  ) as unknown as (Cursor & { count: number }) | undefined;
  const isEnd = last === undefined || last.count < step ||
    (filter.before !== undefined && last.accepted >= filter.before);
  return isEnd ? { keys } : { keys, next: { accepted: last.accepted, id: last.id } };
}

/** The states that few recipients are in, unless much is held or fails. */
const RARE: ReadonlySet<RecipientState | undefined> = new Set(["held", "failed", "removed"]);

/** The recipients of the filter's domain, or in its state, if an index has them and they are few. */
function fewOf(sql: SqlSession, { domain, state }: Filter, isOpen: boolean): Condition | undefined {
  if (domain === undefined && !RARE.has(state)) return undefined;
  const states = state !== undefined
    ? "AND state = ?"
    : isOpen
    ? "AND state IN ('queued', 'held')"
    : "";
  const few: Condition = domain === undefined
    ? {
      sql: `recipient INDEXED BY recipient_rare
        WHERE state IN ('held', 'failed', 'removed') AND state = ?`,
      values: [state!],
    }
    : {
      sql: `recipient INDEXED BY recipient_listed WHERE domain = ? ${states}`,
      values: state === undefined ? [domain] : [domain, state],
    };
  const { count } = sql.get(
    `SELECT count(*) AS count FROM (SELECT 1 FROM ${few.sql} LIMIT ${FEW_RECIPIENTS})`,
    ...few.values,
  )!;
  return Number(count) < FEW_RECIPIENTS ? few : undefined;
}

function all(conditions: readonly (Condition | false)[]): Condition {
  const given = conditions.filter((condition) => condition !== false);
  return {
    sql: given.map(({ sql }) => sql).join(" AND ") || "true",
    values: given.flatMap(({ values }) => values),
  };
}
