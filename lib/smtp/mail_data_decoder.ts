/**
 * Takes the mail data of DATA and BDAT off the wire: finds its end, removes the stuffed dots, and
 * sees every line break that is not CR LF.
 *
 * @module
 */
import { wordsOf } from "./octets.ts";

const CR = 13;
const LF = 10;
const DOT = 46;

/** Where in a line the decoder is. */
const LINE_START = 0;
const TEXT = 1;
const AFTER_CR = 2;
const AFTER_DOT = 3;
const AFTER_DOT_CR = 4;
const ENDED = 5;

/** A slice shorter than this is joined to what follows a stuffed dot rather than handed out. */
const WORTH_A_SLICE = 4096;

const CRLF: Uint8Array = new Uint8Array([CR, LF]);
const ONLY_LF: Uint8Array = new Uint8Array([LF]);

/** A line break that mail data may not have. */
export type LineBreakFault = "bare CR" | "bare LF";

/** How a decoder reads. */
export interface MailDataDecoderOptions {
  /**
   * Whether a bare CR or LF is written as CR LF. Otherwise it is a {@linkcode LineBreakFault}. In
   * neither case can it be part of the end of the data or stand before a stuffed dot.
   */
  readonly normalize?: boolean;
  /** Whether the data comes in chunks that say their length (RFC 3030): no dots, no end. */
  readonly chunked?: boolean;
}

/**
 * The decoder, a streaming transform from segments to slices. It writes into the segment it was given
 * to close the gap of a removed dot, and hands out parts of that same segment: no octet of ordinary
 * text is copied.
 *
 * The end of mail data is CR LF `.` CR LF and nothing else (RFC 5321 section 4.1.1.4); the CR LF may
 * be that of the DATA command, so that a message may be empty.
 */
export class MailDataDecoder {
  readonly #normalize: boolean;
  readonly #chunked: boolean;
  #state: number;
  #fault: LineBreakFault | undefined;
  #position = 0;
  /** What must come out before anything else: the octets that a normalized line break gained. */
  #inserted: Uint8Array | undefined;

  /** Begins at the start of mail data. */
  constructor(options: MailDataDecoderOptions = {}) {
    this.#normalize = options.normalize ?? false;
    this.#chunked = options.chunked ?? false;
    this.#state = this.#chunked ? TEXT : LINE_START;
  }

  /** Whether the end of mail data has come. What follows in the segment is not mail data. */
  get isEnded(): boolean {
    return this.#state === ENDED;
  }

  /** The first line break that was not CR LF. From then on no octets come out, only the end. */
  get fault(): LineBreakFault | undefined {
    return this.#fault;
  }

  /** Where in the segment the last {@linkcode decode} stopped. */
  get position(): number {
    return this.#position;
  }

