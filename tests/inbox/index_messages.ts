/** Messages for the tests of the index. @module */
import type {
  IndexedMessage,
  MessageIndex,
  Search,
  Summary,
} from "../../lib/inbox/message_index.ts";
import { NOON } from "../queue/fixture.ts";

/** A message as it comes into the index; its id is told, the rest may be. */
export function message(id: string, more: Partial<IndexedMessage> = {}): IndexedMessage {
  const to = more.to ?? ["joe@example.com"];
  return {
    id,
    state: "held",
    from: "sender@example.org",
    to,
    recipients: to.length,
    subject: `Subject of ${id}`,
    size: 1000,
    received: NOON,
    attachments: 0,
    preview: "Hello",
    text: "Hello",
    ...more,
  };
}

/** Everything that a search finds, page by page to the end, with empty pages between. */
export async function findAll(
  index: MessageIndex,
  search: Search,
  limit = 1000,
): Promise<Summary[]> {
  const found: Summary[] = [];
  let cursor: string | undefined;
  do {
    const page = await index.search(search, { limit, ...cursor !== undefined && { cursor } });
    found.push(...page.messages);
    cursor = page.next;
  } while (cursor !== undefined);
  return found;
}

/** The ids of everything that a search finds. */
export async function idsOf(
  index: MessageIndex,
  search: Search,
  limit?: number,
): Promise<string[]> {
  return (await findAll(index, search, limit)).map(({ id }) => id);
}
