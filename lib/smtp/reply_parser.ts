/**
 * Reads the replies of a server (RFC 5321 section 4.2), which are hostile input: bounded, checked,
 * and made printable before anybody sees them.
 *
 * @module
 */
import { LineCutter } from "./line_cutter.ts";
import { printable, type Reply } from "./reply.ts";

/**
 * The longest line of a reply in octets, its CR LF included. RFC 5321 section 4.5.3.1.5 asks servers
 * to stay within 512; many write whole URLs and do not, and the challenges of AUTH may have 12,288
 * (RFC 4954 section 4).
 */
export const MAX_REPLY_LINE = 12_288;

/** The most lines that one reply may have. */
export const MAX_REPLY_LINES = 128;

/** The most octets that one reply may have, all its lines together. */
export const MAX_REPLY = 16_384;

/** The outcome of one {@linkcode ReplyParser.next}. */
export type ReplyOutcome =
  /** A whole reply. */
  | { readonly kind: "reply"; readonly reply: Reply }
  /** The server broke the protocol. Whatever follows has no meaning. The text is printable. */
  | { readonly kind: "fault"; readonly text: string }
  /** The input is used up and no reply is whole. */
  | { readonly kind: "more" };

const MORE: ReplyOutcome = { kind: "more" };

/**
 * ```abnf
 * Reply-line = *( Reply-code "-" [ textstring ] CRLF )
 *              Reply-code [ SP textstring ] CRLF
 * Reply-code = %x32-35 %x30-35 %x30-39
 * textstring = 1*(%d09 / %d32-126) ; HT, SP, Printable US-ASCII
 * ```
 *
 * A text that breaks the last rule is no fault, since "any text, including no text at all [...] MUST
 * be acceptable" (RFC 5321 section 4.2); it is made printable.
 */
const REPLY_LINE = /^([2-5][0-5][0-9])(?:([ -])(.*))?$/su;

/**
 * ```abnf
 * status-code = class "." subject "." detail
 * class       = "2" / "4" / "5"
 * subject     = 1*3digit
 * detail      = 1*3digit
 * ```
 *
 * RFC 3463 section 2; the numbers have no leading zeros. RFC 2034 section 4 puts a space behind it.
 */
const STATUS_CODE = /^([245])\.(?:0|[1-9]\d{0,2})\.(?:0|[1-9]\d{0,2})(?= |$)/;

/** Characters of UTF-8 text that move a cursor, end a line or hide others. */
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The reply parser. It keeps no more than one reply, and that one within the limits above. */
export class ReplyParser {
  readonly #cutter = new LineCutter(MAX_REPLY_LINE);
  #position = 0;
  #octets = 0;
  #code = "";
  #lines: string[] = [];

  /** Where in the input the last {@linkcode next} stopped reading. */
  get position(): number {
    return this.#position;
  }

  /** Reads the next reply from `input`, beginning at `start`. Never throws. */
  next(input: Uint8Array, start: number): ReplyOutcome {
    this.#position = start;
    for (;;) {
      const from = this.#position;
      const cut = this.#cutter.cut(input, from);
      this.#position = this.#cutter.position;
      this.#octets += this.#position - from;
      if (this.#octets > MAX_REPLY) return this.#fault(`a reply is over ${MAX_REPLY} octets long`);
      if (cut.kind === "more") return MORE;
      if (cut.kind === "fault") {
        return this.#fault(
          cut.fault === "too long"
            ? `a reply line is over ${MAX_REPLY_LINE} octets long`
            : `a reply line has a ${cut.fault}`,
        );
      }
      const outcome = this.#take(decode(cut.bytes));
      if (outcome !== undefined) return outcome;
    }
  }

  /** Takes one line; answers nothing while the reply goes on. */
  #take(line: string): ReplyOutcome | undefined {
    const match = REPLY_LINE.exec(line);
    if (match === null) return this.#fault(`a reply line has no reply code: "${excerpt(line)}"`);
    const [, code, separator, text = ""] = match;
    // RFC 5321 section 4.2.1: the code must be the same on each line of a reply.
    if (this.#lines.length > 0 && code !== this.#code) {
      return this.#fault(`a reply begins with ${this.#code} and goes on with ${code}`);
    }
    if (this.#lines.length === MAX_REPLY_LINES) {
      return this.#fault(`a reply has over ${MAX_REPLY_LINES} lines`);
    }
    this.#code = code;
    this.#lines.push(text);
    if (separator === "-") return undefined;
    const reply = splitEnhanced(Number(code), this.#lines);
    this.#forget();
    return { kind: "reply", reply };
  }

  #fault(text: string): ReplyOutcome {
    this.#forget();
    return { kind: "fault", text };
  }

  #forget(): void {
    this.#octets = 0;
    this.#code = "";
    this.#lines = [];
  }
}

/**
 * Takes the enhanced status code off the text. It stands on every line (RFC 2034 section 4), so it is
 * dropped wherever it is the same as on the first; another one there remains text. One whose class
 * is not the first digit of the code contradicts it, and remains text too.
 */
function splitEnhanced(code: number, lines: string[]): Reply {
  const match = STATUS_CODE.exec(lines[0]);
  if (match === null || match[1] !== String(code)[0]) return { code, lines };
  const enhanced = match[0];
  return {
    code,
    enhanced,
    lines: lines.map((line) => {
      if (STATUS_CODE.exec(line)?.[0] !== enhanced) return line;
      return line.slice(enhanced.length + 1);
    }),
  };
}

/** Decodes a line: UTF-8 where it is that (RFC 6531 section 3.7.4.2), else octets made printable. */
function decode(bytes: Uint8Array): string {
  let text: string | undefined;
  try {
    text = utf8.decode(bytes);
  } catch {
    // The text is in some older encoding, and there is no way to tell which.
  }
  if (text !== undefined && !CONTROL.test(text.replaceAll("\t", " "))) return text;
  return printable(String.fromCharCode(...bytes));
}

function excerpt(line: string): string {
  return printable(line.length > 80 ? `${line.slice(0, 80)}...` : line);
}
