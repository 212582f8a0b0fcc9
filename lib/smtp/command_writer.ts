/**
 * Writes the commands of a client (RFC 5321 section 4.1.1). What is written comes from strangers, by
 * way of an envelope, so nothing that could begin a second command or a parameter gets through.
 *
 * @module
 */
import { parsePath } from "./address.ts";
import { writeDsnMailParameters, writeDsnRcptParameters } from "./dsn_parameters.ts";
import type { EhloFacts } from "./ehlo_facts.ts";
import type { MailParameters, RcptParameters } from "./envelope.ts";
import { formatPath, type Mailbox, needsUtf8 } from "./mailbox.ts";
import { printable } from "./reply.ts";

/** What a client may call itself: a domain or an address literal, in ASCII. */
const HELO_NAME = /^(?:[A-Za-z0-9._-]{1,255}|\[[A-Za-z0-9.:-]{1,253}\])$/;

/**
 * Writes EHLO, LHLO (RFC 2033 section 4.1) or HELO.
 *
 * @throws {SyntaxError} if the name is neither a domain nor an address literal
 */
export function writeHello(verb: "EHLO" | "LHLO" | "HELO", name: string): string {
  if (!HELO_NAME.test(name)) {
    throw new SyntaxError(`Cannot send ${verb}: "${printable(name)}" is not a host name`);
  }
  return `${verb} ${name}\r\n`;
}

/** Whether a transaction is carried on under SMTPUTF8: asked for, and offered. */
export function isUtf8Transaction(parameters: MailParameters, facts: EhloFacts): boolean {
  return parameters.smtpUtf8 && facts.smtpUtf8;
}

/**
 * Writes MAIL with the parameters that the server offers; the others are left out, so whether the
 * message may go without them is for the caller to know. AUTH= (RFC 4954 section 5) is never said: no
 * next hop has a reason to believe it of us.
 *
 * @throws {SyntaxError} if the reverse-path or the envelope identifier cannot be written
 * @throws {RangeError} if the size is not a whole number of octets
 */
export function writeMail(parameters: MailParameters, facts: EhloFacts): string {
  const { reversePath, size, body } = parameters;
  const utf8 = isUtf8Transaction(parameters, facts);
  let line = `MAIL FROM:${writePath(reversePath, utf8)}`;
  if (size !== undefined && facts.size !== undefined) {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`Cannot send SIZE=${size}`);
    line += ` SIZE=${size}`;
  }
  if (body === "8BITMIME" && facts.eightBitMime) line += " BODY=8BITMIME";
  if (utf8) line += " SMTPUTF8";
  if (parameters.requireTls && facts.requireTls) line += " REQUIRETLS";
  // RFC 3461 sections 5.2.1 and 5.2.2: as it was received, and to no other server.
  if (facts.dsn) line += writeDsnMailParameters(parameters);
  return `${line}\r\n`;
}

/**
 * Writes RCPT, with the parameters that the server offers.
 *
 * @param utf8 whether the transaction is carried on under SMTPUTF8
 * @throws {SyntaxError} if the forward-path or a parameter cannot be written
 */
export function writeRcpt(rcpt: RcptParameters, facts: EhloFacts, utf8: boolean): string {
  const line = `RCPT TO:${writePath(rcpt.forwardPath, utf8)}`;
  return `${line}${facts.dsn ? writeDsnRcptParameters(rcpt, utf8) : ""}\r\n`;
}

/** Writes a path that a receiver would read as the same mailbox, or throws. */
function writePath(path: Mailbox | null, utf8: boolean): string {
  const written = formatPath(path);
  const parsed = parsePath(written, 0);
  if ("fault" in parsed) throw unwritable(written, parsed.fault);
  const { value } = parsed;
  if (
    value?.domain !== path?.domain || value?.localPart !== path?.localPart ||
    !written.isWellFormed()
  ) throw unwritable(written, "it would be read as another");
  // RFC 6531 section 3.1: no octet above 127 in an address unless the extension is in use.
  if (!utf8 && needsUtf8(path)) throw unwritable(written, "SMTPUTF8 is not in use");
  return written;
}

function unwritable(path: string, why: string): SyntaxError {
  return new SyntaxError(`Cannot send the address ${printable(path)}: ${why}`);
}
