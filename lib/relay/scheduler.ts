/** Takes what is due out of the store, in fair turns, and hands it to what delivers it. @module */
import type { Clock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import type { Lease, Store } from "../queue/store.ts";
import { errorText } from "./client.ts";
import { Lanes } from "./lanes.ts";

/** A lease that is held. */
export interface Held {
  /** The lease; another object for each time that it is renewed. */
  lease: Lease;
  /** Whether somebody else may have it by now. */
  isLost: boolean;
}

/** What is done with leases. Leases of one lane compete with each other for the same next hop. */
export interface Work {
  /** The lane of a domain. */
  laneOf(domain: string): string;
  /** How many leases of a lane are worth holding at once, now. */
  width(lane: string): number;
  /**
   * Begins with a lease, unless there is no room. It settles when all is done with it, with the time at
   * which there is more to do if there is any, and never fails.
   */
  begin(held: Held): Promise<number | undefined> | undefined;
  /** Says whom to tell when there is room for another. */
  onRoom(tell: () => void): void;
  /** The scheduler ends: what waits for something else than a next hop should not do so for long. */
  stop(): void;
}

/** What a scheduler works with. Times are in milliseconds. */
export interface SchedulerOptions {
  readonly store: Pick<
    Store,
    "dueDomains" | "nextDue" | "lease" | "renew" | "giveBack" | "endLeases"
  >;
  readonly work: Work;
  /** Who holds the leases: the same after a restart, and nobody else's. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log?: Log;
  /** How many leases are held at once; 500 if left out. */
  readonly most?: number;
  /** How long a lease is; it is renewed while it is held. 5 min if left out. */
  readonly leaseTime?: number;
  /**
   * How long it sleeps at most; 10 min if left out. It is woken for all that happens in this process,
   * so this is for what others do: their leases that end, their commits.
   */
  readonly longestSleep?: number;
}

/** How many domains are looked at together, and how many leases one gets in its turn. */
const PAGE = 100;
const TURN = 50;
/** How long to wait for a store that failed, in milliseconds: twice as long each time. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;
/** How long to wait for what is due and cannot be had, or is due in less, in milliseconds. */
const SHORT_SLEEP = 1_000;

/**
 * The scheduler. Domains take turns, each for a few messages; what can be had of one is bounded by what
 * its next hop bears, so that a domain with any number of messages takes nothing from the others.
 * Nothing but the leases is in memory.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #store: SchedulerOptions["store"];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #most: number;
  readonly #leaseTime: number;
  readonly #lanes = new Lanes();
  /** The domain that had its turn last. */
  #cursor: string | undefined;
  #failures = 0;
  /** Whether something happened since the store was last asked. */
  #isWoken = false;
  /** Whether there was more that is due than could be taken. */
  #isShort = false;
  #isDraining = false;
  #endSleep = () => {};
  #sleepEnds = Infinity;
  #renewal: Disposable | undefined;
  #running: Promise<void> | undefined;

  /** Makes a scheduler; nothing happens before {@linkcode start}. */
  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log ?? noLog;
    this.#most = options.most ?? 500;
    this.#leaseTime = options.leaseTime ?? 300_000;
    options.work.onRoom(() => this.#begin());
  }

  /** How many leases are held. */
  get held(): number {
    return this.#lanes.held;
  }

  /** Begins to work. Leases from before a restart end first. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Says that something may be due: a message was committed, released, or made due. */
  wake(): void {
    this.#isWoken = true;
    this.#endSleep();
  }

  /** Takes nothing more, gives back what was not begun, and settles when the rest is done. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#options.work.stop();
    this.wake();
    await this.#running;
    await Promise.all(this.#lanes.takeWaiting().map((held) => this.#giveBack(held)));
    await this.#lanes.empty();
    this.#renewal?.[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    let hasBegun = false;
    while (!this.#isDraining) {
      try {
        if (!hasBegun) await this.#store.endLeases(this.#options.owner);
        hasBegun = true;
        this.#isWoken = false;
        const mayHaveMore = await this.#takeDue();
        this.#failures = 0;
        if (!mayHaveMore && !this.#isWoken) await this.#rest();
      } catch (error) {
        this.#failures++;
        this.#log("error", "store-failed", { tries: this.#failures, error: errorText(error) });
        const pause = Math.min(FIRST_PAUSE * 2 ** (this.#failures - 1), LONGEST_PAUSE);
        // A wake does not make a store well, so it does not end this.
        const end = this.#clock.now() + pause;
        while (!this.#isDraining && this.#clock.now() < end) {
          await this.#sleep(end - this.#clock.now());
        }
      }
    }
  }

  /**
   * Leases due recipients of the domains, from the one whose turn it is round to it again; answers
   * whether there may be more that can be had.
   */
  async #takeDue(): Promise<boolean> {
    const { work } = this.#options;
    this.#isShort = false;
    let hasTaken = false;
    let isRound = this.#cursor === undefined;
    // As many pages as there can be lanes that are full, so that one which is not full is found.
    for (let pages = Math.ceil(this.#most / PAGE) + 1; pages > 0; pages--) {
      if (this.#isDraining || this.#isFull) break;
      const now = this.#clock.now();
      const after = this.#cursor;
      const domains = await this.#store.dueDomains({ now, after, limit: PAGE });
      if (await this.#takeFrom(domains)) hasTaken = true;
      if (domains.length < PAGE) {
        this.#cursor = undefined;
        if (isRound) return hasTaken && this.#isShort;
        isRound = true;
      } else if (new Set(domains.map((domain) => work.laneOf(domain))).size === 1) {
        // Everything goes to one next hop: when it is busy, other domains are no help.
        break;
      }
    }
    this.#isShort = true;
    return hasTaken;
  }

  /** Whether there are as many leases as there may be. */
  get #isFull(): boolean {
    return this.#lanes.held >= this.#most;
  }

  /** Gives each of some domains its turn; answers whether one had something. */
  async #takeFrom(domains: readonly string[]): Promise<boolean> {
    const { work, owner } = this.#options;
    const turns: Promise<number>[] = [];
    const laneOf = new Map(domains.map((domain) => [domain, work.laneOf(domain)]));
    /** Of each lane, how many domains have not had their turn. */
    const sharers = new Map<string, number>();
    for (const lane of laneOf.values()) sharers.set(lane, (sharers.get(lane) ?? 0) + 1);
    for (const [domain, lane] of laneOf) {
      const room = this.#isFull ? 0 : work.width(lane) - this.#lanes.heldIn(lane);
      const share = Math.ceil(room / sharers.get(lane)!);
      sharers.set(lane, sharers.get(lane)! - 1);
      const limit = Math.min(share, TURN, this.#most - this.#lanes.held);
      if (limit <= 0) this.#isShort = true;
      if (this.#isFull) break;
      this.#cursor = domain;
      if (limit <= 0) continue;
      this.#lanes.reserve(lane, limit);
      const now = this.#clock.now();
      const until = now + this.#leaseTime;
      // A message for several domains of one next hop goes there once.
      const along = domains.filter((other) => other !== domain && laneOf.get(other) === lane);
      const leasing = this.#store.lease({ domain, along, owner, now, until, limit });
      turns.push(
        leasing.then((leases) => {
          for (const lease of leases) this.#lanes.add(lane, { lease, isLost: false });
          if (leases.length === limit) this.#isShort = true;
          return leases.length;
        }).finally(() => this.#lanes.reserve(lane, -limit)),
      );
    }
    const results = await Promise.allSettled(turns);
    this.#begin();
    this.#renewLater();
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return results.some((result) => result.status === "fulfilled" && result.value > 0);
  }

  /** Begins with what there is room for, a lease of each lane at a time. */
  #begin(): void {
    if (this.#isDraining) return;
    const { work } = this.#options;
    this.#lanes.begin((held) => work.begin(held), (lane, again) => {
      if (again !== undefined && again < this.#sleepEnds) return this.wake();
      // More is taken when half of it is done: a question to the store is for several messages.
      const isLow = 2 * this.#lanes.heldIn(lane) <= work.width(lane);
      if (this.#isShort && isLow) this.wake();
    });
  }

  /** Sleeps until something is due or happens. */
  async #rest(): Promise<void> {
    const { longestSleep = 600_000 } = this.#options;
    const due = this.#isFull ? undefined : await this.#store.nextDue();
    if (this.#isWoken || this.#isDraining) return;
    const time = due === undefined ? Infinity : due - this.#clock.now();
    // What is due within a moment is taken together.
    if (time > 0) return await this.#sleep(Math.min(Math.max(time, SHORT_SLEEP), longestSleep));
    // What is due now and was not taken waits for one of the leases that are held.
    await this.#sleep(this.#isShort && this.#lanes.held > 0 ? longestSleep : SHORT_SLEEP);
  }

  async #sleep(time: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endSleep = resolve;
    this.#sleepEnds = this.#clock.now() + time;
    using _timer = this.#clock.after(time, resolve);
    await promise;
    this.#endSleep = () => {};
    this.#sleepEnds = Infinity;
  }

  async #giveBack({ lease }: Held): Promise<void> {
    try {
      await this.#store.giveBack(lease);
    } catch (error) {
      // It ends by itself, or at the next start.
      this.#log("error", "store-failed", { id: lease.entry.id, error: errorText(error) });
    }
  }

  #renewLater(): void {
    if (this.#renewal !== undefined || this.#lanes.held === 0) return;
    this.#renewal = this.#clock.after(this.#leaseTime / 3, () => {
      void this.#renew().finally(() => {
        this.#renewal = undefined;
        this.#renewLater();
      });
    });
  }

  /** Puts the end of every lease off that has been held for a while. */
  async #renew(): Promise<void> {
    const now = this.#clock.now();
    const until = now + this.#leaseTime;
    const old = this.#lanes.all().filter(({ isLost, lease }) =>
      !isLost && lease.until - now < 0.9 * this.#leaseTime
    );
    await Promise.all(old.map(async (held) => {
      try {
        if (await this.#store.renew(held.lease, until)) held.lease = { ...held.lease, until };
        else held.isLost = true;
      } catch (error) {
        this.#log("error", "store-failed", { id: held.lease.entry.id, error: errorText(error) });
      }
    }));
    const end = this.#clock.now();
    for (const held of old) held.isLost ||= held.lease.until <= end;
    this.#lanes.dropLost();
  }
}
