/** What the receiver says: replies in order, and how many of them were negative. @module */
import { isPermanent, isPositive, type Reply, replyOctets, standingReply } from "./reply.ts";

/** Output above this is written before more commands are looked at, so that it stays small. */
const HIGH_WATER = 4096;

const TOO_MANY_ERRORS = standingReply(421, "4.7.0", "Too many errors, closing");

/** Collects replies until they are written, all that are there in one piece. */
export class ReplyWriter {
  readonly #maxErrors: number;
  #output: Uint8Array[] = [];
  #length = 0;
  #errors = 0;
  #last: Reply | undefined;

  /** @param maxErrors how many permanent refusals are said; the next one becomes 421 */
  constructor(maxErrors: number) {
    this.#maxErrors = maxErrors;
  }

  /** Whether so much waits to be written that nothing should be added. */
  get isFull(): boolean {
    return this.#length > HIGH_WATER;
  }

  /** The 421 that was said, behind which nothing is (RFC 5321 section 3.8). */
  get last(): Reply | undefined {
    return this.#last;
  }

  /** Says a reply. */
  say(reply: Reply): void {
    const octets = replyOctets(reply);
    this.#output.push(octets);
    this.#length += octets.length;
    if (reply.code === 421) this.#last = reply;
  }

  /** Says a negative reply, or that there were too many of them. Answers what was said. */
  sayNegative(reply: Reply): Reply {
    // Who is put off has made no error, and must come to the recipients behind those of today.
    const isError = isPermanent(reply) && ++this.#errors > this.#maxErrors;
    const said = isError ? TOO_MANY_ERRORS : reply;
    this.say(said);
    return said;
  }

  /** Says what became of one message; in LMTP, failures for many recipients are one error. */
  sayResults(results: readonly Reply[]): Reply {
    const [first, ...others] = results;
    let said = first;
    if (results.some(isPositive)) {
      // Who delivers mail may have a wrong recipient now and then, however long the session.
      this.#errors = 0;
      this.say(first);
    } else {
      said = this.sayNegative(first);
    }
    for (const other of others) {
      if (this.#last !== undefined) break;
      this.say(other);
    }
    return said;
  }

  /** The octets to write, or `undefined` if there are none; they are forgotten here. */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const pieces = this.#output;
    const length = this.#length;
    this.#output = [];
    this.#length = 0;
    if (pieces.length === 1) return pieces[0];
    const octets = new Uint8Array(length);
    let at = 0;
    for (const piece of pieces) {
      octets.set(piece, at);
      at += piece.length;
    }
    return octets;
  }
}
