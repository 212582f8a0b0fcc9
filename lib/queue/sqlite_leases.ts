/** Leases and what is recorded at their end, in the database. @module */
import type { Blobs } from "./blobs.ts";
import type { Cursor } from "./cursor.ts";
import { finishMessage, insertMessage, setAside } from "./sqlite_messages.ts";
import {
  Damage,
  MESSAGE_COLUMNS,
  type NewMessageRow,
  readMessage,
  readRecipient,
  RECIPIENT_COLUMNS,
} from "./sqlite_rows.ts";
import { findKeys, recipientCondition } from "./sqlite_select.ts";
import type { SqlSession, Transaction } from "./sqlite_session.ts";
import type { Attempt, Entry, Filter, Lease, Outcome, RecipientState } from "./store.ts";

/** What tells a lease: everything that crosses to the worker of one. */
export interface LeaseKey {
  readonly id: string;
  readonly token: string;
  /** How many recipients it has. */
  readonly count: number;
}

/** Whom to lease, as {@linkcode Store.lease} has it. */
export interface LeaseOptions {
  readonly domain: string;
  readonly owner: string;
  readonly now: number;
  readonly until: number;
  readonly limit: number;
}

/** What a step of {@linkcode Store.claim} leases, from where on. */
export interface ClaimStep extends Omit<LeaseOptions, "domain"> {
  readonly filter: Filter;
  readonly after: Cursor;
}

/** What was leased, and where the next step begins; nothing at the end. */
export interface ClaimResult {
  readonly leases: readonly Lease[];
  readonly next?: Cursor;
}

/** Leases due recipients of a domain. A message that cannot be read is set aside on the way. */
export function lease(transaction: Transaction, blobs: Blobs, options: LeaseOptions): Lease[] {
  const { domain, owner, now, until, limit } = options;
  if (until <= now) throw new RangeError("Cannot lease for no time");
  const leases: Lease[] = [];
  while (leases.length < limit) {
    const first = transaction.get(
      `SELECT message FROM recipient INDEXED BY recipient_ready
       WHERE domain = ? AND ready <= ? ORDER BY ready LIMIT 1`,
      domain,
      now,
    );
    if (first === undefined) break;
    const seq = first.message as number;
    const token = nextToken(transaction);
    transaction.run(
      `UPDATE recipient SET owner = ?, token = ?, until = ?, ready = ?
       WHERE message = ? AND domain = ? AND ready <= ?`,
      owner,
      token,
      until,
      until,
      seq,
      domain,
      now,
    );
    transaction.touch(domain);
    const leased = readLease(transaction, blobs, seq, { owner, until, token });
    if (leased !== undefined) leases.push(leased);
  }
  return leases;
}

/** Leases what an operator means of the next messages, due or not, queued or held. */
export function claim(
  transaction: Transaction,
  blobs: Blobs,
  { filter, after, owner, now, until, limit }: ClaimStep,
): ClaimResult {
  if (until <= now) throw new RangeError("Cannot lease for no time");
  const { keys, next } = findKeys(transaction, filter, after, limit, now);
  const condition = recipientCondition(filter, now);
  const leases: Lease[] = [];
  for (const { seq } of keys) {
    const token = nextToken(transaction);
    const claimed = transaction.all(
      `UPDATE recipient SET owner = ?, token = ?, until = ?,
         ready = CASE WHEN ready IS NULL THEN NULL ELSE ? END
       WHERE message = ? AND ${condition.sql} RETURNING domain`,
      owner,
      token,
      until,
      until,
      seq,
      ...condition.values,
    );
    for (const { domain } of claimed) transaction.touch(domain as string);
    const leased = readLease(transaction, blobs, seq, { owner, until, token });
    if (leased !== undefined) leases.push(leased);
  }
  return { leases, ...next !== undefined && { next } };
}

/** Reads what was leased. A message that cannot be read is set aside. */
function readLease(
  transaction: Transaction,
  blobs: Blobs,
  seq: number,
  { owner, until, token }: { owner: string; until: number; token: number },
): Lease | undefined {
  try {
    const entry = readEntry(transaction, seq, token);
    return { entry, owner, until, token: String(token) };
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    setAside(transaction, blobs, seq, error.message);
  }
}

function nextToken(transaction: Transaction): number {
  return transaction.get(
    `INSERT INTO tally VALUES ('token', 1)
     ON CONFLICT DO UPDATE SET value = value + 1 RETURNING value`,
  )!.value as number;
}

