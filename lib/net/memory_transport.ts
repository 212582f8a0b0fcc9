/** Two transports joined in memory, so that both ends of a session run in a test without a socket. @module */
import type { Endpoint } from "../policy/session.ts";
import type { Transport } from "./transport.ts";

/** How a pair behaves. */
export interface MemoryPairOptions {
  /** The first end, which the other sees as its remote one. */
  readonly first?: Endpoint;
  /** The second end. */
  readonly second?: Endpoint;
  /** How many octets may wait to be read before a write has to wait, as in a socket's buffer. */
  readonly capacity?: number;
}

const FIRST: Endpoint = { address: "127.0.0.1", port: 40000 };
const SECOND: Endpoint = { address: "127.0.0.1", port: 25 };

/** One direction of a pair. */
class Pipe {
  readonly #capacity: number;
  readonly #segments: Uint8Array[] = [];
  #length = 0;
  #isEnded = false;
  #isBroken = false;
  #wakeReader = () => {};
  #wakeWriter = () => {};

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#length === 0) {
      if (this.#isBroken) throw new Deno.errors.BadResource("Cannot read: the transport is closed");
      if (this.#isEnded) return null;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    const segment = this.#segments[0];
    const taken = segment.subarray(0, buffer.length);
    buffer.set(taken);
    if (taken.length === segment.length) this.#segments.shift();
    else this.#segments[0] = segment.subarray(taken.length);
    this.#length -= taken.length;
    this.#wakeWriter();
    return taken.length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#isBroken || this.#isEnded) {
        throw new Deno.errors.BrokenPipe("Cannot write: the transport is closed");
      }
      const room = this.#capacity - this.#length;
      if (room === 0) {
        await new Promise<void>((resolve) => this.#wakeWriter = resolve);
        continue;
      }
      const segment = rest.slice(0, room);
      this.#segments.push(segment);
      this.#length += segment.length;
      rest = rest.subarray(segment.length);
      this.#wakeReader();
    }
  }

  /** Nothing more is written; what was can still be read. */
  end(): void {
    this.#isEnded = true;
    this.#wakeReader();
    this.#wakeWriter();
  }

  /** Nothing more is read. */
  break(): void {
    this.#isBroken = true;
    this.#length = 0;
    this.#segments.length = 0;
    this.#wakeReader();
    this.#wakeWriter();
  }
}

function end(incoming: Pipe, outgoing: Pipe, local: Endpoint, remote: Endpoint): Transport {
  function close(): void {
    outgoing.end();
    incoming.break();
  }
  return {
    local,
    remote,
    read: (buffer) => incoming.read(buffer),
    write: (bytes) => outgoing.write(bytes),
    closeWrite() {
      outgoing.end();
      return Promise.resolve();
    },
    close,
    [Symbol.dispose]: close,
  };
}

/** Makes two transports of which each reads what the other writes. */
export function memoryPair(options: MemoryPairOptions = {}): [Transport, Transport] {
  const { first = FIRST, second = SECOND, capacity = 64 * 1024 } = options;
  const there = new Pipe(capacity);
  const back = new Pipe(capacity);
  return [end(back, there, first, second), end(there, back, second, first)];
}
