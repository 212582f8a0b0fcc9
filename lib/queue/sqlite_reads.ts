/** What is asked of the queue's database; each question is bounded in time and memory. @module */
import { crc32 } from "node:zlib";
import type { BlobReference } from "./blobs.ts";
import type { Cursor } from "./cursor.ts";
import { findKeys, type Key, recipientCondition } from "./sqlite_select.ts";
import {
  Damage,
  MESSAGE_COLUMNS,
  readAttempt,
  readMessage,
  readRecipient,
  RECIPIENT_COLUMNS,
} from "./sqlite_rows.ts";
import type { DamageReport, SqlSession } from "./sqlite_session.ts";
import type { Attempt, Entry, Filter, Stats } from "./store.ts";

/** Due domains up to which all are looked at to sort them, in well under ten milliseconds. */
const FEW_DOMAINS = 2_000;

/** Part of a page, and where the list goes on; nothing at its end. */
export interface ListStep {
  readonly entries: readonly Entry[];
  readonly next?: Cursor;
  /** Entries that cannot be read, which are not in the list. */
  readonly damaged: readonly DamageReport[];
}

/** Where the octets of a message are. */
export type StoredBody =
  | { readonly octets: Uint8Array }
  | { readonly blob: BlobReference };

/** The domains with due recipients, in order. */
export function dueDomains(
  sql: SqlSession,
  { now, after, limit }: { now: number; after?: string; limit: number },
): string[] {
  const behind = after === undefined ? "" : "AND name > ?";
  const values = after === undefined ? [] : [after];
  const { due } = sql.get(
    `SELECT count(*) AS due FROM (
       SELECT 1 FROM domain INDEXED BY domain_ready WHERE ready <= ? LIMIT ${FEW_DOMAINS})`,
    now,
  )!;
  // Where few are due, they are sorted; where many are, some come soon in the order of the names.
  const index = Number(due) < FEW_DOMAINS ? "INDEXED BY domain_ready" : "NOT INDEXED";
  const rows = sql.all(
    `SELECT DISTINCT name FROM domain ${index} WHERE ready <= ? ${behind} ORDER BY name LIMIT ?`,
    now,
    ...values,
    limit,
  );
  return rows.map(({ name }) => name as string);
}

/** When the next recipient is ready to be leased. */
export function nextDue(sql: SqlSession): number | undefined {
  const { ready } = sql.get(`SELECT min(ready) AS ready FROM domain`)!;
  return ready === null ? undefined : Number(ready);
}

/** Reads the next part of a list. */
export function list(sql: SqlSession, filter: Filter, after: Cursor, limit: number): ListStep {
  const { keys, next } = findKeys(sql, filter, after, limit);
  const entries: Entry[] = [];
  const damaged: DamageReport[] = [];
  for (const { seq, id } of keys) {
    try {
      const entry = readEntry(sql, { seq }, filter);
      // It may have gone since the keys were read.
      if (entry !== undefined && entry.recipients.length > 0) entries.push(entry);
    } catch (error) {
      if (!(error instanceof Damage)) throw error;
      damaged.push({ id, reason: error.message });
    }
  }
  return { entries, ...next !== undefined && { next }, damaged };
}

/** The ids that begin so. */
export function find(sql: SqlSession, prefix: string, limit: number): string[] {
  const rows = sql.all(
    `SELECT id FROM message WHERE id >= ? AND id < ? AND damaged IS NULL ORDER BY id LIMIT ?`,
    prefix,
    prefix + "\u{10ffff}",
    limit,
  );
  return rows.map(({ id }) => id as string);
}

/** One message whole. @throws {Damage} if it cannot be read */
export function show(sql: SqlSession, id: string): Entry | undefined {
  const key = sql.get(`SELECT seq FROM message WHERE id = ? AND damaged IS NULL`, id);
  return key && readEntry(sql, key as unknown as Key, {});
}

/** The attempts of a message in order. @throws {Damage} if one cannot be read */
export function attempts(sql: SqlSession, id: string): Attempt[] {
  return sql.all(
    `SELECT attempt.facts FROM message CROSS JOIN attempt ON attempt.message = message.seq
     WHERE message.id = ? ORDER BY attempt.number`,
    id,
  ).map(readAttempt);
}

/** Where the octets of a message are. @throws {Damage} if they are not what was committed */
export function body(sql: SqlSession, id: string): StoredBody | undefined {
  const row = sql.get(
    `SELECT size, crc, blob, octets FROM message LEFT JOIN body ON body.message = message.seq
     WHERE id = ? AND damaged IS NULL`,
    id,
  );
  if (row === undefined) return undefined;
  const { size, crc, blob, octets } = row;
  if (typeof size !== "number" || typeof crc !== "number") throw new Damage("its size is none");
  if (typeof blob === "string") return { blob: { name: blob, size, crc } };
  if (!(octets instanceof Uint8Array)) throw new Damage("its octets are missing");
  if (octets.length !== size) {
    throw new Damage(`it has ${octets.length} octets instead of ${size}`);
  }
  if (crc32(octets) !== crc) throw new Damage("its octets are not what was committed");
  return { octets };
}

/** How many recipients of a domain wait; it stops to count at the limit. */
export function waiting(sql: SqlSession, domain: string, limit: number): number {
  const { count } = sql.get(
    `SELECT count(*) AS count FROM (
       SELECT 1 FROM recipient INDEXED BY recipient_listed
       WHERE domain = ? AND state IN ('queued', 'held') LIMIT ?)`,
    domain,
    limit,
  )!;
  return Number(count);
}

/** Counts, which were kept up to date all the time. */
export function stats(sql: SqlSession): Stats {
  const tally = new Map(
    sql.all(`SELECT name, value FROM tally`).map(({ name, value }) => [name, Number(value)]),
  );
  const count = (name: string) => tally.get(name) ?? 0;
  const oldest = sql.get(
    `SELECT accepted FROM message INDEXED BY message_open
     WHERE finished IS NULL AND damaged IS NULL ORDER BY accepted, id LIMIT 1`,
  );
  return {
    recipients: {
      queued: count("queued"),
      held: count("held"),
      delivered: count("delivered"),
      failed: count("failed"),
      removed: count("removed"),
    },
    messages: count("messages"),
    octets: count("octets"),
    ...oldest !== undefined && { oldest: Number(oldest.accepted) },
  };
}

/** How many messages were found damaged and set aside. */
export function setAsideCount(sql: SqlSession): number {
  return Number(sql.get(`SELECT value FROM tally WHERE name = 'damaged'`)?.value ?? 0);
}

function readEntry(
  sql: SqlSession,
  { seq }: { seq: number },
  filter: Filter,
): Entry | undefined {
  const message = sql.get(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE seq = ?`, seq);
  if (message === undefined) return undefined;
  const condition = recipientCondition(filter);
  const recipients = sql.all(
    `SELECT ${RECIPIENT_COLUMNS} FROM recipient
     WHERE message = ? AND ${condition.sql} ORDER BY number`,
    seq,
    ...condition.values,
  );
  return { ...readMessage(message), recipients: recipients.map(readRecipient) };
}
