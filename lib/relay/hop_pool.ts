/** The next hops that mail goes to now: how many deliveries each gets, and the sessions kept for it. @module */
import type { Clock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { type Reply, replyText } from "../smtp/reply.ts";
import type { Link } from "./connector.ts";
import { Hop, type HopLimits } from "./hop.ts";
import { type Rate, TokenBucket } from "../policy/rate.ts";
import type { Conduct, Sessions, Whereabouts } from "./sessions.ts";

/** What a pool keeps to. Times are in milliseconds. */
export interface HopPoolOptions {
  /** Deliveries at once to all next hops; 200 if left out. Not more idle sessions are kept either. */
  readonly total?: number;
  /** Deliveries at once to one next hop; 20 if left out. */
  readonly perHop?: number;
  /** What a next hop by its key is allowed, where that is another number. */
  readonly perHopOf?: (key: string) => number | undefined;
  /** How many deliveries some next hops by their keys are given in a time. */
  readonly rates?: ReadonlyMap<string, Rate>;
  /** With how many deliveries a next hop begins; 2 if left out. */
  readonly initial?: number;
  /** How long a next hop is left alone when it was found down so many times in a row. */
  readonly pause: (times: number) => number;
  /** Messages in one session; 100 if left out. */
  readonly messagesPerSession?: number;
  /** How long a session is kept without a transaction; 5 s if left out. */
  readonly idle?: number;
  /** How old a session may be, so that a change in the MX records is heeded; 5 min if left out. */
  readonly age?: number;
  /** How many next hops are remembered; 10,000 if left out. */
  readonly remembered?: number;
  readonly clock: Clock;
  readonly log?: Log;
}

/** A session and what is known of it. */
interface Kept {
  readonly link: Link;
  readonly since: number;
  readonly uses: number;
  timer?: Disposable;
}

/** A next hop with its idle sessions, the one that was used last at the end. */
interface Place {
  readonly key: string;
  readonly hop: Hop;
  readonly idle: Kept[];
}

/** The pool. Next hops are named by their keys (`nextHopKey`). */
export class HopPool {
  readonly #options: HopPoolOptions;
  readonly #total: number;
  readonly #clock: Clock;
  readonly #log: Log;
  /** The one that was used last is at the end. */
  readonly #places = new Map<string, Place>();
  /** Every idle session, the oldest first. */
  readonly #idle = new Map<Kept, Place>();
  readonly #quitting = new Set<Promise<void>>();
  readonly #buckets: ReadonlyMap<string, TokenBucket>;
  #active = 0;
  #isClosed = false;
  #tellRoom = () => {};
  /** When the next one of those that wait for their rate may go on, and the timer for it. */
  #roomAt = Infinity;
  #roomTimer: Disposable | undefined;

  /** Makes an empty pool. */
  constructor(options: HopPoolOptions) {
    this.#options = options;
    this.#total = options.total ?? 200;
    this.#clock = options.clock;
    this.#log = options.log ?? noLog;
    const now = options.clock.now();
    const rates = [...options.rates ?? []];
    this.#buckets = new Map(rates.map(([key, rate]) => [key, new TokenBucket(rate, now)]));
  }

  /** Says whom to tell when a next hop may have more that had used up its rate. */
  onRoom(tell: () => void): void {
    this.#tellRoom = tell;
  }

  /** How many deliveries are under way. */
  get active(): number {
    return this.#active;
  }

  /** How many sessions are kept. */
  get idle(): number {
    return this.#idle.size;
  }

  /** How many next hops are remembered. */
  get size(): number {
    return this.#places.size;
  }

  /** Until when a next hop is left alone and why, if it is. */
  suspension(key: string): { readonly until: number; readonly why: Reply | undefined } | undefined {
    return this.#places.get(key)?.hop.suspension(this.#clock.now());
  }

  /** Whether a next hop was down when it was last tried. */
  isDown(key: string): boolean {
    return this.#places.get(key)?.hop.isDown ?? false;
  }

  /**
   * How many deliveries a next hop may have under way now. Where few are left for all of them, none may
   * have more than are left: so one that is slow does not take what the others need.
   */
  limit(key: string): number {
    const limits = this.#limitsOf(key);
    const limit = this.#places.get(key)?.hop.limit ?? Math.min(limits.initial, limits.most);
    return Math.min(limit, Math.max(1, this.#total - this.#active));
  }

  /** Whether a next hop has used up its rate for now. */
  isAtRate(key: string): boolean {
    return (this.#buckets.get(key)?.wait(this.#clock.now()) ?? 0) > 0;
  }

  /** Begins a delivery, if there is room for it. `isUrgent` makes some. */
  enter(key: string, isUrgent = false): Visit | undefined {
    const bucket = this.#buckets.get(key);
    const wait = bucket?.wait(this.#clock.now()) ?? 0;
    if (wait > 0 && !isUrgent) {
      this.#tellLater(wait);
      return undefined;
    }
    const place = this.#places.get(key) ??
      { key, hop: new Hop(this.#limitsOf(key)), idle: [] };
    const isFull = this.#active >= this.#total || place.hop.active >= this.limit(key);
    if (isFull && !isUrgent) return undefined;
    bucket?.take(this.#clock.now());
    this.#places.delete(key);
    this.#places.set(key, place);
    this.#active++;
    const epoch = place.hop.begin();
    return new Visit({
      take: (fits) => this.#take(place, fits),
      give: (kept) => this.#give(place, kept),
      leave: (conduct, why) => this.#leave(place, epoch, conduct, why),
      now: () => this.#clock.now(),
    });
  }

  /** Tells of room once a rate allows for it. */
  #tellLater(wait: number): void {
    const at = this.#clock.now() + wait;
    if (at >= this.#roomAt || this.#isClosed) return;
    this.#roomTimer?.[Symbol.dispose]();
    this.#roomAt = at;
    this.#roomTimer = this.#clock.after(wait, () => {
      this.#roomAt = Infinity;
      this.#tellRoom();
    });
  }

  /** Has every next hop that is down probed now. */
  forgive(): void {
    for (const { hop } of this.#places.values()) hop.forgive();
  }

  /** Ends the sessions that are kept, and keeps none from now on; settles when they are closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#roomTimer?.[Symbol.dispose]();
    for (const kept of [...this.#idle.keys()]) this.#discard(kept);
    while (this.#quitting.size > 0) await Promise.all(this.#quitting);
  }

  #limitsOf(key: string): HopLimits {
    const { perHopOf, perHop = 20, initial = 2, pause } = this.#options;
    return { most: perHopOf?.(key) ?? perHop, initial, pause };
  }

  #take(place: Place, fits: (link: Link) => boolean): Kept | undefined {
    const { age = 300_000 } = this.#options;
    for (const kept of place.idle.toReversed()) {
      if (!kept.link.client.isReady || this.#clock.now() - kept.since >= age) {
        this.#discard(kept);
      } else if (fits(kept.link)) {
        this.#remove(kept);
        return kept;
      }
    }
    return undefined;
  }

  #give(place: Place, kept: Kept): void {
    const { messagesPerSession = 100, age = 300_000 } = this.#options;
    const { client } = kept.link;
    const isSpent = kept.uses >= messagesPerSession || this.#clock.now() - kept.since >= age;
    if (isSpent || this.#isClosed || client.ending !== undefined) return this.#quit(kept.link);
    if (client.isReady) return this.#keep(place, kept);
    client.reset().then((isReady) => {
      if (isReady && !this.#isClosed) this.#keep(place, kept);
      else this.#quit(kept.link);
    });
  }

  #keep(place: Place, kept: Kept): void {
    const known = this.#places.get(place.key);
    if (known === undefined) this.#places.set(place.key, place);
    else if (known !== place) return this.#quit(kept.link);
    kept.timer = this.#clock.after(this.#options.idle ?? 5_000, () => this.#discard(kept));
    place.idle.push(kept);
    this.#idle.set(kept, place);
    if (place.idle.length > place.hop.limit) this.#discard(place.idle[0]);
    const [oldest] = this.#idle.keys();
    if (this.#idle.size > this.#total) this.#discard(oldest);
  }

  #remove(kept: Kept): void {
    kept.timer?.[Symbol.dispose]();
    const place = this.#idle.get(kept);
    this.#idle.delete(kept);
    if (place === undefined) return;
    const at = place.idle.indexOf(kept);
    if (at >= 0) place.idle.splice(at, 1);
    this.#forget(place);
  }

  #discard(kept: Kept): void {
    this.#remove(kept);
    this.#quit(kept.link);
  }

  #quit(link: Link): void {
    const quitting = link.client.quit().finally(() => this.#quitting.delete(quitting));
    this.#quitting.add(quitting);
  }

  #leave(place: Place, epoch: number, conduct: Conduct, why: Reply | undefined): void {
    this.#active--;
    const now = this.#clock.now();
    const change = place.hop.end(epoch, conduct, why, now);
    if (change === "went down") {
      const until = place.hop.suspension(now)?.until ?? now;
      const seconds = Math.round((until - now) / 1000);
      this.#log("warn", "hop-suspended", {
        hop: place.key,
        seconds,
        reply: why && replyText(why),
      });
    } else if (change === "came up") {
      this.#log("info", "hop-recovered", { hop: place.key });
    }
    this.#forget(place);
  }

  /** A next hop is remembered while it is in use or down, as long as there are not too many. */
  #forget(place: Place): void {
    const isIdle = ({ hop, idle }: Place) => hop.active === 0 && idle.length === 0;
    if (isIdle(place) && !place.hop.isDown && this.#places.get(place.key) === place) {
      this.#places.delete(place.key);
    }
    const { remembered = 10_000 } = this.#options;
    for (const other of this.#places.values()) {
      if (this.#places.size <= remembered) break;
      if (isIdle(other)) this.#places.delete(other.key);
    }
  }
}

/** What a visit asks of its pool. */
interface Door {
  take(fits: (link: Link) => boolean): Kept | undefined;
  give(kept: Kept): void;
  leave(conduct: Conduct, why: Reply | undefined): void;
  now(): number;
}

/** One delivery to a next hop. */
export class Visit implements Sessions {
  readonly #door: Door;
  #kept: Kept | undefined;
  #conduct: Conduct = "answered";
  #why: Reply | undefined;
  #origin: Whereabouts | undefined;
  #hasLeft = false;

  /** Made by the pool. */
  constructor(door: Door) {
    this.#door = door;
  }

  /** The host and address that it came to, or tried last, and how it was encrypted. */
  get origin(): Whereabouts | undefined {
    return this.#origin;
  }

  /** A session that was kept and fits. */
  take(fits: (link: Link) => boolean): Link | undefined {
    this.#kept = this.#door.take(fits);
    return this.#kept?.link;
  }

  /** Gives a session back for the deliveries that come. */
  give(link: Link): void {
    const before = this.#kept?.link === link ? this.#kept : undefined;
    const since = before?.since ?? this.#door.now();
    this.#door.give({ link, since, uses: (before?.uses ?? 0) + 1 });
  }

  /** Notes how the next hop did. */
  note(conduct: Conduct, failure: Reply | undefined, origin?: Whereabouts): void {
    this.#conduct = conduct;
    this.#why = failure;
    if (origin === undefined) return;
    const { host, address, tls } = origin;
    this.#origin = { host, address, ...tls !== undefined && { tls } };
  }

  /** The delivery is over. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#door.leave(this.#conduct, this.#why);
  }
}
