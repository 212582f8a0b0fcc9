/** How many recipients a transaction has whose next hop does not say so itself. @module */
import type { NextHop } from "./next_hop.ts";

/** Answers the number of recipients at most; beyond it a delivery on this host answers 452 4.5.3. */
export function mostRecipients(hop: NextHop): number {
  switch (hop.kind) {
    case "program":
      // One is running for each.
      return 10;
    case "web":
      // They stand in one header field, and servers take 8 KiB of those in all.
      return 20;
    default:
      return Infinity;
  }
}
