/** Readers of messages: in a worker for a server, in this thread for a test. @module */
import { type Clock, systemClock } from "../net/clock.ts";
import { octetBuffer } from "../queue/octet_buffer.ts";
import type { Content, ContentPart, ContentReader, ContentSource } from "./content.ts";
import { ContentCache } from "./content_cache.ts";
import { ContentThread } from "./content_thread.ts";
import { readContent, type ReadMessage } from "./read_content.ts";

/** How a reader works. */
export interface ContentReaderOptions {
  /** How long one message may take in milliseconds; 10,000 if left out. */
  readonly timeLimit?: number;
  /** The machine's if left out. */
  readonly clock?: Clock;
}

/** As many octets of a message are read. */
const MAX_OCTETS = 32 * 1024 * 1024;

/** As many octets of messages that were read are kept. */
const KEPT = 64 * 1024 * 1024;

/** As many messages are in memory to be read. */
const MOST_READING = 4;

/** As many others wait. */
const MOST_WAITING = 1_000;

/** Too many messages wait to be read: later there may be room. */
export class ReaderBusyError extends Error {
  override readonly name = "ReaderBusyError";
}

/**
 * Reads messages in a worker, which is started when the first is asked for. Octets of parts are shared by
 * all who ask for them: they are not to be written to, nor to be transferred.
 */
export function contentReader(options: ContentReaderOptions = {}): ContentReader {
  const { timeLimit = 10_000, clock = systemClock } = options;
  return new QueuedReader(new ContentThread({ timeLimit, clock }), clock);
}

/**
 * Reads messages in this thread: for an inbox inside of a test, which has no time to start a worker, and no
 * enemies. What {@linkcode contentReader} says of octets is true of this one as well.
 */
export function inlineReader(): ContentReader {
  return new QueuedReader({ read: readContent, close: () => Promise.resolve() }, systemClock);
}

/** What turns the octets of a message into what it says. */
interface Engine {
  read(octets: Uint8Array<ArrayBuffer>, isCut: boolean): Promise<ReadMessage>;
  close(reason: Error): Promise<void>;
}

/** A reader that has few messages in memory at a time; the others wait in order. */
class QueuedReader implements ContentReader {
  readonly #engine: Engine;
  readonly #cache: ContentCache;
  /** Messages that are read or wait for it. Whoever asks for one of these waits along. */
  readonly #underWay = new Map<string, Promise<ReadMessage>>();
  readonly #waiting: { readonly go: () => void; readonly fail: (error: Error) => void }[] = [];
  #reading = 0;
  #isClosed = false;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#cache = new ContentCache(KEPT, clock);
  }

  async read(id: string, source: ContentSource): Promise<Content> {
    const { content } = await this.#message(id, source);
    return content;
  }

  async part(
    id: string,
    index: number,
    source: ContentSource,
  ): Promise<{ readonly part: ContentPart; readonly octets: Uint8Array } | undefined> {
    const { content, parts } = await this.#message(id, source);
    const part = content.parts[index];
    return part === undefined ? undefined : { part, octets: parts[index] };
  }

  async #message(id: string, source: ContentSource): Promise<ReadMessage> {
    if (this.#isClosed) throw closed();
    const known = this.#cache.get(id) ?? this.#underWay.get(id);
    if (known !== undefined) return await known;
    const reading = this.#readAnew(id, source);
    this.#underWay.set(id, reading);
    try {
      return await reading;
    } finally {
      this.#underWay.delete(id);
    }
  }

  async #readAnew(id: string, source: ContentSource): Promise<ReadMessage> {
    await this.#turn();
    try {
      const { octets, isCut } = await gather(source);
      if (this.#isClosed) throw closed();
      const message = await this.#engine.read(octets, isCut);
      if (!this.#isClosed) this.#cache.put(id, message);
      return message;
    } finally {
      this.#reading--;
      this.#waiting.shift()?.go();
    }
  }

  /** Waits until there is room for one more message, and takes it. */
  async #turn(): Promise<void> {
    if (this.#reading >= MOST_READING) {
      if (this.#waiting.length >= MOST_WAITING) {
        throw new ReaderBusyError(
          `Cannot read the message now: ${MOST_WAITING} others wait to be read`,
        );
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const go = () => {
        // Taken at once, so that nobody who comes in between takes it.
        this.#reading++;
        resolve();
      };
      this.#waiting.push({ go, fail: reject });
      await promise;
    } else this.#reading++;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#cache.clear();
    for (const { fail } of this.#waiting.splice(0)) fail(closed());
    await this.#engine.close(closed());
  }
}

function closed(): Error {
  return new Error("Cannot read the message: the reader of messages was closed");
}

/** Reads a source as far as there is room for it. */
async function gather(
  source: ContentSource,
): Promise<{ octets: Uint8Array<ArrayBuffer>; isCut: boolean }> {
  const buffer = octetBuffer();
  for await (const slice of source()) {
    const room = MAX_OCTETS - buffer.size;
    buffer.append(slice.subarray(0, room));
    if (slice.length > room) return { octets: buffer.take(), isCut: true };
  }
  return { octets: buffer.take(), isCut: false };
}
