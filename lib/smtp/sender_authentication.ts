/** The lines of an AUTH exchange as a client writes and reads them (RFC 4954 section 4). @module */
import { decodeBase64, encodeBase64 } from "./base64.ts";
import type { Reply } from "./reply.ts";

/**
 * The longest command line in octets, its CR LF included (RFC 5321 section 4.5.3.1.4), which AUTH keeps
 * to as every command does.
 */
const MAX_COMMAND = 512;

/** The longest line of a response in octets, its CR LF included (RFC 4954 section 4). */
const MAX_RESPONSE = 12_288;

/**
 * ```abnf
 * sasl-mech = 1*20mech-char
 * mech-char = UPPER-ALPHA / DIGIT / HYPHEN / UNDERSCORE
 * ```
 *
 * RFC 4422 section 3.1.
 */
const MECHANISM = /^[A-Z0-9_-]{1,20}$/;

/** The line that gives an exchange up. */
export const CANCEL = "*\r\n";

/** What a 334 reply asks for. */
export type Challenge =
  /** The caller is told of it. */
  | { readonly kind: "challenge"; readonly octets: Uint8Array }
  /** It is answered at once by this line. */
  | { readonly kind: "line"; readonly line: string }
  /** The server is to blame, and was told so already. */
  | { readonly kind: "fault"; readonly text: string };

/** One exchange. */
export class SenderAuthentication {
  /** The line of AUTH, with its CR LF. */
  readonly line: string;
  /** The initial response, where it did not fit into the command. */
  #held: string | undefined;
  #fault: string | undefined;

  /**
   * Begins an exchange.
   *
   * @throws {SyntaxError} if the mechanism has no name of a mechanism
   * @throws {RangeError} if the initial response is longer than a line may be
   */
  constructor(mechanism: string, initialResponse?: Uint8Array) {
    if (!MECHANISM.test(mechanism)) {
      throw new SyntaxError("Cannot send AUTH: the mechanism has no name that SASL allows");
    }
    let line = `AUTH ${mechanism}`;
    if (initialResponse !== undefined) {
      // RFC 4954 section 4: an empty one is written "=", since it must be told from none.
      const written = initialResponse.length === 0 ? "=" : encodeBase64(initialResponse);
      if (line.length + written.length + 3 <= MAX_COMMAND) line += ` ${written}`;
      else this.#held = writeResponse(initialResponse);
    }
    this.line = `${line}\r\n`;
  }

  /** What the server did wrong, once it did; whatever it says to our giving up is of no interest. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Takes a 334 reply. */
  take({ lines }: Reply): Challenge {
    if (this.#fault !== undefined) return { kind: "fault", text: this.#fault };
    const octets = lines.length === 1 ? decodeBase64(lines[0]) : undefined;
    if (octets === undefined) return this.#cancel("a challenge is not in base64");
    const held = this.#held;
    if (held === undefined) return { kind: "challenge", octets };
    this.#held = undefined;
    // RFC 4422 section 3.3: a mechanism whose client begins has an empty first challenge.
    if (octets.length > 0) return this.#cancel("a challenge came before the initial response");
    return { kind: "line", line: held };
  }

  #cancel(fault: string): Challenge {
    this.#fault = fault;
    return { kind: "line", line: CANCEL };
  }
}

/**
 * Writes a response to a challenge.
 *
 * @throws {RangeError} if it is longer than a line may be
 */
export function writeResponse(octets: Uint8Array): string {
  const line = `${encodeBase64(octets)}\r\n`;
  if (line.length > MAX_RESPONSE) {
    throw new RangeError(`Cannot send a response of ${octets.length} octets: it is too long`);
  }
  return line;
}
