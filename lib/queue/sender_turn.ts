/** The turns by which the senders of mail to one domain share what it takes. @module */
import type { Mailbox } from "../smtp/mailbox.ts";
import { lowerAscii, searchText } from "./filter.ts";

/** How many turns there are. Senders that have the same one wait for each other. */
export const TURNS = 32;

/**
 * The turn of a sender, a number from 0 up to {@linkcode TURNS} (FNV-1a). It costs the same whatever
 * the number of senders is, and leaves one with 100,000 messages a part of what the others get.
 */
export function senderTurn(reversePath: Mailbox | null): number {
  let hash = 0x811c9dc5;
  for (const character of lowerAscii(searchText(reversePath))) {
    hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  }
  return (hash >>> 0) % TURNS;
}
