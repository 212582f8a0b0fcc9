/**
 * The trace fields that a server adds to a message (RFC 5321 section 4.4, RFC 6531 section 3.7.3).
 *
 * What a client said of itself goes into them, so each part is either known to fit its place in the
 * grammar, or made to fit, or left out: no client can end the field, or write one of its own.
 *
 * @module
 */
import { formatMailbox, formatPath, type Mailbox, needsUtf8 } from "../smtp/mailbox.ts";
import { dateTime } from "./date_time.ts";

/** The protocols of the "with" clause (RFC 3848, RFC 6531 section 4.3). */
export type TransmissionType =
  | "SMTP"
  | `${"ESMTP" | "LMTP" | "UTF8SMTP" | "UTF8LMTP"}${"" | "A" | "S" | "SA"}`;

/**
 * Names the protocol of a session for the "with" clause: an `S` where TLS was negotiated, an `A` where
 * the client is authenticated, `UTF8` for a message that came with SMTPUTF8.
 */
export function transmissionType(facts: {
  /** What the session was greeted with. */
  readonly protocol: "SMTP" | "ESMTP" | "LMTP" | undefined;
  /** Whether MAIL had SMTPUTF8. */
  readonly smtpUtf8: boolean;
  /** Whether the session runs over TLS. */
  readonly tls?: boolean;
  /** Whether the client has authenticated. */
  readonly authenticated?: boolean;
}): TransmissionType {
  const { protocol, smtpUtf8, tls = false, authenticated = false } = facts;
  // No extension goes with HELO, and no name is registered for it with one.
  if (protocol === "SMTP" || protocol === undefined) return "SMTP";
  const base = !smtpUtf8 ? protocol : protocol === "LMTP" ? "UTF8LMTP" : "UTF8SMTP";
  return tls ? (authenticated ? `${base}SA` : `${base}S`) : authenticated ? `${base}A` : base;
}

/** What a Received field says. */
export interface Received {
  /** Whether nothing of the client is told: neither its address nor what it called itself. */
  readonly hidesClient?: boolean;
  /** The session; only the client's address is looked at. */
  readonly session: { readonly remote: { readonly address: string } };
  /** What the client called itself; any text. */
  readonly heloName: string | undefined;
  /** Our own name: a domain or an address literal. */
  readonly hostname: string;
  /** Our name for the message: an Atom (RFC 5322 section 3.2.3). */
  readonly id: string;
  /** How the message came. */
  readonly protocol: TransmissionType;
  /**
   * The recipient, only where there is exactly one: with more, the field would tell each of the others
   * (RFC 5321 section 7.2).
   */
  readonly forwardPath?: Mailbox;
  /** What was agreed on in TLS, if it came so. */
  readonly tls?: { readonly version: string; readonly cipher: string };
  /** When the message came. */
  readonly date: Date;
  /** The time zone in which to write the date, in minutes east of UTC; the machine's if left out. */
  readonly timezone?: number;
}

/** RFC 5322 section 2.1.1: lines should be no longer than this, and must not be longer than 998. */
const LINE_WIDTH = 78;
/** A tab begins each further line. */
const INDENT = "\r\n\t";
const INDENT_WIDTH = 8;

/** A path over this length is left out of the field, long before its line is over 998 octets. */
const MAX_PATH = 700;

/** `Domain`, and beside it underscores and hyphens anywhere, which are common and do no harm. */
const DOMAIN = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
/** `address-literal`, only of what addresses are made of: its grammar would let parentheses in. */
const ADDRESS_LITERAL = /^\[[A-Za-z0-9:.-]+\]$/;
/** A cipher suite as IANA names it. */
const CIPHER = /^[A-Z0-9_]{1,60}$/;
const ADDRESS = /^[0-9A-Fa-f:.]+$/;
/**
 * What is replaced in a comment. Its grammar lets more stand (ctext, RFC 5322 section 3.2.2), but
 * there are readers that take quotes, a semicolon or an encoded word (RFC 2047) there for their own.
 */
const NOT_COMMENT_TEXT = /[^A-Za-z0-9 ._:@[\]-]/g;
/** As much of a name as fits into one line. */
const MAX_COMMENT = 56;
/** Controls (C0, DEL, C1) and the line separators of Unicode. */
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

/**
 * Writes the Received field for a message, folded, with its CR LF.
 *
 * ```abnf
 * Time-stamp-line = "Received:" FWS Stamp <CRLF>
 * Stamp           = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
 * From-domain     = "FROM" FWS Extended-Domain
 * By-domain       = CFWS "BY" FWS Extended-Domain
 * Extended-Domain = Domain /
 *                   ( Domain FWS "(" TCP-info ")" ) /
 *                   ( address-literal FWS "(" TCP-info ")" )
 * TCP-info        = address-literal / ( Domain FWS address-literal )
 * Opt-info        = [Via] [With] [ID] [For] [Additional-Registered-Clauses]
 * With            = CFWS "WITH" FWS Protocol
 * ID              = CFWS "ID" FWS ( Atom / msg-id )
 * For             = CFWS "FOR" FWS ( Path / Mailbox )
 * tls-clause      = CFWS "tls" FWS cipher-suite
 * ```
 *
 * (The last one is among the Additional-Registered-Clauses, RFC 8314 section 4.3.)
 *
 * A name of the client that is neither a domain nor an address literal is replaced by the address
 * literal of the connection and stands in a comment, with `?` for what could be more than text there.
 */
