/** What an operator does to recipients, in steps that keep nobody else waiting for long. @module */
import type { SQLInputValue } from "node:sqlite";
import { finishMessage } from "./sqlite_messages.ts";
import { BEGINNING, findKeys, recipientCondition } from "./sqlite_select.ts";
import type { Touched, Transaction } from "./sqlite_session.ts";
import type { Cursor } from "./cursor.ts";
import type { Filter, RecipientState } from "./store.ts";

/** What can be done to the recipients that a filter means. */
export type Action = "hold" | "release" | "retry" | "remove";

/** One step of an action. */
export interface ActionStep {
  readonly action: Action;
  /** Whom it is for, with one of the states that {@linkcode statesOf} answers. */
  readonly filter: Filter & { readonly state: RecipientState };
  readonly now: number;
  /** The route that is chosen; only for `release`. */
  readonly route?: string;
  /** Where it begins; at the beginning if left out. */
  readonly after?: Cursor;
  /** The newest message that it is for, as the first step answered: those that come in later are not. */
  readonly newest?: number;
}

/** What a step did, and where the next one begins; nothing at the end. */
export interface ActionResult {
  readonly count: number;
  readonly after?: Cursor;
  readonly newest: number;
}

/** Messages that are changed in one transaction. */
const STEP = 500;

interface Change {
  readonly from: readonly RecipientState[];
  readonly to: RecipientState;
  readonly set: string;
  readonly values: (now: number, route?: string) => SQLInputValue[];
}

const CHANGES: Readonly<Record<Action, Change>> = {
  hold: { from: ["queued"], to: "held", set: "ready = NULL", values: () => [] },
  release: {
    from: ["held"],
    to: "queued",
    set: "due = ?, ready = coalesce(until, ?), route = coalesce(?, route)",
    values: (now, route) => [now, now, route ?? null],
  },
  retry: {
    from: ["queued"],
    to: "queued",
    set: "due = ?, ready = coalesce(until, ?)",
    values: (now) => [now, now],
  },
  remove: { from: ["queued", "held"], to: "removed", set: "ready = NULL", values: () => [] },
};

/** The states in which there is something to do for recipients that a filter means. */
export function statesOf(action: Action, { state: wanted }: Filter): RecipientState[] {
  return CHANGES[action].from.filter((state) => wanted === undefined || state === wanted);
}

/** Changes the recipients that fit of the next messages. */
export function act(
  transaction: Transaction,
  { action, filter, now, route, after = BEGINNING, newest: known }: ActionStep,
): ActionResult {
  const { to, set, values } = CHANGES[action];
  const newest = known ??
    Number(transaction.get(`SELECT coalesce(max(seq), 0) AS newest FROM message`)!.newest);
  const { keys, next } = findKeys(transaction, filter, after, STEP);
  const condition = recipientCondition(filter);
  let count = 0;
  for (const { seq } of keys) {
    if (seq > newest) continue;
    const changed = transaction.all(
      `UPDATE recipient SET state = ?, ${set} WHERE message = ? AND ${condition.sql}
       RETURNING domain, turn`,
      to,
      ...values(now, route),
      seq,
      ...condition.values,
    );
    for (const row of changed) transaction.touch(row as unknown as Touched);
    count += changed.length;
    if (action === "remove") finishMessage(transaction, seq, now);
  }
  transaction.count(filter.state, -count);
  transaction.count(to, count);
  return { count, ...next !== undefined && { after: next }, newest };
}
