/** When a message is tried again, when its sender is told of the delay, and when it is given up. @module */

/** How patient the queue is. Times are in milliseconds. */
export interface Schedule {
  /** The delays between attempts, at least one; the last repeats. */
  readonly delays: readonly number[];
  /** How far a delay may be off, as a part of it, so that what failed together is not tried together. */
  readonly jitter: number;
  /** How long a message may stay in the queue. */
  readonly lifetime: number;
  /** When the sender is told that a message is delayed; never where it is left out. */
  readonly delayNotice?: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/**
 * The schedule that is used unless another is given. RFC 5321 section 4.5.4.1 wants the time to give up
 * to be at least 4 to 5 days, and retries after the first ones to be at least 30 minutes apart.
 */
export const DEFAULT_SCHEDULE: Schedule = {
  delays: [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR],
  jitter: 0.1,
  lifetime: 5 * 24 * HOUR,
  delayNotice: 4 * HOUR,
};

/** Where a recipient stands when an attempt came to nothing for the time being. */
export interface Standing {
  /** How many attempts were made, this one included. */
  readonly attempts: number;
  /** When the message was accepted, and when it is given up, in milliseconds since the epoch. */
  readonly accepted: number;
  readonly expires: number;
  /** What time it is, in milliseconds since the epoch. */
  readonly now: number;
  /** What the sender is to hear of a delay. */
  readonly delayNotice: "wanted" | "told" | "unwanted";
}

/** What becomes of the recipient; see `Outcome` in the store. */
export type NextStep =
  | { readonly state: "queued"; readonly due: number; readonly delayTold?: true }
  | { readonly state: "failed" };

/**
 * The delay behind so many attempts, without jitter.
 *
 * @throws {RangeError} if the schedule has no delays
 */
export function delayAfter(schedule: Schedule, attempts: number): number {
  const { delays } = schedule;
  if (delays.length === 0) throw new RangeError("Cannot retry: the schedule has no delays");
  return delays[Math.min(Math.max(attempts, 1), delays.length) - 1];
}

/** Varies a delay as the schedule says; `random` answers numbers from 0 up to 1. */
export function varied(schedule: Schedule, delay: number, random: () => number): number {
  return Math.max(1, Math.round(delay * (1 + schedule.jitter * (2 * random() - 1))));
}

/**
 * Says what becomes of a recipient whose attempt came to nothing for the time being.
 *
 * The end of the lifetime is a time at which there is one more attempt, so nothing is given up
 * earlier, or untried. The time of the delay notice is another: the sender is told then, and not
 * hours later, and of an attempt that was made just now.
 */
export function afterTransient(
  schedule: Schedule,
  standing: Standing,
  random: () => number,
): NextStep {
  const { attempts, accepted, expires, now, delayNotice } = standing;
  if (now >= expires) return { state: "failed" };
  // The attempt at the time of the notice is beside the schedule and does not count in it.
  const beside = delayNotice === "told" ? 1 : 0;
  const noticeAt = schedule.delayNotice === undefined || delayNotice !== "wanted"
    ? Infinity
    : accepted + schedule.delayNotice;
  const isTold = now >= noticeAt;
  const counted = attempts - beside - (isTold ? 1 : 0);
  const due = now + varied(schedule, delayAfter(schedule, counted), random);
  const soonest = Math.min(due, expires, isTold ? Infinity : noticeAt);
  return { state: "queued", due: soonest, ...(isTold && { delayTold: true }) };
}