function readEntry(sql: SqlSession, seq: number, token: number): Entry {
  const message = sql.get(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE seq = ?`, seq);
  if (message === undefined) throw new Damage("its message is missing");
  const recipients = sql.all(
    `SELECT ${RECIPIENT_COLUMNS} FROM recipient WHERE message = ? AND token = ? ORDER BY number`,
    seq,
    token,
  );
  return { ...readMessage(message), recipients: recipients.map(readRecipient) };
}

interface LeasedRow {
  readonly number: number;
  readonly domain: string;
  readonly state: RecipientState;
}

/** The message and the recipients of a lease, unless it has lost one. */
function leasedRows(
  sql: SqlSession,
  { id, token, count }: LeaseKey,
): { seq: number; rows: LeasedRow[] } | undefined {
  const seq = sql.get(`SELECT seq FROM message WHERE id = ?`, id)?.seq;
  if (typeof seq !== "number") return undefined;
  const rows = sql.all(
    `SELECT number, domain, state FROM recipient WHERE message = ? AND token = ?`,
    seq,
    Number(token),
  ) as unknown as LeasedRow[];
  return rows.length === count ? { seq, rows } : undefined;
}

/** Puts the end of a lease off. */
export function renew(transaction: Transaction, key: LeaseKey, until: number): boolean {
  const leased = leasedRows(transaction, key);
  if (leased === undefined) return false;
  transaction.run(
    `UPDATE recipient SET until = ?, ready = CASE WHEN ready IS NULL THEN NULL ELSE ? END
     WHERE message = ? AND token = ?`,
    until,
    until,
    leased.seq,
    Number(key.token),
  );
  for (const { domain } of leased.rows) transaction.touch(domain);
  return true;
}

/** Ends a lease with nothing done. */
export function giveBack(transaction: Transaction, key: LeaseKey): void {
  const leased = leasedRows(transaction, key);
  if (leased !== undefined) endLease(transaction, leased, key.token);
}

function endLease(
  transaction: Transaction,
  { seq, rows }: { seq: number; rows: LeasedRow[] },
  token: string,
): void {
  transaction.run(
    `UPDATE recipient SET owner = NULL, token = NULL, until = NULL,
       ready = CASE WHEN ready IS NULL THEN NULL ELSE due END
     WHERE message = ? AND token = ?`,
    seq,
    Number(token),
  );
  for (const { domain } of rows) transaction.touch(domain);
}

/** Ends a number of leases of an owner; answers how many, and whether there may be more. */
export function endLeases(
  transaction: Transaction,
  owner: string,
  limit: number,
): { ended: number; isAll: boolean } {
  const leases = transaction.all(
    `SELECT DISTINCT message, token FROM recipient INDEXED BY recipient_leased
     WHERE owner = ? LIMIT ?`,
    owner,
    limit,
  ) as { message: number; token: number }[];
  for (const { message: seq, token } of leases) {
    const rows = transaction.all(
      `SELECT DISTINCT domain FROM recipient WHERE message = ? AND token = ?`,
      seq,
      token,
    ) as unknown as LeasedRow[];
    endLease(transaction, { seq, rows }, String(token));
  }
  return { ended: leases.length, isAll: leases.length < limit };
}

/** Records an attempt, ends its lease and adds notices; false if the lease was lost. */
export function record(
  transaction: Transaction,
  key: LeaseKey,
  attempt: Attempt,
  notices: readonly NewMessageRow[],
): boolean {
  const leased = leasedRows(transaction, key);
  if (leased === undefined) return false;
  const { seq, rows } = leased;
  for (const outcome of attempt.outcomes) {
    const row = rows.find(({ number }) => number === outcome.index);
    if (row === undefined) {
      throw new RangeError(
        `Cannot record an outcome for recipient ${outcome.index}: it is not leased`,
      );
    }
    recordOutcome(transaction, seq, row, outcome);
  }
  endLease(transaction, leased, key.token);
  transaction.run(
    `INSERT INTO attempt SELECT ?, coalesce(max(number), 0) + 1, ? FROM attempt WHERE message = ?`,
    seq,
    JSON.stringify(attempt),
    seq,
  );
  finishMessage(transaction, seq, attempt.ended);
  for (const notice of notices) insertMessage(transaction, notice);
  return true;
}

/** One that was held or removed meanwhile stays so, unless the attempt has settled it. */
function recordOutcome(
  transaction: Transaction,
  seq: number,
  row: LeasedRow,
  { state: asked, due, reply, delayTold }: Outcome,
): void {
  const state = asked === "queued" ? row.state : asked;
  transaction.run(
    `UPDATE recipient SET state = ?, due = coalesce(?, due), attempts = attempts + 1,
       last_reply = ?, delay_told = max(delay_told, ?), ready = CASE WHEN ? THEN ready END
     WHERE message = ? AND number = ?`,
    state,
    asked === "queued" ? due ?? null : null,
    JSON.stringify(reply),
    delayTold === true ? 1 : 0,
    state === "queued" ? 1 : 0,
    seq,
    row.number,
  );
  if (state === row.state) return;
  transaction.count(row.state, -1);
  transaction.count(state, 1);
}
