/** The first line of what somebody says who may say much. @module */

/** What is read of the stream. */
export interface FirstLineOptions {
  /** How many octets are looked at. */
  readonly maxOctets: number;
  /** Whether the rest is read and dropped, so that nobody waits to get rid of it. */
  readonly toTheEnd: boolean;
}

/** How much of the line is told, in characters, so that it fits a line of a reply (RFC 5321 section 4.5.3.1.5). */
const MAX_CHARACTERS = 400;

/** Reads a stream and keeps the first line that is not empty. */
export class FirstLine {
  /** Settles when enough was read, or the stream has ended or was closed; never rejects. */
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #kept: Uint8Array;
  #used = 0;

  /** Begins to read. */
  constructor(stream: ReadableStream<Uint8Array>, { maxOctets, toTheEnd }: FirstLineOptions) {
    this.#kept = new Uint8Array(maxOctets);
    this.#reader = stream.getReader();
    this.ended = this.#read(toTheEnd).catch(() => {});
  }

  /** The line as far as it is known, without the space around it. */
  get text(): string {
    const all = new TextDecoder().decode(this.#kept.subarray(0, this.#used));
    return all.trimStart().split(/[\r\n]/, 1)[0].slice(0, MAX_CHARACTERS).trimEnd();
  }

  /** Reads no more. */
  close(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #read(toTheEnd: boolean): Promise<void> {
    while (toTheEnd || this.#used < this.#kept.length) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      const part = value.subarray(0, this.#kept.length - this.#used);
      this.#kept.set(part, this.#used);
      this.#used += part.length;
    }
  }
}
