/** What was read last, so that the parts of one message do not have it read again each. @module */
import type { ReadMessage } from "./read_content.ts";

/** Messages by id, those that were not asked for longest left out when there is no room. */
export class ContentCache {
  readonly #most: number;
  readonly #messages = new Map<string, { readonly message: ReadMessage; readonly size: number }>();
  #size = 0;

  /** @param most octets, at most, of all messages */
  constructor(most: number) {
    this.#most = most;
  }

  /** A message that is here. */
  get(id: string): ReadMessage | undefined {
    const found = this.#messages.get(id);
    if (found === undefined) return undefined;
    // The order of a map is that of insertion.
    this.#messages.delete(id);
    this.#messages.set(id, found);
    return found.message;
  }

  /** Keeps a message that is not here; one that is too large by itself is not kept. */
  put(id: string, message: ReadMessage): void {
    const size = sizeOf(message);
    if (size > this.#most) return;
    this.#messages.set(id, { message, size });
    this.#size += size;
    for (const [other, { size }] of this.#messages) {
      if (this.#size <= this.#most) break;
      this.#messages.delete(other);
      this.#size -= size;
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#messages.clear();
    this.#size = 0;
  }
}

/** What an object and its shorter strings take, roughly. */
const OBJECT = 256;

function sizeOf({ content, parts }: ReadMessage): number {
  const { text, html = "", from, to, cc, replyTo, links } = content;
  const lists = [from, to, cc, replyTo, links, parts];
  return parts.reduce((sum, octets) => sum + octets.length, 0) +
    2 * (text.length + html.length + links.reduce((sum, link) => sum + link.length, 0)) +
    OBJECT * lists.reduce((sum, list) => sum + list.length, 1);
}
