/** How many recipients a transaction has whose next hop does not say so itself. @module */
import type { NextHop } from "./next_hop.ts";

/** Answers the number of recipients at most; beyond it a delivery on this host answers 452 4.5.3. */
export function mostRecipients(hop: NextHop): number {
  // A program is running for each.
  return hop.kind === "program" ? 10 : Infinity;
}
