/** The mail data of one message as it comes in, behind DATA or in BDAT chunks. @module */
import { MailDataDecoder } from "./mail_data_decoder.ts";
import type { ResetCause } from "./receiver_events.ts";
import { type Reply, reply } from "./reply.ts";

/** What was found next. */
export type MailDataStep =
  /** A slice of mail data, unstuffed. */
  | { readonly type: "content"; readonly bytes: Uint8Array }
  /** The message will be refused. This is told once; what follows is read and dropped. */
  | { readonly type: "fault"; readonly cause: ResetCause }
  /** The end of a BDAT chunk that is not the last. */
  | { readonly type: "chunk end"; readonly size: number }
  /** The end of the message, or of a refused chunk that need not be the last. */
  | { readonly type: "end"; readonly isEndOfData: boolean };

/** The BDAT chunk whose octets are coming. */
interface Chunk {
  readonly size: number;
  readonly last: boolean;
  left: number;
}

/**
 * Reads one message's mail data up to its true end, whatever is wrong with it: what belongs to the
 * data must never be taken for commands.
 */
export class IncomingMailData {
  readonly #decoder: MailDataDecoder;
  readonly #maxSize: number;
  #chunk: Chunk | undefined;
  #size = 0;
  #position = 0;
  #refusal: Reply | undefined;

  /** Begins before the first octet; `chunked` for BDAT. */
  constructor(options: { maxSize: number; normalize?: boolean; chunked: boolean }) {
    this.#decoder = new MailDataDecoder(options);
    this.#maxSize = options.maxSize;
  }

  /** The octets of mail data that were handed out. */
  get size(): number {
    return this.#size;
  }

  /** Where in the input the last {@linkcode read} stopped. */
  get position(): number {
    return this.#position;
  }

  /** The reply that the message will get, once that is sure before its end. */
  get refusal(): Reply | undefined {
    return this.#refusal;
  }

  /** Announces the next BDAT chunk. */
  beginChunk(size: number, last: boolean): void {
    this.#chunk = { size, last, left: size };
  }

  /** Drops whatever is still to come, and has `reply` answered at the end of it. */
  refuse(reply: Reply): void {
    this.#refusal = reply;
  }

  /** Reads on; `undefined` asks for more input. */
  read(input: Uint8Array, start: number): MailDataStep | undefined {
    return this.#chunk === undefined
      ? this.#readStuffed(input, start)
      : this.#readChunk(this.#chunk, input, start);
  }

  #readStuffed(input: Uint8Array, start: number): MailDataStep | undefined {
    const decoder = this.#decoder;
    let position = start;
    for (;;) {
      const slice = decoder.decode(input, position);
      position = this.#position = decoder.position;
      const step = this.#look(slice);
      if (step !== undefined) return step;
      if (decoder.isEnded) return { type: "end", isEndOfData: true };
      if (slice === undefined) return undefined;
    }
  }

  #readChunk(chunk: Chunk, input: Uint8Array, start: number): MailDataStep | undefined {
    const available = Math.min(chunk.left, input.length - start);
    let read = available;
    if (this.#refusal === undefined) {
      const slice = this.#decoder.decode(input.subarray(start, start + available), 0);
      read = this.#decoder.position;
      const step = this.#look(slice);
      if (step !== undefined) {
        this.#position = start + read;
        chunk.left -= read;
        return step;
      }
    }
    this.#position = start + read;
    chunk.left -= read;
    if (chunk.left > 0) return undefined;
    if (chunk.last && this.#refusal === undefined) {
      const step = this.#look(this.#decoder.finishChunks());
      if (step !== undefined) return step;
    }
    this.#chunk = undefined;
    return chunk.last || this.#refusal !== undefined
      ? { type: "end", isEndOfData: chunk.last }
      : { type: "chunk end", size: chunk.size };
  }

  /** Hands a slice out, or finds that the message will be refused. */
  #look(slice: Uint8Array | undefined): MailDataStep | undefined {
    if (this.#refusal !== undefined) return undefined;
    const fault = this.#decoder.fault;
    if (fault !== undefined) {
      // RFC 5321 section 2.3.8: CR and LF stand only together.
      this.#refusal = reply(550, "5.6.0", `Message refused: ${fault} in it, lines end in CR LF`);
      return { type: "fault", cause: fault };
    }
    if (slice === undefined) return undefined;
    this.#size += slice.length;
    if (this.#size > this.#maxSize) {
      // RFC 1870 section 6.3.
      this.#refusal = reply(552, "5.3.4", `Message too large: at most ${this.#maxSize} octets`);
      return { type: "fault", cause: "too large" };
    }
    return { type: "content", bytes: slice };
  }
}