  /** Says that no more chunks come; a CR that waits for its LF is a bare one. */
  finishChunks(): Uint8Array | undefined {
    if (this.#state !== AFTER_CR) return undefined;
    this.#state = TEXT;
    return this.#bare("bare CR") ? ONLY_LF : undefined;
  }

  /**
   * Reads `input` from `start` on and answers the next slice of mail data, or `undefined` once the
   * segment or the mail data is used up. Call it again, with {@linkcode position}, until then.
   */
  decode(input: Uint8Array, start: number): Uint8Array | undefined {
    let slice = this.#decodeSlice(input, start);
    while (slice === undefined && this.#position < input.length && this.#state !== ENDED) {
      slice = this.#decodeSlice(input, this.#position);
    }
    return slice;
  }

  #decodeSlice(input: Uint8Array, start: number): Uint8Array | undefined {
    const inserted = this.#inserted;
    if (inserted !== undefined) {
      this.#inserted = undefined;
      this.#position = start;
      return inserted;
    }
    const end = input.length;
    const chunked = this.#chunked;
    const offset = input.byteOffset;
    const words = wordsOf(input);
    const lastWord = (offset + end) >> 2;
    // What goes out is [start, write) and then, still to be moved down there, [run, read).
    let write = start;
    let run = start;
    let read = start;
    let state = this.#state;
    scan: while (read < end) {
      if (state === TEXT) {
        // The way of nearly every octet: whole lines, with five octets of the segment in sight.
        const safe = end - 5;
        while (read <= safe) {
          let stop = read;
          let octet = input[stop];
          if (run === read && write !== run) {
            // Behind a removed dot, short lines are moved down while they are looked through.
            const near = read + 24 < safe ? read + 24 : safe;
            while (octet !== CR && octet !== LF && stop < near) {
              input[write++] = octet;
              octet = input[++stop];
            }
            run = stop;
          }
          for (; octet > CR || (octet !== CR && octet !== LF); octet = input[stop]) {
            if (((offset + ++stop) & 3) !== 0) continue;
            let k = (offset + stop) >> 2;
            while (k < lastWord) {
              const v = words[k];
              if (((v - 0x0e0e0e0e) & ~v & 0x80808080) !== 0) break;
              k++;
            }
            stop = (k << 2) - offset;
            if (stop > safe) break;
          }
          if (stop > safe || octet !== CR || input[stop + 1] !== LF) {
            read = stop;
            break;
          }
          read = stop + 2;
          if (run === stop && write !== run) {
            input[write++] = CR;
            input[write++] = LF;
            run = read;
          }
          if (chunked || input[read] !== DOT) continue;
          if (input[read + 1] === CR && input[read + 2] === LF) {
            state = LINE_START;
            break;
          }
          if (run === write) write = read;
          else if (run !== read) write = move(input, write, run, read);
          run = ++read;
          if (write - start >= WORTH_A_SLICE) break scan;
        }
        if (read === end) break;
      }
      const octet = input[read];
      switch (state) {
        case TEXT:
          if (octet === CR) {
            state = AFTER_CR;
          } else if (octet === LF && this.#bare("bare LF")) {
            // Its CR goes out before its LF.
            this.#inserted = CRLF;
            write = run === write ? read : move(input, write, run, read);
            run = ++read;
            break scan;
          }
          read++;
          break;
        case AFTER_CR:
          if (octet === LF) {
            read++;
            state = chunked ? TEXT : LINE_START;
            break;
          }
          state = TEXT;
          if (this.#bare("bare CR")) {
            this.#inserted = ONLY_LF;
            break scan;
          }
          break;
        case LINE_START:
          state = TEXT;
          if (octet === DOT) {
            write = run === write ? read : move(input, write, run, read);
            run = ++read;
            state = AFTER_DOT;
          }
          break;
        case AFTER_DOT:
          state = TEXT;
          if (octet === CR) {
            run = ++read;
            state = AFTER_DOT_CR;
          }
          break;
        case AFTER_DOT_CR:
          if (octet === LF) {
            run = ++read;
            state = ENDED;
            break scan;
          }
          // The dot was a stuffed one, and the CR behind it a bare one.
          state = TEXT;
          if (this.#bare("bare CR")) {
            this.#inserted = CRLF;
            break scan;
          }
          break;
        default:
          break scan;
      }
    }
    write = run === write ? read : move(input, write, run, read);
    this.#state = state;
    this.#position = read;
    if (write > start && this.#fault === undefined) return input.subarray(start, write);
    const waiting = this.#inserted;
    this.#inserted = undefined;
    return waiting;
  }

  /** Notes a line break that is not CR LF; answers whether it is to be made one. */
  #bare(fault: LineBreakFault): boolean {
    if (this.#normalize) return true;
    this.#fault ??= fault;
    return false;
  }
}

/** Moves the octets from `start` to `stop` down to `to`; answers the end of where they then are. */
function move(bytes: Uint8Array, to: number, start: number, stop: number): number {
  if (stop - start > 32) {
    bytes.copyWithin(to, start, stop);
    return to + (stop - start);
  }
  for (let i = start; i < stop; i++) bytes[to++] = bytes[i];
  return to;
}
