/** Work that is done a few at a time. @module */
import { SmtpError } from "../../smtp/reply.ts";

/** How much is done and waits at once. */
export interface TurnLimits {
  /** How many pieces of work are under way at once. */
  readonly atOnce: number;
  /** How many more wait for their turn, first come first served. */
  readonly waiting: number;
}

/** Does a piece of work when its turn has come. Rejects with an `SmtpError` of 454 if too many wait. */
export type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Makes a queue for pieces of work that cost CPU. */
export function turns({ atOnce, waiting }: TurnLimits): InTurn {
  let underWay = 0;
  const queue: (() => void)[] = [];
  return async (work) => {
    if (underWay < atOnce) {
      underWay++;
    } else if (queue.length < waiting) {
      await new Promise<void>((resolve) => queue.push(resolve));
    } else {
      throw new SmtpError(454, "4.7.0", "Too many logins at once, try again later");
    }
    try {
      return await work();
    } finally {
      const next = queue.shift();
      // Who waits takes over the place, so that nobody who comes in between can.
      if (next) next();
      else underWay--;
    }
  };
}
