/** The beginning and the end of a message in the database. @module */
import { crc32 } from "node:zlib";
import type { Blobs } from "./blobs.ts";
import type { AddedRow, NewMessageRow, NewRecipientRow } from "./sqlite_rows.ts";
import type { Touched, Transaction } from "./sqlite_session.ts";
import type { RecipientState } from "./store.ts";

/** Adds a message with its recipients. */
export function insertMessage(transaction: Transaction, row: NewMessageRow): void {
  const { octets, blob = null } = row;
  const { lastInsertRowid: seq } = transaction.run(
    `INSERT INTO message (id, accepted, expires, sender, facts, size, crc, blob)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    row.id,
    row.accepted,
    row.expires,
    row.sender,
    row.facts,
    row.size,
    row.crc ?? crc32(octets!),
    blob,
  );
  if (octets !== undefined) transaction.run(`INSERT INTO body VALUES (?, ?)`, seq, octets);
  insertRecipients(transaction, { seq: Number(seq), turn: row.turn, first: 0 }, row.recipients);
  transaction.count("messages", 1);
  transaction.count("octets", row.size);
}

/** Adds recipients to a message, numbered from `first` on. */
function insertRecipients(
  transaction: Transaction,
  { seq, turn, first }: { readonly seq: number; readonly turn: number; readonly first: number },
  recipients: readonly NewRecipientRow[],
): void {
  let queued = 0;
  for (const [i, recipient] of recipients.entries()) {
    const [domain, localPart, mailDomain, due, held, notify, orcpt, route, rewrittenFrom] =
      recipient;
    transaction.run(
      `INSERT INTO recipient (message, number, domain, turn, local_part, mail_domain, due, state,
         ready, notify, orcpt, route, rewritten_from)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      seq,
      first + i,
      domain,
      turn,
      localPart,
      mailDomain,
      due,
      held ? "held" : "queued",
      held ? null : due,
      notify,
      orcpt,
      route,
      rewrittenFrom,
    );
    if (held) continue;
    queued++;
    transaction.touch({ domain, turn });
  }
  transaction.count("queued", queued);
  transaction.count("held", recipients.length - queued);
}

/** Adds recipients to a message that is there, which may be finished; false if it is not there. */
export function addRecipients(
  transaction: Transaction,
  { id, recipients, expires }: AddedRow,
): boolean {
  const message = transaction.get(
    `SELECT seq, size, finished FROM message WHERE id = ? AND damaged IS NULL`,
    id,
  );
  if (message === undefined) return false;
  const seq = Number(message.seq);
  const last = transaction.get(
    `SELECT number, turn FROM recipient WHERE message = ? ORDER BY number DESC LIMIT 1`,
    seq,
  )!;
  const place = { seq, turn: Number(last.turn), first: Number(last.number) + 1 };
  insertRecipients(transaction, place, recipients);
  transaction.run(
    `UPDATE message SET finished = NULL, expires = max(expires, ?) WHERE seq = ?`,
    expires,
    seq,
  );
  if (message.finished !== null) {
    transaction.count("messages", 1);
    transaction.count("octets", Number(message.size));
  }
  return true;
}

/** Marks a message as finished if none of its recipients waits any more. */
export function finishMessage(transaction: Transaction, seq: number, time: number): void {
  const finished = transaction.get(
    `UPDATE message SET finished = ? WHERE seq = ? AND finished IS NULL AND NOT EXISTS (
       SELECT 1 FROM recipient WHERE message = seq AND state IN ('queued', 'held'))
     RETURNING size`,
    time,
    seq,
  );
  if (finished === undefined) return;
  transaction.count("messages", -1);
  transaction.count("octets", -Number(finished.size));
}

/** Deletes messages that were finished before a time; those that somebody still works on stay. */
export function sweepMessages(
  transaction: Transaction,
  blobs: Blobs,
  { before, limit }: { before: number; limit: number },
): number {
  const swept = transaction.all(
    `SELECT seq, blob FROM message INDEXED BY message_finished
     WHERE finished < ? AND damaged IS NULL AND NOT EXISTS (
       SELECT 1 FROM recipient WHERE message = seq AND until >= ?)
     ORDER BY finished LIMIT ?`,
    before,
    before,
    limit,
  );
  for (const { seq, blob } of swept as { seq: number; blob: string | null }[]) {
    countStates(transaction, seq);
    transaction.run(`DELETE FROM attempt WHERE message = ?`, seq);
    transaction.run(`DELETE FROM recipient WHERE message = ?`, seq);
    transaction.run(`DELETE FROM body WHERE message = ?`, seq);
    transaction.run(`DELETE FROM message WHERE seq = ?`, seq);
    if (blob !== null) transaction.afterCommit(() => blobs.remove(blob));
  }
  return swept.length;
}

/**
 * Sets a damaged message aside: nobody gets it any more, and nothing of it is deleted. Its rows stay
 * where they are, its blob file moves to the quarantine.
 */
export function setAside(
  transaction: Transaction,
  blobs: Blobs,
  seq: number,
  reason: string,
): void {
  const message = transaction.get(
    `UPDATE message SET damaged = ? WHERE seq = ? AND damaged IS NULL
     RETURNING id, size, finished, blob`,
    reason,
    seq,
  );
  const ready = transaction.all(
    `UPDATE recipient SET ready = NULL WHERE message = ? AND ready IS NOT NULL
     RETURNING domain, turn`,
    seq,
  );
  for (const row of ready) transaction.touch(row as unknown as Touched);
  if (message === undefined) {
    if (ready.length > 0) transaction.report({ id: `#${seq}`, reason });
    return;
  }
  transaction.count("damaged", 1);
  countStates(transaction, seq);
  if (message.finished === null) {
    transaction.count("messages", -1);
    transaction.count("octets", -Number(message.size));
  }
  const { blob } = message;
  if (typeof blob === "string") transaction.afterCommit(() => blobs.setAside(blob));
  transaction.report({ id: String(message.id), reason });
}

/** Takes the recipients of a message that goes out of the tallies. */
function countStates(transaction: Transaction, seq: number): void {
  const states = transaction.all(
    `SELECT state, count(*) AS count FROM recipient WHERE message = ? GROUP BY state`,
    seq,
  );
  for (const { state, count } of states) {
    transaction.count(state as RecipientState, -Number(count));
  }
}
