/** What an operator does to recipients in the queue. @module */
import { type Log, noLog } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import type { Filter, Lease, Outcome, Store } from "../queue/store.ts";
import { reply } from "../smtp/reply.ts";
import type { Notices } from "./notices.ts";
import { logOutcomes } from "./outcome_log.ts";

/** What can be done to the recipients that a filter means. */
export const ACTIONS = ["hold", "release", "retry", "remove", "bounce"] as const;

/** One of {@linkcode ACTIONS}. */
export type Action = typeof ACTIONS[number];

/** What actions work with. */
export interface ActionOptions {
  readonly store: Store;
  /** Tells the senders of what is given up. */
  readonly notices: Notices;
  readonly clock: Clock;
  /** Takes what is given up; nobody does if left out. */
  readonly log?: Log;
}

const OWNER = "operator";
/** How long a message that is being bounced is kept from deliveries. */
const LEASE = 60_000;
/** Messages that are claimed at once. */
const CLAIMED = 50;

const BOUNCED = reply(550, "5.7.1", "Given up by the operator of this queue");

/** Does it to all recipients that are meant; answers how many. */
export async function actOn(
  action: Action,
  filter: Filter,
  options: ActionOptions,
): Promise<number> {
  const { store, clock } = options;
  const now = clock.now();
  switch (action) {
    case "hold":
      return await store.hold(filter);
    case "release":
      return await store.release(filter, now);
    case "retry":
      return await store.retry(filter, now);
    case "remove":
      return await store.remove(filter, now);
    case "bounce":
      return await bounce(filter, options);
  }
}

/** Gives recipients up that nobody attempts at the moment, and tells their senders. */
async function bounce(filter: Filter, options: ActionOptions): Promise<number> {
  const { store, clock } = options;
  let count = 0;
  for (;;) {
    const now = clock.now();
    const leases = await store.claim(filter, {
      owner: OWNER,
      now,
      until: now + LEASE,
      limit: CLAIMED,
    });
    if (leases.length === 0) return count;
    for (const [i, lease] of leases.entries()) {
      try {
        count += await bounceOne(lease, options);
      } catch (error) {
        for (const left of leases.slice(i)) await store.giveBack(left).catch(() => {});
        throw error;
      }
    }
  }
}

async function bounceOne(
  lease: Lease,
  { store, clock, notices: makeNotices, log = noLog }: ActionOptions,
): Promise<number> {
  const { entry } = lease;
  const now = clock.now();
  const outcomes = entry.recipients.map(({ index }): Outcome => ({
    index,
    state: "failed",
    reply: BOUNCED,
  }));
  const notices = await makeNotices(entry, outcomes, now);
  let isRecorded = false;
  try {
    const attempt = { begun: now, ended: now, outcomes };
    isRecorded = await store.record(lease, attempt, notices);
    if (isRecorded) logOutcomes(log, entry, attempt, notices);
  } finally {
    if (!isRecorded) { for (const { body } of notices) body.abort(); }
  }
  return isRecorded ? outcomes.length : 0;
}
