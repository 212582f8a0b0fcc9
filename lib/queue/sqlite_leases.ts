/** Leases and what is recorded at their end, in the database. @module */
import type { Blobs } from "./blobs.ts";
import type { Cursor } from "./cursor.ts";
import { finishMessage, insertMessage, setAside } from "./sqlite_messages.ts";
import {
  type AttemptRow,
  Damage,
  MESSAGE_COLUMNS,
  type NewMessageRow,
  type OutcomeRow,
  readMessage,
  readRecipient,
  RECIPIENT_COLUMNS,
} from "./sqlite_rows.ts";
import { type Condition, findKeys, recipientCondition } from "./sqlite_select.ts";
import type { SqlSession, Touched, Transaction } from "./sqlite_session.ts";
import type { Filter, Lease, LeaseOptions, RecipientState } from "./store.ts";

/** What tells a lease: everything that crosses to the worker of one. */
export interface LeaseKey {
  /** The row of the message. */
  readonly seq: number;
  readonly token: number;
  /** How many recipients it has. */
  readonly count: number;
}

/** What a step of {@linkcode Store.claim} leases, from where on. */
export interface ClaimStep extends Omit<LeaseOptions, "domain" | "along"> {
  readonly filter: Filter;
  readonly after: Cursor;
}

/** What was leased, and where the next step begins; nothing at the end. */
export interface ClaimResult {
  readonly leases: readonly Lease[];
  readonly next?: Cursor;
}

/**
 * Leases due recipients of a domain, from each sender's turn its share. A message that cannot be read is
 * set aside on the way.
 */
export function lease(
  transaction: Transaction,
  blobs: Blobs,
  { domain, along = [], limit, ...by }: LeaseOptions,
): Lease[] {
  if (by.until <= by.now) throw new RangeError("Cannot lease for no time");
  // The plus signs keep to the rows of the message: by an index all that is due would be looked at.
  const condition = along.length === 0
    ? { sql: "+domain = ? AND +ready <= ?", values: [domain, by.now] }
    : {
      sql: "+domain IN (SELECT value FROM json_each(?)) AND +ready <= ?",
      values: [JSON.stringify([domain, ...along]), by.now],
    };
  const leases: Lease[] = [];
  let turns = dueTurns(transaction, domain, by.now);
  while (turns.length > 0 && leases.length < limit) {
    // The last ones get what those before them have left over.
    const left = turns.length;
    turns = turns.filter((turn, i) => {
      const share = Math.ceil((limit - leases.length) / (left - i));
      if (share === 0) return true;
      const due = transaction.all(
        `SELECT message FROM recipient INDEXED BY recipient_ready
         WHERE domain = ? AND turn = ? AND ready <= ? ORDER BY ready LIMIT ?`,
        domain,
        turn,
        by.now,
        share,
      );
      // Several of them may be of one message, or damaged: then it is asked again.
      for (const seq of new Set(due.map(({ message }) => message as number))) {
        const leased = take(transaction, blobs, seq, condition, by);
        if (leased !== undefined) leases.push(leased);
      }
      return due.length === share;
    });
  }
  return leases;
}

/** The turns in which something is due for a domain, another one in front each time. */
function dueTurns(transaction: Transaction, domain: string, now: number): number[] {
  const turns = transaction.all(
    `SELECT turn FROM domain WHERE name = ? AND ready <= ? ORDER BY turn`,
    domain,
    now,
  ).map(({ turn }) => turn as number);
  const first = turns.length === 0 ? 0 : transaction.nextNumber() % turns.length;
  return [...turns.slice(first), ...turns.slice(0, first)];
}

/** Leases what an operator means of the next messages, due or not, queued or held. */
export function claim(
  transaction: Transaction,
  blobs: Blobs,
  { filter, after, limit, ...by }: ClaimStep,
): ClaimResult {
  if (by.until <= by.now) throw new RangeError("Cannot lease for no time");
  const { keys, next } = findKeys(transaction, filter, after, limit, by.now);
  const condition = recipientCondition(filter, by.now);
  const leases: Lease[] = [];
  for (const { seq } of keys) {
    const leased = take(transaction, blobs, seq, condition, by);
    if (leased !== undefined) leases.push(leased);
  }
  return { leases, ...next !== undefined && { next } };
}

/** Leases the recipients of a message that fit. One that cannot be read is set aside. */
function take(
  transaction: Transaction,
  blobs: Blobs,
  seq: number,
  { sql, values }: Condition,
  { owner, until }: { owner: string; until: number },
): Lease | undefined {
  const token = transaction.nextNumber();
  const rows = transaction.all(
    `UPDATE recipient SET owner = ?, token = ?, until = ?,
       ready = CASE WHEN ready IS NULL THEN NULL ELSE ? END
     WHERE message = ? AND ${sql} RETURNING turn, ${RECIPIENT_COLUMNS}`,
    owner,
    token,
    until,
    until,
    seq,
    ...values,
  );
  for (const row of rows) transaction.touch(row as unknown as Touched);
  try {
    const message = transaction.get(`SELECT ${MESSAGE_COLUMNS} FROM message WHERE seq = ?`, seq);
    if (message === undefined) throw new Damage("its message is missing");
    const recipients = rows.map(readRecipient).sort((a, b) => a.index - b.index);
    const lease = {
      entry: { ...readMessage(message), recipients },
      owner,
      until,
      token: `${seq}.${token}`,
    };
    // Nobody would know of it until it is over.
    transaction.ifUncertain((next) => giveBack(next, leaseKey(lease)));
    return lease;
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    setAside(transaction, blobs, seq, error.message);
  }
}

