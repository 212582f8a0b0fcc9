/** Work that is done a few at a time. @module */
import { SmtpError } from "../../smtp/reply.ts";

/** How much is done and waits at once. */
export interface TurnLimits {
  /** How many pieces of work are under way at once. */
  readonly atOnce: number;
  /** How many more wait for their turn, of those that yield and of the others each. */
  readonly waiting: number;
}

/**
 * Does a piece of work when its turn has come, first come first served; one that `yields` lets those go
 * first which do not. Rejects with an `SmtpError` of 454 if too many wait.
 */
export type InTurn = <T>(work: () => Promise<T>, yields?: boolean) => Promise<T>;

/** One turn in so many is for those that yield, so that even they come to the end of waiting. */
const YIELDING_SHARE = 4;

/** Makes a queue for pieces of work that cost CPU. */
export function turns({ atOnce, waiting }: TurnLimits): InTurn {
  let underWay = 0;
  let handedOn = 0;
  const first: (() => void)[] = [];
  const yielding: (() => void)[] = [];

  function next(): (() => void) | undefined {
    const isShare = ++handedOn % YIELDING_SHARE === 0;
    return isShare ? yielding.shift() ?? first.shift() : first.shift() ?? yielding.shift();
  }

  return async (work, yields = false) => {
    const queue = yields ? yielding : first;
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
      const take = next();
      // Who waits takes over the place, so that nobody who comes in between can.
      if (take) take();
      else underWay--;
    }
  };
}
