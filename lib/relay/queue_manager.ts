/** The queue at work: what is due is delivered, what is finished is forgotten in time. @module */
import type { Clock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import type { Schedule } from "../queue/schedule.ts";
import type { Recipient, Store } from "../queue/store.ts";
import { errorText } from "./client.ts";
import { Dispatch, pauseBySchedule } from "./dispatch.ts";
import { HopPool, type HopPoolOptions } from "./hop_pool.ts";
import type { NextHop } from "./next_hop.ts";
import type { Notices } from "./notices.ts";
import type { Outlet, Outlets } from "./outlet.ts";
import { Scheduler } from "./scheduler.ts";
import type { RemoteOptions } from "./transaction.ts";

/** What a queue manager works with. Times are in milliseconds. */
export interface QueueManagerOptions {
  readonly store: Store;
  /** Says where a recipient's mail goes; asked again at each attempt. */
  readonly hopOf: (recipient: Pick<Recipient, "mailbox" | "route">) => NextHop;
  /** How next hops are reached over the network. */
  readonly remote: RemoteOptions;
  /** Takes mail for local domains. */
  readonly local?: Outlet;
  /** Takes mail whose route ends on this host. */
  readonly outlets?: Outlets;
  readonly notices: Notices;
  readonly schedule: Schedule;
  /** The limits on deliveries, where they are not those of the pool. */
  readonly limits?: Pick<HopPoolOptions, "total" | "perHop" | "perHopOf" | "rates">;
  /** How long a message that is finished is kept for those who ask about it. */
  readonly history: number;
  readonly clock: Clock;
  /** Answers numbers from 0 up to 1. */
  readonly random?: () => number;
  readonly log?: Log;
}

/** A queue that is being worked on. */
export interface QueueManager {
  /** Says that something may be due. */
  wake(): void;
  /** Has every next hop that is down probed now. */
  forgive(): void;
  /** Makes room where there is none: what is finished goes now. */
  makeRoom(): void;
  /**
   * Begins with no delivery any more, and settles when those under way are over, or after `timeout`:
   * what was not told its end by then is not delivered, and stays in the queue.
   */
  drain(timeout: number): Promise<void>;
}

/** Who holds the leases of a store that has one writer. */
export const OWNER = "server";

/** How often what is finished is looked for, in milliseconds, and how many messages go at once. */
const SWEEP_PAUSE = 60_000;
const SWEEP_LIMIT = 200;

/** Begins to work on a queue. */
export function startQueueManager(options: QueueManagerOptions): QueueManager {
  const { store, schedule, history, clock, log = noLog } = options;
  const pool = new HopPool({ ...options.limits, pause: pauseBySchedule(schedule), clock, log });
  const dispatch = new Dispatch({ ...options, pool, random: options.random ?? Math.random });
  const scheduler = new Scheduler({ store, work: dispatch, owner: OWNER, clock, log });
  let isOver = false;
  let sweeping: Promise<void> | undefined;
  let timer: Disposable | undefined;

  async function sweep(before: number): Promise<void> {
    try {
      while (!isOver && await store.sweep({ before, limit: SWEEP_LIMIT }) === SWEEP_LIMIT);
    } catch (error) {
      log("error", "store-failed", { step: "sweep", error: errorText(error) });
    }
  }

  function sweepOnce(before: number): void {
    if (isOver || sweeping !== undefined) return;
    sweeping = sweep(before).finally(() => sweeping = undefined);
  }

  function sweepLater(): void {
    timer = clock.after(Math.min(SWEEP_PAUSE, history), () => {
      const now = clock.now();
      sweepOnce(store.hasRoom() ? now - history : now);
      sweepLater();
    });
  }

  scheduler.start();
  sweepLater();
  return {
    wake: () => scheduler.wake(),
    forgive: () => {
      pool.forgive();
      scheduler.wake();
    },
    makeRoom: () => sweepOnce(clock.now()),
    async drain(timeout) {
      isOver = true;
      timer?.[Symbol.dispose]();
      const { promise: late, resolve } = Promise.withResolvers<void>();
      using _timer = clock.after(timeout, () => {
        dispatch.cut();
        resolve();
      });
      await Promise.race([Promise.all([scheduler.drain(), sweeping]), late]);
      await pool.close();
    },
  };
}