export function receivedField(received: Received): string {
  const { session, heloName, hostname, id, protocol, forwardPath, tls, date, timezone } = received;
  const address = addressLiteral(session.remote.address);
  const parts: string[] = [];
  if (received.hidesClient) {
    // RFC 5321 section 7.2 leaves that to whoever protects the people who submit mail.
  } else if (isHostName(heloName)) {
    parts.push(`from ${heloName}`);
    if (address !== undefined) parts.push(`(${address})`);
  } else {
    parts.push(`from ${address ?? "unknown"}`);
    if (address !== undefined) parts.push(`(${address})`);
    if (heloName !== undefined && heloName !== "") parts.push(`(greeted as ${comment(heloName)})`);
  }
  parts.push(`by ${isHostName(hostname) ? hostname : "unknown"}`, `with ${protocol}`, `id ${id}`);
  const path = forwardPath === undefined ? undefined : forClause(forwardPath, protocol);
  if (path !== undefined) parts.push(`for ${path}`);
  if (tls !== undefined && CIPHER.test(tls.cipher)) {
    parts.push(`tls ${tls.cipher}`, `(${comment(tls.version)})`);
  }
  parts[parts.length - 1] += ";";
  parts.push(dateTime(date, timezone));
  return fold("Received:", parts);
}

/**
 * Writes the Return-Path field, with its CR LF. The final delivery puts it first in the message
 * (RFC 5321 section 4.4).
 *
 * ```abnf
 * Return-path-line = "Return-Path:" FWS Reverse-path <CRLF>
 * ```
 *
 * @throws {TypeError} if the reverse-path holds control characters, which no parser lets through
 */
export function returnPathField(reversePath: Mailbox | null): string {
  const path = formatPath(reversePath);
  if (UNSAFE.test(path)) {
    throw new TypeError("Cannot write a reverse-path that holds control characters");
  }
  return `Return-Path: ${path}\r\n`;
}

/**
 * Writes the Delivered-To field, with its CR LF, as programs that deliver further expect it (RFC 9228).
 *
 * @throws {TypeError} if the mailbox holds control characters, which no parser lets through
 */
export function deliveredToField(mailbox: Mailbox): string {
  const text = formatMailbox(mailbox);
  if (UNSAFE.test(text)) {
    throw new TypeError("Cannot write a mailbox that holds control characters");
  }
  return `Delivered-To: ${text}\r\n`;
}

const CRLF = new Uint8Array([13, 10]);

/**
 * Answers the octets to put between our trace fields and a message that begins with the given octet:
 * an empty line if that is white space, which would continue our last field with the client's words
 * (RFC 5322 section 2.2.3), and else nothing. Such a message has no header section, so none is lost.
 *
 * @param firstOctet the first octet of the message; `undefined` if it is empty
 */
export function separatorBefore(firstOctet: number | undefined): Uint8Array | undefined {
  return firstOctet === 32 || firstOctet === 9 ? CRLF : undefined;
}

/**
 * Writes an address as an address literal (RFC 5321 section 4.1.3), without the zone of a link-local
 * one, or answers `undefined` for what is no address.
 */
export function addressLiteral(address: string): string | undefined {
  const zone = address.indexOf("%");
  const bare = zone === -1 ? address : address.slice(0, zone);
  if (!ADDRESS.test(bare)) return undefined;
  return bare.includes(":") ? `[IPv6:${bare}]` : `[${bare}]`;
}

/** Whether a name may stand where a domain or an address literal belongs in a header field. */
export function isHostName(name: string | undefined): name is string {
  return name !== undefined && name.length <= 255 &&
    (DOMAIN.test(name) || ADDRESS_LITERAL.test(name));
}

function comment(text: string): string {
  return text.slice(0, MAX_COMMENT).replace(NOT_COMMENT_TEXT, "?");
}

/** The path of a "for" clause, or `undefined` for one that may not stand there. */
function forClause(mailbox: Mailbox, protocol: TransmissionType): string | undefined {
  // The bare Postmaster is no Path of this grammar.
  if (mailbox.domain === "") return undefined;
  // RFC 6531 section 3.7.3: only a message with SMTPUTF8 has trace fields that are not ASCII.
  if (needsUtf8(mailbox) && !protocol.startsWith("UTF8")) return undefined;
  const path = formatPath(mailbox);
  return path.length > MAX_PATH || UNSAFE.test(path) ? undefined : path;
}

/** Fills lines with the parts; a part is never cut. */
function fold(name: string, parts: readonly string[]): string {
  let field = name;
  let column = name.length;
  for (const part of parts) {
    if (column + 1 + part.length > LINE_WIDTH) {
      field += INDENT + part;
      column = INDENT_WIDTH + part.length;
    } else {
      field += ` ${part}`;
      column += 1 + part.length;
    }
  }
  return `${field}\r\n`;
}

/** Writes the Received field for a message that a program on this host handed in, with its CR LF. */
export function localReceivedField(
  { hostname, id, date, timezone }: Pick<Received, "hostname" | "id" | "date" | "timezone">,
): string {
  const by = `by ${isHostName(hostname) ? hostname : "unknown"}`;
  return fold("Received:", [by, "(smtpd, from this host)", `id ${id};`, dateTime(date, timezone)]);
}
