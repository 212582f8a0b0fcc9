/**
 * Reads along while a message comes in, as far as its header section goes: keeps a copy of it, finds
 * where the body begins, and counts what a server must know of before it accepts the message.
 *
 * @module
 */
import { type Reply, reply } from "../smtp/reply.ts";
import {
  fieldNameEnd,
  type HeaderField,
  isFolding,
  isMailStoreLine,
  parseHeader,
} from "./header.ts";

/** How much of a header section is read. */
export interface HeaderLimits {
  /**
   * Octets. 256 KiB is several times what real messages bring (a thousand recipients in To take about
   * 50 KB), and with a thousand sessions at once still memory that a server has.
   */
  readonly octets: number;
  /**
   * Fields. A thousand is ten times a message that has come a long way; without this limit the least
   * fields that fit (`a:` CR LF) would make 65,000 objects out of 256 KiB.
   */
  readonly fields: number;
  /**
   * Received fields: as many make a loop. RFC 5321 section 6.3 wants a large number, "normally at
   * least 100".
   */
  readonly hops: number;
}

/** The limits that are used unless others are given. */
export const HEADER_LIMITS: HeaderLimits = { octets: 256 * 1024, fields: 1000, hops: 100 };

/** The message has gone round in a circle. */
const TOO_MANY_HOPS: Reply = reply(554, "5.4.6", "Too many hops: this message is in a loop");

/** 552 5.3.4 is a size that this system has a limit for; 5.6.0 would say that the content is at fault. */
const HEADER_TOO_LARGE: Reply = reply(
  552,
  "5.3.4",
  "The header section of this message is too large",
);

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
/** "received" in lower case. */
const RECEIVED = new TextEncoder().encode("received");
const NOTHING = new Uint8Array(0);

/**
 * The scanner. It is fed the mail data as it comes, unstuffed and with its lines ended by CR LF, in
 * slices of any size, and is done with a slice when {@linkcode scan} returns.
 *
 * The header section ends with an empty line; or before a line that is no header field, so that a
 * message which has only a body is not taken for an endless header section; or with the message.
 */
export class HeaderScanner {
  readonly #limits: HeaderLimits;
  /** What has come, until the header section is complete; then the header section. */
  #kept: Uint8Array = NOTHING;
  #keptLength = 0;
  /** Where the line under way begins, and how far it was searched for its end. */
  #lineStart = 0;
  #searched = 0;
  /** Where the last field begins; it may be continued in the next line. */
  #fieldStart = 0;
  #bodyStart = -1;
  #startsWithField = false;
  #fieldCount = 0;
  #receivedCount = 0;
  #tooLarge = false;
  #fields: HeaderField[] | undefined;

  /** @param limits how much to read at most */
  constructor(limits: HeaderLimits = HEADER_LIMITS) {
    this.#limits = limits;
  }

  /** Whether the end of the header section was found. Then the rest need not be fed. */
  get isComplete(): boolean {
    return this.#bodyStart !== -1;
  }

  /** Whether the header section went over a limit. Nothing more of it is read. */
  get tooLarge(): boolean {
    return this.#tooLarge;
  }

  /**
   * Where in the message the body begins, behind the empty line; `undefined` until it is known. The
   * header section is complete before that octet.
   */
  get bodyStart(): number | undefined {
    return this.#bodyStart === -1 ? undefined : this.#bodyStart;
  }

  /** Whether the message begins with a header field, as RFC 5322 section 3.5 has it. */
  get startsWithField(): boolean {
    return this.#startsWithField;
  }

  /** How many fields there are, or have been so far. */
  get fieldCount(): number {
    return this.#fieldCount;
  }

  /** How many of them are Received fields: the servers that the message came through. */
  get receivedCount(): number {
    return this.#receivedCount;
  }

