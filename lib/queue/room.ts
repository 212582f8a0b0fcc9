/** Whether there is room for more in the SQLite store. @module */
import type { DiskWatch } from "./disk_space.ts";
import type { Fill } from "./sqlite_protocol.ts";
import type { Shortage } from "./store.ts";

/** What a message takes of the database beside its octets, about. */
const ROW_OCTETS = 2_048;

/** The bounds, and what is known of the fill. */
export interface RoomOptions {
  readonly maxMessages: number;
  /** Octets of the disk that are left free. */
  readonly minFree: number;
  /** Octets up to which a body is in the database. */
  readonly largest: number;
  readonly disk: DiskWatch;
  readonly fill: () => Fill;
}

/** Reckons with what was asked for and is not written yet, so that many at once do not share the last room. */
export class Room {
  readonly #options: RoomOptions;
  #messages = 0;
  #octets = 0;

  /** Makes the reckoning of a store. */
  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** What there is too little of for a message; nothing where there is room for it. */
  shortage(octets: number): Shortage | undefined {
    const { maxMessages, minFree, largest, disk, fill } = this.#options;
    const { messages, free } = fill();
    // What was deleted from the database is room for what goes into it, though no file gets smaller.
    const isSmall = octets <= largest;
    const room = disk.free() + (isSmall ? free : 0);
    const needed = this.#octets + (isSmall ? inDatabase(octets) : octets);
    if (room - needed < minFree) return "octets";
    return messages + this.#messages < maxMessages ? undefined : "messages";
  }

  /** Takes room for a file that grows; false if there is none. */
  take(octets: number): boolean {
    const { disk, minFree } = this.#options;
    if (disk.free() - this.#octets - octets < minFree) return false;
    disk.take(octets);
    return true;
  }

  /** Reckons with a message of so many octets in the database until it is there, or refused. */
  begin(octets: number): Disposable {
    const needed = inDatabase(octets);
    this.#messages++;
    this.#octets += needed;
    return {
      [Symbol.dispose]: () => {
        this.#messages--;
        this.#octets -= needed;
        this.#options.disk.take(needed);
      },
    };
  }
}

/** What a message takes of the disk: it is written twice, into the log first, and more goes with it. */
function inDatabase(octets: number): number {
  return 2 * (octets + ROW_OCTETS);
}
