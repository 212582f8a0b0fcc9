/** The leases that are held, by the next hop that they are for. @module */
import type { Lease } from "../queue/store.ts";
import { formatPath } from "../smtp/mailbox.ts";
import type { Held, Work } from "./scheduler.ts";

/** Leases of one next hop. */
interface Lane {
  /** Those that were not begun with. */
  waiting: Held[];
  /** All of them, and those that were asked for. */
  held: number;
  /** Whose message was begun with last. */
  sender: string;
}

/** The lanes, of which only those are kept that have something in them. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #all = new Set<Held>();
  readonly #underWay = new Set<Promise<void>>();
  #held = 0;

  /** How many leases are held, and asked for. */
  get held(): number {
    return this.#held;
  }

  /** How many of them are in a lane. */
  heldIn(name: string): number {
    return this.#lanes.get(name)?.held ?? 0;
  }

  /** Every lease that is held. */
  all(): Held[] {
    return [...this.#all];
  }

  /** Counts leases that are asked for; with a number below zero they are not any more. */
  reserve(name: string, count: number): void {
    const lane = this.#lanes.get(name) ?? { waiting: [], held: 0, sender: "" };
    lane.held += count;
    this.#held += count;
    if (lane.held > 0) this.#lanes.set(name, lane);
    else this.#lanes.delete(name);
  }

  /** Puts a lease at the end of a lane. */
  add(name: string, held: Held): void {
    this.reserve(name, 1);
    this.#all.add(held);
    this.#lanes.get(name)?.waiting.push(held);
  }

  /** Begins with leases for as long as there is room, one of each lane at a time. */
  begin(
    begin: Work["begin"],
    whenDone: (name: string, again: number | undefined) => void,
  ): void {
    let names = [...this.#lanes.keys()];
    while (names.length > 0) {
      names = names.filter((name) => {
        const lane = this.#lanes.get(name);
        const next = lane && nextOf(lane);
        if (lane === undefined || next === undefined) return false;
        const done = begin(next);
        if (done === undefined) return false;
        lane.waiting.splice(lane.waiting.indexOf(next), 1);
        lane.sender = senderOf(next.lease);
        // The next round begins with the others.
        this.#lanes.delete(name);
        this.#lanes.set(name, lane);
        const underWay = done.then((again) => {
          this.#underWay.delete(underWay);
          this.#drop(name, next);
          whenDone(name, again);
        });
        this.#underWay.add(underWay);
        return true;
      });
    }
  }

  /** Takes out what was not begun with. */
  takeWaiting(): Held[] {
    return this.#takeWaiting(() => true);
  }

  /** Drops what was lost and not begun with. */
  dropLost(): void {
    this.#takeWaiting(({ isLost }) => isLost);
  }

  /** Settles when nothing is under way. */
  async empty(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #takeWaiting(isMeant: (held: Held) => boolean): Held[] {
    const taken: Held[] = [];
    for (const [name, lane] of [...this.#lanes]) {
      const meant = lane.waiting.filter(isMeant);
      lane.waiting = lane.waiting.filter((held) => !isMeant(held));
      for (const held of meant) this.#drop(name, held);
      taken.push(...meant);
    }
    return taken;
  }

  #drop(name: string, held: Held): void {
    this.#all.delete(held);
    this.reserve(name, -1);
  }
}

/** The first that waits and is another sender's than the last, if there is one: senders take turns. */
function nextOf({ waiting, sender }: Lane): Held | undefined {
  return waiting.find(({ lease }) => senderOf(lease) !== sender) ?? waiting[0];
}

function senderOf({ entry }: Lease): string {
  return formatPath(entry.mail.reversePath);
}