  /**
   * The reply for a message that must not be accepted because of what was read: too many hops
   * (RFC 5321 section 6.3), a header section over the limit. It can be asked at any time.
   */
  get refusal(): Reply | undefined {
    if (this.#receivedCount >= this.#limits.hops) return TOO_MANY_HOPS;
    return this.#tooLarge ? HEADER_TOO_LARGE : undefined;
  }

  /** The octets of the header section, its empty line included; or what has come of it so far. */
  get octets(): Uint8Array {
    return this.#kept.subarray(0, this.isComplete ? this.#bodyStart : this.#keptLength);
  }

  /** The fields in order; while the header section is not complete, those that have come whole. */
  fields(): readonly HeaderField[] {
    if (this.#fields !== undefined) return this.#fields;
    if (!this.isComplete) return parseHeader(this.octets.subarray(0, this.#fieldStart));
    return this.#fields = parseHeader(this.octets);
  }

  /** Takes the next slice of the message. A slice behind the header section costs nothing. */
  scan(bytes: Uint8Array): void {
    if (this.#bodyStart !== -1 || this.#tooLarge) return;
    if (this.#keptLength === 0) {
      // Most header sections lie whole in the first slice, so it is read where it is.
      this.#read(bytes, bytes.length);
      if (this.#bodyStart === -1) this.#keep(bytes);
      else if (this.#bodyStart > 0) this.#kept = bytes.slice(0, this.#bodyStart);
    } else {
      this.#keep(bytes);
      this.#read(this.#kept, this.#keptLength);
    }
    if (this.#bodyStart === -1 && this.#keptLength === this.#limits.octets) this.#giveUp();
  }

  /** Says that the message has ended; a header section without an empty line ends with it. */
  end(): void {
    if (this.#bodyStart === -1 && !this.#tooLarge) this.#bodyStart = this.#keptLength;
  }

  /** Reads the lines that have come whole. */
  #read(octets: Uint8Array, length: number): void {
    const limit = Math.min(length, this.#limits.octets);
    let start = this.#lineStart;
    let lf = this.#searched;
    for (;;) {
      while (lf < limit && octets[lf] !== LF) lf++;
      if (lf >= limit) break;
      const first = octets[start];
      if (first === CR && lf === start + 1) {
        this.#bodyStart = lf + 1;
        return;
      }
      if ((first !== SP && first !== HTAB) || start === 0) {
        this.#fieldStart = start;
        if (!this.#readLine(octets, start, lf)) {
          this.#bodyStart = start;
          return;
        }
        if (this.#fieldCount > this.#limits.fields) {
          this.#tooLarge = true;
          return;
        }
      }
      start = lf + 1;
      this.#lineStart = start;
      lf = start;
    }
    this.#searched = limit;
  }

  /** Takes note of the first line of a field; answers whether it is one. */
  #readLine(octets: Uint8Array, start: number, end: number): boolean {
    const nameEnd = fieldNameEnd(octets, start, end);
    if (nameEnd === -1 || nameEnd === end) return start === 0 && isMailStoreLine(octets, end);
    if (start === 0) this.#startsWithField = true;
    this.#fieldCount++;
    if (nameEnd === start + RECEIVED.length) {
      let i = 0;
      while (i < RECEIVED.length && (octets[start + i] | 0x20) === RECEIVED[i]) i++;
      if (i === RECEIVED.length) this.#receivedCount++;
    }
    return true;
  }

  /** Keeps a copy of what has come, up to the limit. */
  #keep(bytes: Uint8Array): void {
    const length = Math.min(this.#keptLength + bytes.length, this.#limits.octets);
    if (length > this.#kept.length) {
      const size = Math.min(this.#limits.octets, Math.max(length, this.#kept.length * 2, 1024));
      const larger = new Uint8Array(size);
      larger.set(this.#kept.subarray(0, this.#keptLength));
      this.#kept = larger;
    }
    this.#kept.set(bytes.subarray(0, length - this.#keptLength), this.#keptLength);
    this.#keptLength = length;
  }

  /** The limit is reached: too large, unless the line under way is already one of the body. */
  #giveUp(): void {
    if (this.#tooLarge) return;
    const start = this.#lineStart;
    const first = this.#kept[start];
    const isBody = start < this.#keptLength && !(start > 0 && isFolding(first)) && first !== CR &&
      fieldNameEnd(this.#kept, start, this.#keptLength) === -1;
    if (isBody) this.#bodyStart = start;
    else this.#tooLarge = true;
  }
}
