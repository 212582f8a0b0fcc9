/** Transports over streams of node:stream. @module */
import type { Duplex } from "node:stream";
import type { Endpoint } from "../policy/session.ts";
import type { Transport } from "./transport.ts";

/** Reads from a stream and writes to it. */
export class StreamTransport implements Transport {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #stream: Duplex;
  readonly #taken: () => void;
  /** What was taken out of the stream and has found no room in the buffer of the last read. */
  #rest: Uint8Array | undefined;
  #isEnded = false;
  #failure: Error | undefined;
  #wake = () => {};

  /**
   * Takes over a stream that nobody has read from.
   *
   * @param ends what it joins
   * @param taken is called whenever the stream was read from
   */
  constructor(
    stream: Duplex,
    { local, remote }: Pick<Transport, "local" | "remote">,
    taken: () => void = () => {},
  ) {
    this.local = local;
    this.remote = remote;
    this.#stream = stream;
    this.#taken = taken;
    stream.on("readable", () => this.#wake());
    stream.on("end", () => this.end());
    stream.on("close", () => this.end());
    stream.on("error", (error) => this.fail(error));
  }

  /** Has reads fail once what is there already was read. The first failure counts. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Nothing more comes. */
  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#rest === undefined) {
      this.#rest = this.#stream.read() ?? undefined;
      this.#taken();
      if (this.#rest !== undefined) break;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const length = Math.min(this.#rest.length, buffer.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = length < this.#rest.length ? this.#rest.subarray(length) : undefined;
    return length;
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(() => resolve()));
  }

  close(): void {
    this.fail(new Error("the connection was closed here"));
    this.#stream.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
