/**
 * Cuts a stream of octets into lines that end in CR LF and in nothing else, whatever segments the
 * octets come in. Both the receiver and the sender read through it.
 *
 * @module
 */

const CR = 13;
const LF = 10;

/** What was wrong with a line. */
export type LineFault = "too long" | "bare CR" | "bare LF";

/** The outcome of one {@linkcode LineCutter.cut}. */
export type Cut =
  /** A line, without its CR LF. The octets are valid until the next call. */
  | { readonly kind: "line"; readonly bytes: Uint8Array }
  /** A line that must be refused. It is reported once; nothing of it will ever be a line. */
  | { readonly kind: "fault"; readonly fault: LineFault }
  /** The input is used up. */
  | { readonly kind: "more" };

const MORE: Cut = { kind: "more" };
const EMPTY = new Uint8Array(0);

/**
 * The line cutter. A line that lies whole in one segment is answered without a copy; only the
 * beginning of an unfinished line is kept, so a waiting session keeps nothing.
 */
export class LineCutter {
  readonly #limit: number;
  readonly #normalize: boolean;
  #kept: Uint8Array = EMPTY;
  #keptLength = 0;
  /** The fault of the line under way; its octets are dropped up to its CR LF. */
  #fault: LineFault | undefined;
  #faultTold = false;
  #endsInCr = false;
  #position = 0;

  /**
   * @param limit the longest line in octets, its CR LF included
   * @param normalize whether a bare CR or a bare LF ends a line, instead of being a fault
   */
  constructor(limit: number, normalize = false) {
    this.#limit = limit;
    this.#normalize = normalize;
  }

  /** Where in the input the last {@linkcode cut} stopped reading. */
  get position(): number {
    return this.#position;
  }

  /** Whether the beginning of a line is held, and its end is awaited. */
  get isInsideLine(): boolean {
    return this.#keptLength > 0 || this.#fault !== undefined || this.#endsInCr;
  }

  /** Reads the next line from `input`, beginning at `start`. */
  cut(input: Uint8Array, start: number): Cut {
    // To look far ahead for an LF is right only where no other octet ends a line: a segment of nothing
    // but CRs would be searched through once for each of them.
    const isAtStart = this.#keptLength === 0 && this.#fault === undefined && !this.#endsInCr;
    if (isAtStart && !this.#normalize) {
      const lf = input.indexOf(LF, start);
      if (lf > start && input[lf - 1] === CR && lf + 1 - start <= this.#limit) {
        const cr = input.indexOf(CR, start);
        if (cr === lf - 1) {
          this.#position = lf + 1;
          return { kind: "line", bytes: input.subarray(start, cr) };
        }
      }
    }
    return this.#cutSlowly(input, start);
  }

  /** The way of lines that come in pieces or have something wrong with them: octet by octet. */
  #cutSlowly(input: Uint8Array, start: number): Cut {
    for (let i = start; i < input.length; i++) {
      const octet = input[i];
      if (this.#endsInCr) {
        this.#endsInCr = false;
        if (octet === LF) {
          this.#position = i + 1;
          const cut = this.#finish();
          if (cut !== undefined) return cut;
          continue;
        }
        if (this.#normalize) {
          // The octet behind the bare CR begins the next line, so it is read again.
          this.#position = i;
          const cut = this.#finish();
          if (cut !== undefined) return cut;
        } else {
          this.#spoil("bare CR");
        }
      }
      if (octet === CR) {
        this.#endsInCr = true;
      } else if (octet === LF) {
        this.#position = i + 1;
        if (this.#normalize) {
          const cut = this.#finish();
          if (cut !== undefined) return cut;
          continue;
        }
        this.#spoil("bare LF");
        if (!this.#faultTold) {
          // A client that ends its lines in LF alone would wait for ever for the end of this one.
          this.#faultTold = true;
          return { kind: "fault", fault: this.#fault ?? "bare LF" };
        }
      } else if (this.#fault === undefined) {
        this.#keep(octet);
      }
    }
    this.#position = input.length;
    return MORE;
  }

  #keep(octet: number): void {
    if (this.#keptLength + 3 > this.#limit) return this.#spoil("too long");
    if (this.#keptLength === this.#kept.length) {
      const larger = new Uint8Array(Math.min(this.#limit, Math.max(64, this.#kept.length * 2)));
      larger.set(this.#kept);
      this.#kept = larger;
    }
    this.#kept[this.#keptLength++] = octet;
  }

  #spoil(fault: LineFault): void {
    this.#fault ??= fault;
    this.#kept = EMPTY;
    this.#keptLength = 0;
  }

  /** Ends the line under way; answers nothing when its fault was already told. */
  #finish(): Cut | undefined {
    const fault = this.#fault;
    const told = this.#faultTold;
    const bytes = this.#kept.subarray(0, this.#keptLength);
    this.#fault = undefined;
    this.#faultTold = false;
    this.#kept = EMPTY;
    this.#keptLength = 0;
    if (fault === undefined) return { kind: "line", bytes };
    return told ? undefined : { kind: "fault", fault };
  }
}