/** What tells a lease from every other. */
export function leaseKey({ entry, token }: Lease): LeaseKey {
  const [seq, number] = token.split(".").map(Number);
  return { seq, token: number, count: entry.recipients.length };
}

interface LeasedRow extends Touched {
  readonly number: number;
  readonly state: RecipientState;
}

/** The recipients of a lease, unless it has lost one. */
function leasedRows(sql: SqlSession, { seq, token, count }: LeaseKey): LeasedRow[] | undefined {
  const rows = sql.all(
    `SELECT number, domain, turn, state FROM recipient WHERE message = ? AND token = ?`,
    seq,
    token,
  ) as unknown as LeasedRow[];
  return rows.length === count ? rows : undefined;
}

/** Puts the end of a lease off. */
export function renew(transaction: Transaction, key: LeaseKey, until: number): boolean {
  const rows = leasedRows(transaction, key);
  if (rows === undefined) return false;
  transaction.run(
    `UPDATE recipient SET until = ?, ready = CASE WHEN ready IS NULL THEN NULL ELSE ? END
     WHERE message = ? AND token = ?`,
    until,
    until,
    key.seq,
    key.token,
  );
  for (const row of rows) transaction.touch(row);
  return true;
}

/** Ends a lease with nothing done. */
export function giveBack(transaction: Transaction, key: LeaseKey): void {
  const rows = leasedRows(transaction, key);
  if (rows !== undefined) endLease(transaction, key, rows);
}

function endLease(
  transaction: Transaction,
  { seq, token }: { readonly seq: number; readonly token: number },
  rows: readonly Touched[],
): void {
  transaction.run(
    `UPDATE recipient SET owner = NULL, token = NULL, until = NULL,
       ready = CASE WHEN ready IS NULL THEN NULL ELSE due END
     WHERE message = ? AND token = ?`,
    seq,
    token,
  );
  for (const row of rows) transaction.touch(row);
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
      `SELECT DISTINCT domain, turn FROM recipient WHERE message = ? AND token = ?`,
      seq,
      token,
    ) as unknown as Touched[];
    endLease(transaction, { seq, token }, rows);
  }
  return { ended: leases.length, isAll: leases.length < limit };
}

/** Records an attempt, ends its lease and adds notices; false if the lease was lost. */
export function record(
  transaction: Transaction,
  key: LeaseKey,
  { ended, facts, outcomes }: AttemptRow,
  notices: readonly NewMessageRow[],
): boolean {
  const leased = leasedRows(transaction, key);
  if (leased === undefined) return false;
  const { seq } = key;
  const rest = new Map(leased.map((row) => [row.number, row]));
  let isOver = false;
  for (const outcome of outcomes) {
    const [index, state] = outcome;
    const row = leased.find(({ number }) => number === index);
    if (row === undefined) {
      throw new RangeError(`Cannot record an outcome for recipient ${index}: it is not leased`);
    }
    recordOutcome(transaction, seq, row, outcome);
    rest.delete(index);
    isOver ||= state !== "queued";
  }
  if (rest.size > 0) endLease(transaction, key, [...rest.values()]);
  transaction.run(
    `INSERT INTO attempt VALUES (?, ?, ?)`,
    seq,
    transaction.nextNumber(),
    facts,
  );
  if (isOver) finishMessage(transaction, seq, ended);
  for (const notice of notices) insertMessage(transaction, notice);
  return true;
}

/** One that was held or removed meanwhile stays so, unless the attempt has settled it. */
function recordOutcome(
  transaction: Transaction,
  seq: number,
  row: LeasedRow,
  [, asked, due, reply, delayTold]: OutcomeRow,
): void {
  const state = asked === "queued" ? row.state : asked;
  transaction.run(
    `UPDATE recipient SET state = ?, due = coalesce(?, due), attempts = attempts + 1,
       last_reply = ?, delay_told = max(delay_told, ?), owner = NULL, token = NULL, until = NULL,
       ready = CASE WHEN ? THEN coalesce(?, due) END
     WHERE message = ? AND number = ?`,
    state,
    due,
    reply,
    delayTold,
    state === "queued" ? 1 : 0,
    due,
    seq,
    row.number,
  );
  transaction.touch(row);
  if (state === row.state) return;
  transaction.count(row.state, -1);
  transaction.count(state, 1);
}
