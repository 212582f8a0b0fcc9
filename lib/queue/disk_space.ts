/** How much room is left on the disk. @module */
import { statfsSync } from "node:fs";

/** How long an answer is good for, in milliseconds. */
const FRESH = 200;

/**
 * Answers the octets that an ordinary user may still write to the file system of a directory: any
 * number without the permission to ask (`--allow-sys=statfs`), since a disk that is full says so by
 * itself; none where the directory cannot be asked about, which takes no mail either.
 */
export function freeOctets(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch (error) {
    return error instanceof Deno.errors.NotCapable ? Infinity : 0;
  }
}

/** The room on a disk, asked for now and then and reckoned in between. */
export interface DiskWatch {
  /** Octets that are free. */
  free(): number;
  /** Notes octets that were written since. */
  take(octets: number): void;
}

/**
 * Watches the room on a disk without asking the system for each message.
 *
 * @param ask answers the free octets
 */
export function watchDisk(ask: () => number): DiskWatch {
  let asked = -Infinity;
  let left = 0;
  return {
    free() {
      const now = performance.now();
      if (now - asked > FRESH) {
        asked = now;
        left = ask();
      }
      return left;
    },
    take(octets) {
      left -= octets;
    },
  };
}
