/** What was read last, so that the parts of one message do not have it read again each. @module */
import type { Clock } from "../policy/clock.ts";
import type { ReadMessage } from "./read_content.ts";

/** Who looks at a message asks for its parts within seconds; it is kept for as long as that, and twice at most. */
const KEPT_FOR = 30_000;

interface Kept {
  readonly message: ReadMessage;
  readonly size: number;
  /** Whether it was asked for since it was last looked whether it is still needed. */
  isFresh: boolean;
}

/**
 * Messages by id. Those that nobody asks for any more are forgotten in half a minute to a minute, and those
 * that were not asked for longest when there is no room.
 */
export class ContentCache {
  readonly #most: number;
  readonly #clock: Clock;
  readonly #messages = new Map<string, Kept>();
  #size = 0;
  #sweep: Disposable | undefined;

  /** @param most octets, at most, of all messages */
  constructor(most: number, clock: Clock) {
    this.#most = most;
    this.#clock = clock;
  }

  /** A message that is here. */
  get(id: string): ReadMessage | undefined {
    const found = this.#messages.get(id);
    if (found === undefined) return undefined;
    // The order of a map is that of insertion.
    this.#messages.delete(id);
    this.#messages.set(id, found);
    found.isFresh = true;
    return found.message;
  }

  /** Keeps a message that is not here; one that is too large by itself is not kept. */
  put(id: string, message: ReadMessage): void {
    const size = sizeOf(message);
    if (size > this.#most) return;
    this.#messages.set(id, { message, size, isFresh: true });
    this.#size += size;
    for (const other of this.#messages.keys()) {
      if (this.#size <= this.#most) break;
      this.#forget(other);
    }
    this.#sweep ??= this.#sweepLater();
  }

  /** Forgets all. */
  clear(): void {
    this.#sweep?.[Symbol.dispose]();
    this.#sweep = undefined;
    this.#messages.clear();
    this.#size = 0;
  }

  #forget(id: string): void {
    this.#size -= this.#messages.get(id)!.size;
    this.#messages.delete(id);
  }

  #sweepLater(): Disposable {
    return this.#clock.after(KEPT_FOR, () => {
      for (const [id, kept] of this.#messages) {
        if (!kept.isFresh) this.#forget(id);
        kept.isFresh = false;
      }
      this.#sweep = this.#messages.size > 0 ? this.#sweepLater() : undefined;
    });
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
