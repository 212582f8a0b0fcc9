/** Server-sent events: what happens in the inbox, told to those who look at it. @module */
import type { Inbox, InboxEvent } from "../inbox/inbox.ts";
import type { Clock } from "../policy/clock.ts";
import { summaryJson } from "./json.ts";

/** How often a stream shows that it is alive, in milliseconds. */
const HEARTBEAT = 15_000;

/** So many octets may wait for a reader. One who is further behind has to begin anew. */
const MOST_BEHIND = 1024 * 1024;

/** The most ids of one event: more than that are told in several. */
const MOST_IDS = 1000;

/** How long a browser waits before it connects again, in milliseconds. */
const RETRY = 2000;

const encoder = new TextEncoder();
const GREETING = encoder.encode(`retry: ${RETRY}\n\n`);
const ALIVE = encoder.encode(":\n\n");

type Stream = ReadableStreamDefaultController<Uint8Array>;

/** Writes an event. JSON has no line break in it, so each stands on one line. */
function write(type: InboxEvent["type"], data: unknown): Uint8Array {
  return encoder.encode(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
}

function* written(event: InboxEvent): Generator<Uint8Array> {
  if (event.type === "arrived") {
    yield write(event.type, summaryJson(event.summary));
    return;
  }
  for (let i = 0; i < event.ids.length; i += MOST_IDS) {
    yield write(event.type, { ids: event.ids.slice(i, i + MOST_IDS) });
  }
}

/** The streams that are open. Each event is written once, for all of them. */
export class EventStreams implements Disposable {
  readonly #inbox: Inbox;
  readonly #clock: Clock;
  readonly #streams = new Set<Stream>();
  #watch: Disposable | undefined;
  #heartbeat: Disposable | undefined;

  /** Begins without a stream. */
  constructor(inbox: Inbox, clock: Clock) {
    this.#inbox = inbox;
    this.#clock = clock;
  }

  /** Opens a stream, which tells what happens from now on. It is over when it is cancelled. */
  open(): ReadableStream<Uint8Array> {
    let stream: Stream;
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = controller;
        if (this.#streams.size === 0) this.#begin();
        this.#streams.add(stream);
        stream.enqueue(GREETING);
      },
      cancel: () => this.#forget(stream),
    }, new ByteLengthQueuingStrategy({ highWaterMark: MOST_BEHIND }));
  }

  /** Ends all streams. */
  [Symbol.dispose](): void {
    for (const stream of [...this.#streams]) {
      this.#forget(stream);
      stream.close();
    }
  }

  #begin(): void {
    this.#watch = this.#inbox.watch((event) => {
      for (const octets of written(event)) this.#tell(octets);
    });
    this.#beat();
  }

  #beat(): void {
    this.#heartbeat = this.#clock.after(HEARTBEAT, () => {
      this.#tell(ALIVE);
      if (this.#streams.size > 0) this.#beat();
    });
  }

  #tell(octets: Uint8Array): void {
    for (const stream of [...this.#streams]) {
      if ((stream.desiredSize ?? 0) > 0) {
        stream.enqueue(octets);
        continue;
      }
      // What waits for the reader is dropped with the connection; a browser comes again by itself.
      this.#forget(stream);
      stream.error(new Error("Cannot go on: the reader is too far behind"));
    }
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    this.#watch?.[Symbol.dispose]();
    this.#heartbeat?.[Symbol.dispose]();
  }
}
