/** All that a search finds, page by page. @module */
import type { MessageIndex, Search, Summary } from "./message_index.ts";

/**
 * Finds messages, newest first, at most `limit` on a page, which may be empty. A page is asked for once the
 * one before has been dealt with.
 */
export async function* searchPages(
  finder: Pick<MessageIndex, "search">,
  search: Search,
  limit: number,
): AsyncGenerator<readonly Summary[]> {
  let cursor: string | undefined;
  do {
    const { messages, next } = await finder.search(search, {
      ...cursor !== undefined && { cursor },
      limit,
    });
    yield messages;
    cursor = next;
  } while (cursor !== undefined);
}
