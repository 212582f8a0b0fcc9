/** The two directions of a sender's connection: replies in, octets out. @module */
import { type ReplyOutcome, ReplyParser } from "./reply_parser.ts";

const EMPTY: Uint8Array = new Uint8Array(0);
const utf8 = new TextEncoder();

/** What came and was not read yet, and what waits to be written. */
export class SenderWire {
  #parser = new ReplyParser();
  #input: Uint8Array = EMPTY;
  #position = 0;
  #output: Uint8Array[] = [];
  #text = "";

  /** Whether octets came that were not read. */
  get hasInput(): boolean {
    return this.#position < this.#input.length;
  }

  /** Takes octets that came. They must not be changed before they are read. */
  receive(bytes: Uint8Array): void {
    if (this.hasInput) {
      const rest = this.#input.subarray(this.#position);
      this.#input = new Uint8Array(rest.length + bytes.length);
      this.#input.set(rest);
      this.#input.set(bytes, rest.length);
    } else {
      this.#input = bytes;
    }
    this.#position = 0;
  }

  /** Reads the next reply. */
  next(): ReplyOutcome {
    const outcome = this.#parser.next(this.#input, this.#position);
    this.#position = this.#parser.position;
    if (outcome.kind === "more") this.#forgetInput();
    return outcome;
  }

  /** Writes lines, with their CR LF. */
  say(lines: string): void {
    this.#text += lines;
  }

  /** Writes octets, which are not copied. */
  push(...slices: Uint8Array[]): void {
    this.#sealText();
    for (const slice of slices) this.#output.push(slice);
  }

  /** Gives the octets to write, in order, and forgets them. */
  takeOutput(): Uint8Array[] {
    this.#sealText();
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
  }

  /** Begins anew: nothing is left of either direction. */
  reset(): void {
    this.#parser = new ReplyParser();
    this.#forgetInput();
    this.#text = "";
    this.#output = [];
  }

  #forgetInput(): void {
    this.#input = EMPTY;
    this.#position = 0;
  }

  /** Puts the lines written so far behind the rest of the output. */
  #sealText(): void {
    if (this.#text === "") return;
    this.#output.push(utf8.encode(this.#text));
    this.#text = "";
  }
}
