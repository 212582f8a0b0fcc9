/** A transport from which something was read before its session began. @module */
import type { Endpoint } from "../policy/session.ts";
import { IDLE_BUFFERS } from "./buffers.ts";
import type { Transport } from "./transport.ts";

const NOTHING = new Uint8Array(0);

/** Gives what was read ahead before the rest, and may be told other ends than those of the connection. */
export class ReadAhead implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #transport: Transport;
  #octets: Uint8Array;
  /** A read that is under way. */
  #reading: Promise<void> | undefined;
  #hasEnded = false;

  /**
   * @param octets what the first reads give
   * @param ends the ends to show; those of `transport` if left out
   */
  constructor(
    transport: Transport,
    octets: Uint8Array = NOTHING,
    ends: Pick<Transport, "local" | "remote"> = transport,
  ) {
    this.#transport = transport;
    this.#octets = octets;
    this.local = ends.local;
    this.remote = ends.remote;
  }

  /** Whether there are octets that the next read gives at once. */
  get hasOctets(): boolean {
    return this.#octets.length > 0;
  }

  /**
   * Waits until there is something to read, or nothing more will be; a read that is called in the
   * meantime gets what comes. Rejects when reading fails.
   */
  wait(): Promise<void> {
    return this.#reading ??= this.#readAhead();
  }

  async #readAhead(): Promise<void> {
    if (this.hasOctets) return;
    const buffer = IDLE_BUFFERS.take();
    try {
      const length = await this.#transport.read(buffer);
      if (length === null) this.#hasEnded = true;
      else this.#octets = buffer.slice(0, length);
    } finally {
      IDLE_BUFFERS.give(buffer);
    }
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#reading !== undefined || this.hasOctets) return this.#readFirst(buffer);
    return this.#transport.read(buffer);
  }

  async #readFirst(buffer: Uint8Array): Promise<number | null> {
    await this.#reading;
    this.#reading = undefined;
    if (this.#hasEnded) return null;
    const taken = this.#octets.subarray(0, buffer.length);
    buffer.set(taken);
    const rest = this.#octets.subarray(taken.length);
    // Nothing of the buffer is kept once it is used up.
    this.#octets = rest.length > 0 ? rest : NOTHING;
    return taken.length;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#transport.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#transport.closeWrite();
  }

  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
