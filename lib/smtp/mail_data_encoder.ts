/**
 * Prepares mail data for DATA, with stuffed dots and the end (RFC 5321 section 4.5.2), or for BDAT, in
 * chunks (RFC 3030 section 2).
 *
 * @module
 */
import { findLineBreak } from "./octets.ts";

const CR = 13;
const LF = 10;
const DOT = 46;

/** Shorter runs between stuffed dots are copied octet by octet, which is faster for them. */
const SHORT_RUN = 48;

const utf8 = new TextEncoder();
const NOTHING: Uint8Array[] = [];
const ONLY_CR: Uint8Array = new Uint8Array([CR]);
const END: Uint8Array = new Uint8Array([DOT, CR, LF]);
const CRLF_END: Uint8Array = new Uint8Array([CR, LF, DOT, CR, LF]);
const LAST: Uint8Array = utf8.encode("BDAT 0 LAST\r\n");
const CRLF_LAST: Uint8Array = utf8.encode("BDAT 2 LAST\r\n\r\n");

/**
 * The encoder, a streaming transform on slices. A slice in which no line begins with a dot goes out as
 * it is. One that needs dots is copied once with all of them: a write for every line between two dots
 * would cost far more than the copy.
 *
 * A bare CR or a bare LF never goes out, because a server that takes it for the end of a line can be
 * made to see an end of mail data, and commands, where there are none. So a CR at the end of a slice
 * is withheld until the octet behind it is known. After a fault nothing can be sent any more, the end
 * of the data included: half a message must not be taken for a whole one.
 */
export class MailDataEncoder {
  readonly #inChunks: boolean;
  #atLineStart = true;
  #holdsCr = false;
  #fault: string | undefined;

  /** Begins a message, for DATA unless it is to go in chunks. */
  constructor({ inChunks = false }: { readonly inChunks?: boolean } = {}) {
    this.#inChunks = inChunks;
  }

  /**
   * Encodes the next slice of mail data.
   *
   * @returns what to write, in order; parts of `bytes` itself, unless dots were added
   * @throws {RangeError} if there is a bare CR or LF; nothing of the slice was encoded then
   */
  encode(bytes: Uint8Array): Uint8Array[] {
    if (this.#fault !== undefined) throw new RangeError(this.#fault);
    const length = bytes.length;
    if (length === 0) return NOTHING;
    if (this.#holdsCr && bytes[0] !== LF) throw this.#bare("CR");
    const held = this.#holdsCr;
    const dots: number[] = [];
    let read = held ? 1 : 0;
    let atLineStart = held || this.#atLineStart;
    let end = length;
    while (read < length) {
      if (atLineStart && bytes[read] === DOT && !this.#inChunks) dots.push(read);
      read = findLineBreak(bytes, read, length);
      atLineStart = false;
      if (read === length) break;
      if (bytes[read] === LF) throw this.#bare("LF");
      if (read + 1 === length) {
        end = read;
        break;
      }
      if (bytes[read + 1] !== LF) throw this.#bare("CR");
      read += 2;
      atLineStart = true;
    }
    this.#atLineStart = atLineStart;
    this.#holdsCr = end < length;
    const encoded = dots.length > 0 ? stuff(bytes, dots, end) : bytes.subarray(0, end);
    const slices = held ? [ONLY_CR, encoded] : end === 0 ? NOTHING : [encoded];
    if (!this.#inChunks || slices === NOTHING) return slices;
    return [utf8.encode(`BDAT ${end + (held ? 1 : 0)}\r\n`), ...slices];
  }

  /**
   * Ends the mail data. Its last line gets a CR LF if it has none (RFC 5321 section 4.1.1.4).
   *
   * @returns what to write
   * @throws {RangeError} if the data ends in a bare CR, or there was a fault before
   */
  end(): Uint8Array {
    if (this.#fault !== undefined) throw new RangeError(this.#fault);
    if (this.#holdsCr) throw this.#bare("CR");
    if (this.#inChunks) return this.#atLineStart ? LAST : CRLF_LAST;
    return this.#atLineStart ? END : CRLF_END;
  }

  #bare(name: "CR" | "LF"): RangeError {
    this.#fault = `Cannot send a bare ${name} in mail data`;
    return new RangeError(this.#fault);
  }
}

/** Copies the octets up to `end`, with one more dot before each of `dots`. */
function stuff(bytes: Uint8Array, dots: number[], end: number): Uint8Array {
  const out = new Uint8Array(end + dots.length);
  let from = 0;
  let to = 0;
  for (let i = 0; i <= dots.length; i++) {
    const until = i < dots.length ? dots[i] : end;
    if (until - from > SHORT_RUN) {
      out.set(bytes.subarray(from, until), to);
      to += until - from;
    } else {
      for (let at = from; at < until; at++) out[to++] = bytes[at];
    }
    from = until;
    if (i < dots.length) out[to++] = DOT;
  }
  return out;
}
