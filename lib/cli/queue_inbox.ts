/** The inbox of the server's queue, with what it is made of. @module */
import { contentReader } from "../inbox/content_reader.ts";
import type { Inbox } from "../inbox/inbox.ts";
import { openIndex } from "../inbox/index_client.ts";
import { storeInbox, type StoreInboxOptions } from "../inbox/store_inbox.ts";
import { queueFailure } from "./open_queue.ts";

/** Where an inbox keeps its index, and what it works with. */
export interface QueueInboxOptions extends Omit<StoreInboxOptions, "index" | "reader"> {
  /** The state directory. */
  readonly directory: string;
}

/** An inbox that is open. Disposing of it closes its index and its reader, and leaves the queue open. */
export interface QueueInbox extends AsyncDisposable {
  readonly inbox: Inbox;
}

/**
 * Opens the inbox of a queue.
 *
 * @throws {Failure} if the index cannot be opened
 */
export async function openQueueInbox(options: QueueInboxOptions): Promise<QueueInbox> {
  const { directory, log } = options;
  await using parts = new AsyncDisposableStack();
  try {
    const index = parts.use(await openIndex({ directory, log }));
    const reader = parts.use(contentReader());
    const inbox = parts.use(storeInbox({ ...options, index, reader }));
    const open = parts.move();
    return { inbox, [Symbol.asyncDispose]: () => open.disposeAsync() };
  } catch (error) {
    throw queueFailure(error);
  }
}
