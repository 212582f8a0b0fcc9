/** What becomes of the recipients of an attempt. @module */
import { afterTransient, delayAfter, type Schedule, varied } from "../queue/schedule.ts";
import type { Attempt, Entry, Outcome, Recipient } from "../queue/store.ts";
import { isPositive, isTransient, type Reply, reply } from "../smtp/reply.ts";
import type { RelayResult } from "./offer.ts";

/** What an attempt came to for one recipient. */
export type AttemptResult = Pick<RelayResult, "reply" | "success">;

/** Says where a recipient stands behind an attempt. The ledger has the next hop's own words. */
export function outcomeOf(
  entry: Entry,
  recipient: Recipient,
  { reply: answer, success }: AttemptResult,
  now: number,
  schedule: Schedule,
  random: () => number,
): Outcome {
  const { index } = recipient;
  const { remote } = answer;
  const told = remote === undefined
    ? { index, reply: answer }
    : { index, reply: remote.said, remote: { host: remote.host, address: remote.address } };
  if (isPositive(answer)) return { ...told, state: "delivered", ...success && { success } };
  if (!isTransient(answer)) return { ...told, state: "failed" };
  const step = afterTransient(schedule, {
    attempts: recipient.attempts + 1,
    accepted: entry.accepted,
    expires: entry.expires,
    now,
    delayNotice: delayNoticeFor(entry, recipient),
  }, random);
  return { ...told, ...step };
}

/** RFC 3461 section 4.1: DELAY says it; where NOTIFY is missing it is for us to choose. */
function delayNoticeFor(entry: Entry, recipient: Recipient): "wanted" | "told" | "unwanted" {
  const { notify, delayTold } = recipient;
  if (entry.mail.reversePath === null) return "unwanted";
  if (notify !== undefined && (notify === "never" || !notify.includes("delay"))) return "unwanted";
  return delayTold ? "told" : "wanted";
}

/**
 * The attempt where its notices cannot be kept. What the sender cannot be told of has not happened yet:
 * the recipient is tried again. What was delivered stays so.
 */
export function withoutNotices(
  attempt: Attempt,
  schedule: Schedule,
  random: () => number,
): Attempt {
  const outcomes = attempt.outcomes.map((outcome): Outcome => {
    const { delayTold: _, success: __, ...told } = outcome;
    if (told.state === "queued") return told;
    if (told.state === "delivered") return outcome;
    const later = attempt.ended + varied(schedule, delayAfter(schedule, 1), random);
    return { ...told, state: "queued", due: later };
  });
  return { ...attempt, outcomes };
}

/** When the first of the recipients is tried again. */
export function earliestDue({ outcomes }: Attempt): number | undefined {
  const due = Math.min(...outcomes.map(({ due }) => due ?? Infinity));
  return due === Infinity ? undefined : due;
}

/** The reply for a recipient that was not tried because its next hop is down. */
export function suspended(key: string, why: Reply | undefined): Reply {
  const lines = why?.lines ?? ["it could not be reached"];
  return reply(451, why?.enhanced ?? "4.4.1", `Not tried, ${key} is left alone: ${lines[0]}`);
}
