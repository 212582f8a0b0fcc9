/** A queue that is emptied into fake hosts, for tests. */
import type { Clock } from "../../lib/net/clock.ts";
import type { Log } from "../../lib/net/log.ts";
import { DEFAULT_SCHEDULE, type Schedule } from "../../lib/queue/schedule.ts";
import type { NewEntry } from "../../lib/queue/store.ts";
import { Dispatch, pauseBySchedule } from "../../lib/relay/dispatch.ts";
import { HopPool, type HopPoolOptions } from "../../lib/relay/hop_pool.ts";
import type { Outlet, Outlets } from "../../lib/relay/outlet.ts";
import type { Notices } from "../../lib/relay/notices.ts";
import { nextHopOf, parseRoute } from "../../lib/relay/route.ts";
import { Scheduler, type SchedulerOptions } from "../../lib/relay/scheduler.ts";
import type { Timeouts } from "../../lib/relay/timeouts.ts";
import { turn } from "../net/fake_clock.ts";
import { dnsTable, noShuffle, type Records } from "./dns_table.ts";
import { FakeHosts, type Script } from "./fake_hosts.ts";
import { mailbox, RULES, WORLD } from "./fake_relay.ts";
import { type DeliveryStore, FakeStore } from "./fake_store.ts";

/** Time that jumps from timer to timer, however many there are. */
export class SimClock implements Clock {
  #now = Date.UTC(2030, 0, 1);
  #next = 0;
  /** A binary heap, the earliest first. */
  readonly #heap: { at: number; number: number; wake?: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delay: number, wake: () => void): Disposable {
    const timer: { at: number; number: number; wake?: () => void } = {
      at: this.#now + delay,
      number: this.#next++,
      wake,
    };
    const heap = this.#heap;
    let i = heap.push(timer) - 1;
    for (let up; i > 0 && isBefore(timer, heap[up = (i - 1) >> 1]); i = up) heap[i] = heap[up];
    heap[i] = timer;
    return { [Symbol.dispose]: () => timer.wake = undefined };
  }

  #pop(): { at: number; wake?: () => void } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let i = 0;
    while (true) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return first;
  }

  /** Lets everything happen up to a time from now. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await turn();
    while (this.#heap.length > 0 && this.#heap[0].at <= end) {
      const { at, wake } = this.#pop()!;
      if (wake === undefined) continue;
      this.#now = Math.max(this.#now, at);
      wake();
      await turn();
    }
    this.#now = end;
  }

  /** Waits for a promise, letting time pass where nothing else happens. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => isSettled = true;
    promise.then(settle, settle);
    while (true) {
      await turn();
      if (isSettled) return promise;
      const next = this.#pop();
      if (next === undefined) throw new Error("Cannot go on: the program waits for ever");
      if (next.wake === undefined) continue;
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
  }
}

function isBefore(a: { at: number; number: number }, b: { at: number; number: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.number < b.number);
}

/** What a test may choose. */
export interface QueueWorldOptions<S extends DeliveryStore = FakeStore> {
  readonly hosts?: Record<string, Script>;
  readonly records?: Record<string, Records>;
  readonly route?: string;
  readonly local?: Outlet;
  readonly outlets?: Outlets;
  readonly schedule?: Partial<Schedule>;
  readonly notices?: Notices;
  readonly pool?: Partial<HopPoolOptions>;
  readonly scheduler?: Partial<SchedulerOptions>;
  readonly timeouts?: Partial<Timeouts>;
  readonly random?: () => number;
  readonly clock?: SimClock;
  readonly store?: S;
  readonly fakeHosts?: FakeHosts;
}

/** Puts it all together; {@linkcode Scheduler.start} is left to the test. */
export function queueWorld<S extends DeliveryStore = FakeStore>(options: QueueWorldOptions<S>) {
  const clock = options.clock ?? new SimClock();
  const store = options.store ?? new FakeStore(() => clock.now()) as DeliveryStore as S;
  const hosts = options.fakeHosts ?? new FakeHosts(options.hosts ?? {});
  const events: string[] = [];
  const log: Log = (_, event) => events.push(event);
  const schedule = { ...DEFAULT_SCHEDULE, jitter: 0, ...options.schedule };
  const pool = new HopPool({ pause: pauseBySchedule(schedule), clock, log, ...options.pool });
  const route = parseRoute(options.route ?? "mx");
  const dispatch = new Dispatch({
    store,
    pool,
    hopOf: ({ mailbox }) => nextHopOf(route, RULES, mailbox),
    remote: {
      heloName: "us.test",
      resolver: { dns: dnsTable(options.records ?? WORLD), random: noShuffle },
      connect: hosts.connect,
      timeouts: options.timeouts,
      clock,
      log,
    },
    local: options.local,
    outlets: options.outlets,
    schedule,
    notices: options.notices ?? (() => Promise.resolve([])),
    clock,
    random: options.random ?? (() => 0.5),
    log,
  });
  const scheduler = new Scheduler({
    store,
    work: dispatch,
    owner: "us",
    clock,
    log,
    ...options.scheduler,
  });
  return { clock, store, hosts, events, schedule, pool, dispatch, scheduler };
}

/** Makes an entry that is due now. */
export function entry(
  id: string,
  to: readonly string[],
  now: number,
  more: Partial<NewEntry> & { readonly from?: string | null } = {},
): NewEntry {
  const { from = "joe@us.test", ...rest } = more;
  return {
    id,
    mail: { reversePath: from === null ? null : mailbox(from), smtpUtf8: false },
    accepted: now,
    expires: now + DEFAULT_SCHEDULE.lifetime,
    origin: { client: "192.0.2.77", protocol: "ESMTP" },
    recipients: to.map((text) => {
      const recipient = mailbox(text);
      return { mailbox: recipient, domain: recipient.domain.toLowerCase(), due: now, held: false };
    }),
    ...rest,
  };
}

/** Octets of a text. */
export function octets(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
