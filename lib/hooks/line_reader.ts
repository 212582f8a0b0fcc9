/** Lines of a stream, and octets between them. @module */
import { octetBuffer } from "../queue/octet_buffer.ts";

const LF = 10;
const NOTHING = new Uint8Array(0);

/** Where lines come from. */
export interface LineSource {
  /** Reads on. The octets hold until it is called again; `undefined` is the end. */
  read(): Promise<Uint8Array | undefined>;
  /** Nothing more is read. */
  close(): void;
}

/** Lines come out of a stream. */
export function streamSource(stream: ReadableStream<Uint8Array>): LineSource {
  const reader = stream.getReader();
  return {
    read: async () => (await reader.read()).value,
    close: () => void reader.cancel().catch(() => {}),
  };
}

/** Reads line by line. */
export class LineReader {
  readonly #source: LineSource;
  readonly #maxLine: number;
  #rest: Uint8Array = NOTHING;

  /** @param maxLine the octets of the longest line */
  constructor(source: LineSource, maxLine: number) {
    this.#source = source;
    this.#maxLine = maxLine;
  }

  /**
   * Reads a line, without its LF. Octets that are not UTF-8 become U+FFFD, and the last line may lack its LF.
   *
   * @returns the line, or `undefined` at the end
   * @throws {RangeError} if it is too long
   */
  async line(): Promise<string | undefined> {
    const buffer = octetBuffer();
    for (;;) {
      const lf = this.#rest.indexOf(LF);
      const part = lf === -1 ? this.#rest : this.#rest.subarray(0, lf);
      if (buffer.size + part.length > this.#maxLine) {
        throw new RangeError(`Cannot read a line of more than ${this.#maxLine} octets`);
      }
      if (lf !== -1 && buffer.size === 0) return this.#cut(lf);
      if (lf !== -1) this.#rest = this.#rest.subarray(lf + 1);
      buffer.append(part);
      if (lf !== -1) return decode(buffer.take());
      if (!await this.#readOn()) return buffer.size === 0 ? undefined : decode(buffer.take());
    }
  }

  /** Reads as many octets, over a buffer of their own; `undefined` where the stream ends before. */
  async octets(length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const octets = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      const part = this.#rest.subarray(0, length - at);
      octets.set(part, at);
      at += part.length;
      this.#rest = this.#rest.subarray(part.length);
      if (at < length && !await this.#readOn()) return undefined;
    }
    return octets;
  }

  /** Reads no more. */
  close(): void {
    this.#source.close();
  }

  #cut(lf: number): string {
    const line = decode(this.#rest.subarray(0, lf));
    this.#rest = this.#rest.subarray(lf + 1);
    return line;
  }

  async #readOn(): Promise<boolean> {
    this.#rest = NOTHING;
    const octets = await this.#source.read();
    if (octets !== undefined) this.#rest = octets;
    return octets !== undefined;
  }
}

const decoder = new TextDecoder();

function decode(octets: Uint8Array): string {
  return decoder.decode(octets);
}
