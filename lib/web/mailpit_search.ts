/** How messages are found for clients of Mailpit, which count from the newest one. @module */
import type { Inbox } from "../inbox/inbox.ts";
import type { Summary } from "../inbox/message_index.ts";
import { searchPages } from "../inbox/search_pages.ts";
import type { MailpitQuery } from "./mailpit_query.ts";
import { WebError } from "./responses.ts";

/** Messages that a list counts, and the last that it may begin at. */
export const MOST_FOUND = 10_000;

/** Messages that are looked at in one step. */
const STEP = 1000;

/** Every message. */
export const EVERYTHING: MailpitQuery = { search: {}, further: [], fits: () => true };

/** Who finds. */
export type Finder = Pick<Inbox, "search">;

/** Ends what nobody waits for any more. @throws {WebError} 503 */
export function checkWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new WebError(503, "Cannot go on with this: it was given up");
}

/** The ids among these that fit a search as well. */
async function idsAmong(
  finder: Finder,
  ids: readonly string[],
  search: MailpitQuery["search"],
): Promise<ReadonlySet<string>> {
  const fitting = new Set<string>();
  for await (const messages of searchPages(finder, { ...search, ids }, STEP)) {
    for (const { id } of messages) fitting.add(id);
  }
  return fitting;
}

/**
 * Finds messages, newest first, a step at a time; a step may have none.
 *
 * @param most messages that a step looks at
 * @throws {WebError} 503 when `signal` is aborted
 */
export async function* findMailpit(
  finder: Finder,
  { search, further, fits }: MailpitQuery,
  signal: AbortSignal,
  most = STEP,
): AsyncGenerator<readonly Summary[]> {
  let cursor: string | undefined;
  do {
    checkWanted(signal);
    const page = await finder.search(search, { cursor, limit: Math.min(most, STEP) });
    let messages: readonly Summary[] = page.messages.filter(fits);
    for (const { search, isExcluded } of further) {
      if (messages.length === 0) break;
      const among = await idsAmong(finder, messages.map(({ id }) => id), search);
      messages = messages.filter(({ id }) => among.has(id) !== isExcluded);
    }
    yield messages;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** A part of what was found. */
export interface Found {
  readonly messages: readonly Summary[];
  /** How many there are in all, and how many of them nobody has looked at; {@linkcode MOST_FOUND} at most. */
  readonly count: number;
  readonly unread: number;
}

/** Finds some of the messages of a query, and counts them. */
export async function countMailpit(
  finder: Finder,
  query: MailpitQuery,
  { start, limit }: { readonly start: number; readonly limit: number },
  signal: AbortSignal,
): Promise<Found> {
  const messages: Summary[] = [];
  let [count, unread] = [0, 0];
  for await (const step of findMailpit(finder, query, signal)) {
    for (const summary of step.slice(0, MOST_FOUND - count)) {
      if (count >= start && messages.length < limit) messages.push(summary);
      count++;
      if (!summary.seen) unread++;
    }
    if (count === MOST_FOUND) break;
  }
  return { messages, count, unread };
}

/** Some of all messages. */
export async function listMailpit(
  finder: Finder,
  { start, limit }: { readonly start: number; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly Summary[]> {
  const messages: Summary[] = [];
  const end = start + limit;
  let at = 0;
  for await (const step of findMailpit(finder, EVERYTHING, signal, end)) {
    messages.push(...step.slice(Math.max(0, start - at), Math.max(0, end - at)));
    at += step.length;
    if (at >= end) break;
  }
  return messages;
}
