/** What is done with one lease: deliver, decide what becomes of each recipient, record it. @module */
import type { Clock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { delayAfter, type Schedule } from "../queue/schedule.ts";
import type { Attempt, Entry, Notice, Recipient, Store } from "../queue/store.ts";
import { isUncertain } from "../queue/store_error.ts";
import { errorText } from "./client.ts";
import type { HopPool, Visit } from "./hop_pool.ts";
import type { NextHop } from "./next_hop.ts";
import type { Notices } from "./notices.ts";
import {
  type AttemptResult,
  earliestDue,
  outcomeOf,
  suspended,
  withoutNotices,
} from "./outcome.ts";
import { logOutcomes } from "./outcome_log.ts";
import type { Outlet, Outlets } from "./outlet.ts";
import { deliverTo } from "./queued_delivery.ts";
import type { RelayResult } from "./offer.ts";
import { nextHopKey } from "./route.ts";
import type { Held, Work } from "./scheduler.ts";
import type { Whereabouts } from "./sessions.ts";
import type { RemoteOptions } from "./transaction.ts";

/** What a dispatch works with. */
export interface DispatchOptions {
  readonly store: Pick<Store, "read" | "record">;
  readonly pool: HopPool;
  /** Says where a recipient's mail goes; asked again at each attempt. */
  readonly hopOf: (recipient: Pick<Recipient, "mailbox" | "route">) => NextHop;
  /** How next hops are reached over the network. */
  readonly remote: RemoteOptions;
  /** Takes mail for local domains. Without one it stays in the queue. */
  readonly local?: Outlet;
  /** Takes mail whose route ends on this host. Without them it stays in the queue. */
  readonly outlets?: Outlets;
  readonly schedule: Schedule;
  readonly notices: Notices;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log?: Log;
}

/** The recipients of a lease that share a next hop. */
interface Group {
  readonly hop: NextHop;
  readonly key: string;
  readonly recipients: Recipient[];
}

/** How many results that could not be recorded are remembered. */
const MAX_UNRECORDED = 10_000;
/** The pauses between attempts to record, in milliseconds. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/**
 * How often a result is offered to the store; when the server is about to end; and otherwise, before the
 * lease is let go, so that no entry which cannot be recorded is held for ever.
 */
const LAST_TRIES = 3;
const MOST_TRIES = 30;

/** How many leases of a next hop are put off at once while it is left alone. */
const SUSPENDED_WIDTH = 64;

/** Delivers what the scheduler leases. */
export class Dispatch implements Work {
  readonly #options: DispatchOptions;
  readonly #log: Log;
  readonly #underWay = new Set<string>();
  readonly #unrecorded = new Map<string, AttemptResult>();
  readonly #pauses = new Set<() => void>();
  #isStopping = false;
  #isCut = false;
  #tellRoom = () => {};

  /** Makes a dispatch. */
  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#log = options.log ?? noLog;
  }

  /** What leases of a domain compete by: their next hop. */
  laneOf(domain: string): string {
    // The bare Postmaster is the one mailbox without a domain (RFC 5321 section 4.5.1).
    return nextHopKey(this.#options.hopOf({ mailbox: { localPart: "postmaster", domain } }));
  }

  /** How many leases of a lane are worth holding: those under way, those recorded, and the next. */
  width(lane: string): number {
    const { pool } = this.#options;
    if (pool.suspension(lane) !== undefined) return SUSPENDED_WIDTH;
    return pool.isDown(lane) || pool.isAtRate(lane) ? 1 : 6 * pool.limit(lane);
  }

  /** Calls back whenever there is room for another delivery. */
  onRoom(tell: () => void): void {
    this.#tellRoom = tell;
    this.#options.pool.onRoom(tell);
  }

  /** Does not wait for the store for ever from now on. */
  stop(): void {
    this.#isStopping = true;
    for (const end of this.#pauses) end();
  }

  /** Ends no mail data any more: what is under way is not delivered, and tried again later. */
  cut(): void {
    this.#isCut = true;
  }

  /** Begins with a lease, unless there is no room. */
  begin(held: Held): Promise<number | undefined> | undefined {
    const { entry } = held.lease;
    const names = entry.recipients.map((recipient) => nameOf(entry, recipient));
    // A lease that was lost may come back while what was begun under it has not ended yet.
    if (names.some((name) => this.#underWay.has(name))) return undefined;
    const groups = this.#groupsOf(entry);
    let visit: Visit | undefined;
    if (groups.length > 0 && this.#options.pool.suspension(groups[0].key) === undefined) {
      visit = this.#options.pool.enter(groups[0].key);
      if (visit === undefined) return undefined;
    }
    for (const name of names) this.#underWay.add(name);
    return this.#attempt(held, groups, visit).catch((error) => {
      this.#log("error", "attempt-broken", { id: entry.id, error: errorText(error) });
      return held.lease.until;
    }).finally(() => {
      visit?.leave();
      for (const name of names) this.#underWay.delete(name);
    });
  }

  /** Groups what is still to be delivered by next hop. */
  #groupsOf(entry: Entry): Group[] {
    const groups = new Map<string, Group>();
    for (const recipient of entry.recipients) {
      if (this.#unrecorded.has(nameOf(entry, recipient))) continue;
      const hop = this.#options.hopOf(recipient);
      const key = nextHopKey(hop);
      const group = groups.get(key) ?? { hop, key, recipients: [] };
      group.recipients.push(recipient);
      groups.set(key, group);
    }
    return [...groups.values()];
  }

  /** Delivers to each group and records it; answers when there is more to do. */
  async #attempt(
    held: Held,
    groups: readonly Group[],
    first: Visit | undefined,
  ): Promise<number | undefined> {
    const { entry } = held.lease;
    const { clock, schedule, random } = this.#options;
    const begun = clock.now();
    const results = new Map<number, AttemptResult>();
    let origin: Whereabouts | undefined;
    for (const group of groups) {
      const suspension = this.#options.pool.suspension(group.key);
      // The recipients of a lease share a next hop but for what a route or a hook tells apart, so that
      // further groups are few and need not wait.
      const visit = group === groups[0]
        ? first
        : suspension === undefined
        ? this.#options.pool.enter(group.key, true)
        : undefined;
      const answers = visit === undefined
        ? group.recipients.map(() => ({ reply: suspended(group.key, suspension?.why) }))
        : await this.#deliver(held, group, visit);
      origin = visit?.origin ?? origin;
      for (const [i, { index }] of group.recipients.entries()) results.set(index, answers[i]);
    }
    const outcomes = entry.recipients.map((recipient) => {
      const result = results.get(recipient.index) ??
        this.#unrecorded.get(nameOf(entry, recipient))!;
      return outcomeOf(entry, recipient, result, clock.now(), schedule, random);
    });
    return await this.#record(held, { begun, ended: clock.now(), ...origin, outcomes });
  }

  async #deliver(
    held: Held,
    { hop, key, recipients }: Group,
    visit: Visit,
  ): Promise<readonly AttemptResult[]> {
    const { clock } = this.#options;
    const { entry } = held.lease;
    const begun = clock.now();
    const mayEnd = () => !this.#isCut && !held.isLost && clock.now() < held.lease.until;
    try {
      const results = await deliverTo(hop, entry, recipients, visit, mayEnd, this.#options);
      this.#log("debug", "attempted", {
        id: entry.id,
        hop: key,
        kind: hop.kind,
        result: commonStatus(results),
        milliseconds: clock.now() - begun,
      });
      return results;
    } finally {
      visit.leave();
      this.#tellRoom();
    }
  }

  /** Records an attempt. While the store fails it is tried again, as long as the lease is ours. */
  async #record(held: Held, attempt: Attempt): Promise<number | undefined> {
    const { entry } = held.lease;
    const { schedule, random } = this.#options;
    const plain = withoutNotices(attempt, schedule, random);
    let pause = FIRST_PAUSE;
    let mayBeDone = false;
    for (let tries = 1;; tries++) {
      // Notices need room in the store, which may be what it lacks: then they are left for later.
      const isFull = tries % 2 === 1;
      let notices: readonly Notice[] = [];
      try {
        if (isFull) notices = await this.#options.notices(entry, attempt.outcomes, attempt.ended);
        const written = isFull ? attempt : plain;
        if (await this.#options.store.record(held.lease, written, notices)) {
          for (const outcome of written.outcomes) {
            this.#unrecorded.delete(nameOf(entry, outcome));
          }
          logOutcomes(this.#log, entry, written, notices);
          // Notices are due at once.
          return notices.length > 0 ? 0 : earliestDue(written);
        }
        for (const { body } of notices) body.abort();
        this.#log("warn", "lease-lost", { id: entry.id });
        break;
      } catch (error) {
        for (const { body } of notices) body.abort();
        this.#log("error", "store-failed", { id: entry.id, tries, error: errorText(error) });
        mayBeDone ||= isUncertain(error);
      }
      if (held.isLost || tries >= (this.#isStopping ? LAST_TRIES : MOST_TRIES)) break;
      if (!isFull) {
        await this.#pause(pause);
        pause = Math.min(2 * pause, LONGEST_PAUSE);
      }
    }
    this.#remember(entry, attempt);
    // If it was recorded all the same, that is what ended the lease, and its notices are due.
    return mayBeDone ? 0 : held.lease.until;
  }

  /** Keeps in mind what was delivered under a lease that was lost, so that it is not delivered again. */
  #remember(entry: Entry, { outcomes }: Attempt): void {
    for (const { index, state, reply, success } of outcomes) {
      if (state !== "delivered") continue;
      const name = nameOf(entry, { index });
      this.#unrecorded.delete(name);
      this.#unrecorded.set(name, { reply, success });
    }
    for (const name of this.#unrecorded.keys()) {
      if (this.#unrecorded.size <= MAX_UNRECORDED) break;
      this.#unrecorded.delete(name);
    }
  }

  async #pause(time: number): Promise<void> {
    if (this.#isStopping) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#pauses.add(resolve);
    using _timer = this.#options.clock.after(time, resolve);
    await promise;
    this.#pauses.delete(resolve);
  }
}

function nameOf(entry: Entry, { index }: Pick<Recipient, "index">): string {
  return `${entry.id} ${index}`;
}

/** What became of all recipients alike, or `mixed`. */
function commonStatus(results: readonly RelayResult[]): RelayResult["status"] | "mixed" {
  const statuses = new Set(results.map(({ status }) => status));
  const [status] = statuses;
  return statuses.size === 1 ? status : "mixed";
}

/** How long a next hop is left alone, so that what is tried by the schedule is not put off by it. */
export function pauseBySchedule(schedule: Schedule): (times: number) => number {
  return (times) => Math.min(delayAfter(schedule, times), LONGEST_SUSPENSION) / 2;
}

/** Twice as long as a next hop is ever left alone, in milliseconds. */
const LONGEST_SUSPENSION = 60 * 60_000;
