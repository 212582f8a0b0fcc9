/**
 * One reply of a server to one command: the code, the enhanced status code and the text.
 *
 * @module
 */

import { asciiOctets } from "./octets.ts";

/**
 * A reply (RFC 5321 section 4.2): a three-digit code, an enhanced status code where one applies
 * (RFC 3463; the EHLO and 354 replies carry none), and at least one line of text.
 *
 * @example
 * ```ts
 * import { type Reply, formatReply } from "@smtpd/smtpd";
 *
 * const busy: Reply = { code: 451, enhanced: "4.3.2", lines: ["Come back later"] };
 * console.log(formatReply(busy)); // "451 4.3.2 Come back later\r\n"
 * ```
 */
export interface Reply {
  /** Three digits, 200 to 559. */
  readonly code: number;
  /** The enhanced status code, such as `5.7.1`; its class is the first digit of the code. */
  readonly enhanced?: string;
  /** The text, a line each, without CR, LF or the code. At least one. */
  readonly lines: readonly string[];
}

/**
 * Makes a reply of one line or several.
 *
 * @example
 * ```ts
 * import { reply } from "@smtpd/smtpd";
 *
 * const refusal = reply(550, "5.7.1", "Not from you");
 * console.log(refusal.code); // 550
 * ```
 */
export function reply(code: number, enhanced: string | undefined, ...lines: string[]): Reply {
  return { code, enhanced, lines: lines.length > 0 ? lines : [""] };
}

/** Whether a reply says that the command was carried out or may go on (2yz, 3yz). */
export function isPositive(reply: Reply): boolean {
  return reply.code < 400;
}

/** Whether a reply says that the same command may work later (4yz, RFC 5321 section 4.2.1). */
export function isTransient(reply: Reply): boolean {
  return reply.code >= 400 && reply.code < 500;
}

/** Whether a reply says that the same command must not be tried again (5yz). */
export function isPermanent(reply: Reply): boolean {
  return reply.code >= 500;
}

/**
 * Makes of the results for all recipients the one reply that there is in SMTP: a transient failure
 * first, since then the client keeps the message, then a permanent one, and 250 only if all are. Some
 * recipients may get the message twice; none goes without, and nobody is told a success that was not.
 */
export function replyForAll(results: readonly Reply[]): Reply {
  return results.find(isTransient) ?? results.find(isPermanent) ?? results[0] ??
    reply(554, "5.5.1", "No valid recipients");
}

/** What may stand in the text of a reply: HT and SP to `~` (RFC 5321 section 4.2, textstring). */
const NOT_PRINTABLE = /[^\t\x20-\x7e]/g;

/**
 * Writes a character that may not stand in a log line, a header field or a reply as `\xHH`, so that
 * nothing which came from the wire can end a line there or move a terminal's cursor.
 *
 * @example
 * ```ts
 * import { printable } from "@smtpd/smtpd";
 *
 * console.log(printable("a\r\nb")); // "a\\x0d\\x0ab"
 * ```
 */
export function printable(text: string): string {
  return text.replace(NOT_PRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * Writes a reply as it goes over the wire:
 *
 * ```abnf
 * Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 * ```
 *
 * The enhanced status code stands on each line (RFC 2034 section 4). Characters that a textstring
 * may not have are escaped, so that no text can begin a second reply.
 */
export function formatReply(reply: Reply): string {
  const { code, enhanced, lines } = reply;
  const prefix = enhanced === undefined ? "" : `${enhanced} `;
  const last = lines.length - 1;
  let out = "";
  for (let i = 0; i < last; i++) out += `${code}-${prefix}${printable(lines[i])}\r\n`;
  return `${out}${code} ${prefix}${printable(lines[last])}\r\n`;
}

/** Writes a reply on one line, for people and logs. What it quotes is not escaped. */
export function replyText({ code, enhanced, lines }: Reply): string {
  return `${code} ${enhanced === undefined ? "" : `${enhanced} `}${lines.join(" ")}`;
}

const standing = new WeakMap<Reply, Uint8Array>();

/**
 * Makes a reply that is said again and again: it is written once, here, and not for each client.
 */
export function standingReply(
  code: number,
  enhanced: string | undefined,
  ...lines: string[]
): Reply {
  const made = reply(code, enhanced, ...lines);
  standing.set(made, asciiOctets(formatReply(made)));
  return made;
}

/** Writes a reply as octets, as {@linkcode formatReply} does as text. They must not be changed. */
export function replyOctets(reply: Reply): Uint8Array {
  return standing.get(reply) ?? asciiOctets(formatReply(reply));
}

/**
 * An error that says what to answer. A hook throws it to refuse; the server answers its reply.
 *
 * @example
 * ```ts
 * import { SmtpError } from "@smtpd/smtpd";
 *
 * const error = new SmtpError(452, "4.2.2", "Mailbox full");
 * console.log(error.reply.code); // 452
 * ```
 */
export class SmtpError extends Error {
  /** The reply that the client gets. */
  readonly reply: Reply;

  /** Makes the error from the parts of its reply. */
  constructor(code: number, enhanced: string | undefined, ...lines: string[]) {
    super(lines.join(" "));
    this.name = "SmtpError";
    this.reply = reply(code, enhanced, ...lines);
  }
}
