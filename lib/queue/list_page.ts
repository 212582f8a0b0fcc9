/** Pages of a list that is read in bounded steps. @module */
import { type Cursor, formatCursor, parseCursor } from "./cursor.ts";
import type { Entry, Page } from "./store.ts";

/** A page has at most so many entries, whatever is asked for. */
const MOST_ENTRIES = 1_000;

/** Reads steps until a page is full or the list is at its end. */
export async function listPage(
  { after, limit }: { after?: string; limit: number },
  step: (
    after: Cursor,
    limit: number,
  ) => Promise<{ readonly entries: readonly Entry[]; readonly next?: Cursor }>,
): Promise<Page> {
  const most = Math.min(limit, MOST_ENTRIES);
  const entries: Entry[] = [];
  let cursor: Cursor | undefined = parseCursor(after);
  while (cursor !== undefined && entries.length < most) {
    const { entries: found, next }: Awaited<ReturnType<typeof step>> = await step(
      cursor,
      most - entries.length,
    );
    entries.push(...found);
    cursor = next;
  }
  return { entries, ...cursor !== undefined && { next: formatCursor(cursor) } };
}
