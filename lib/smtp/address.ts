/**
 * Parsers for paths and mailboxes (RFC 5321 section 4.1.2, with RFC 6531 section 3.3).
 *
 * None of them calls itself, so that no input is deep. What they answer is the meaning of an address;
 * what a local part may look like to others (`%`, `!`, a quoted `@`) has none here.
 *
 * @module
 */
import type { Mailbox } from "./mailbox.ts";

/**
 * The longest local part in octets. RFC 5321 section 4.5.3.1.1 asks for 64 and for no limit where that
 * can be had; senders that encode a recipient in their reverse-path need more than 64.
 */
export const MAX_LOCAL_PART = 255;

/** The longest domain in octets (RFC 5321 section 4.5.3.1.2). */
export const MAX_DOMAIN = 255;

/** The longest label of a domain in octets (RFC 1035 section 2.3.4). */
const MAX_LABEL = 63;

/** Where a parser stopped, or what was wrong. */
export type Parsed<T> =
  | { readonly value: T; readonly next: number }
  | { readonly fault: string };

const ATEXT = 1;
const LET_DIG = 2;
const HEX = 4;
const CLASS = new Uint8Array(128);
for (const c of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") {
  CLASS[c.charCodeAt(0)] = ATEXT | LET_DIG;
}
for (const c of "!#$%&'*+-/=?^_`{|}~") CLASS[c.charCodeAt(0)] = ATEXT;
for (const c of "0123456789abcdefABCDEF") CLASS[c.charCodeAt(0)] |= HEX;

/** Whether a UTF-16 code unit is of a class; all of UTF8-non-ascii is atext and let-dig (RFC 6531). */
function is(code: number, mask: number): boolean {
  return code < 128 ? (CLASS[code] & mask) !== 0 : code >= 0xa0 && mask !== HEX;
}

const utf8 = new TextEncoder();

/** The length in octets, without encoding what is plainly short enough. */
function longerThan(text: string, limit: number): boolean {
  return text.length * 3 > limit && utf8.encode(text).length > limit;
}

/**
 * Parses a reverse-path or a forward-path.
 *
 * ```abnf
 * Reverse-path = Path / "<>"
 * Forward-path = Path
 * Path         = "<" [ A-d-l ":" ] Mailbox ">"
 * A-d-l        = At-domain *( "," At-domain )
 * At-domain    = "@" Domain
 * ```
 *
 * The source route is checked and then ignored (RFC 5321 section 4.1.1.3 and appendix C). The bare
 * `<Postmaster>` of RCPT is answered with an empty domain (section 4.1.1.3).
 */
export function parsePath(text: string, start: number): Parsed<Mailbox | null> {
  if (text[start] !== "<") return { fault: "the address must stand in angle brackets" };
  let at = start + 1;
  if (text[at] === ">") return { value: null, next: at + 1 };
  if (text[at] === "@") {
    for (;;) {
      const domain = parseDomain(text, at + 1);
      if ("fault" in domain) return domain;
      at = domain.next;
      if (text[at] === ":") break;
      if (text[at] !== "," || text[at + 1] !== "@") return { fault: "bad source route" };
      at++;
    }
    at++;
  }
  const mailbox = parseMailbox(text, at);
  if ("fault" in mailbox) return mailbox;
  const isRouted = at > start + 1;
  if (isRouted && mailbox.value.domain === "") return { fault: "the address has no @domain" };
  if (text[mailbox.next] !== ">") return { fault: "the address has no closing angle bracket" };
  return { value: mailbox.value, next: mailbox.next + 1 };
}

/** Parses a text that is one path and nothing else. */
export function parseWholePath(text: string): Parsed<Mailbox | null> {
  const path = parsePath(text, 0);
  return "fault" in path || path.next === text.length
    ? path
    : { fault: "it is more or less than one address" };
}

/**
 * Parses a mailbox.
 *
 * ```abnf
 * Mailbox    = Local-part "@" ( Domain / address-literal )
 * Local-part = Dot-string / Quoted-string
 * ```
 */
export function parseMailbox(text: string, start: number): Parsed<Mailbox> {
  const local = text[start] === '"' ? parseQuotedString(text, start) : parseDotString(text, start);
  if ("fault" in local) return local;
  const localPart = local.value;
  if (longerThan(localPart, MAX_LOCAL_PART)) return { fault: "the local part is too long" };
  if (text[local.next] !== "@") {
    if (localPart.toLowerCase() === "postmaster" && text[local.next] === ">") {
      return { value: { localPart, domain: "" }, next: local.next };
    }
    return { fault: "the address has no @domain" };
  }
  const at = local.next + 1;
  const domain = text[at] === "[" ? parseAddressLiteral(text, at) : parseDomain(text, at);
  if ("fault" in domain) return domain;
  return { value: { localPart, domain: domain.value }, next: domain.next };
}

/**
 * ```abnf
 * Dot-string = Atom *( "." Atom )
 * Atom       = 1*atext
 * ```
 */
function parseDotString(text: string, start: number): Parsed<string> {
  let i = start;
  let atomStart = i;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (i === atomStart) return { fault: "the local part has an empty atom" };
      atomStart = i + 1;
    } else if (!is(code, ATEXT)) {
      break;
    }
  }
  if (i === start) return { fault: "the local part is missing or has a character it may not have" };
  if (i === atomStart) return { fault: "the local part ends in a dot" };
  return { value: text.slice(start, i), next: i };
}

/**
 * ```abnf
 * Quoted-string    = DQUOTE *QcontentSMTP DQUOTE
 * QcontentSMTP     = qtextSMTP / quoted-pairSMTP
 * quoted-pairSMTP  = %d92 %d32-126
 * qtextSMTP        = %d32-33 / %d35-91 / %d93-126 / UTF8-non-ascii
 * ```
 */
function parseQuotedString(text: string, start: number): Parsed<string> {
  let value = "";
  for (let i = start + 1; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === 0x22) return { value, next: i + 1 };
    if (code === 0x5c) {
      code = text.charCodeAt(++i);
      if (!(code >= 0x20 && code < 0x7f)) return { fault: "bad quoted pair in the local part" };
    } else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
      return { fault: "the local part has a control character" };
    }
    value += text[i];
  }
  return { fault: "the quoted local part has no end" };
}

/**
 * ```abnf
 * Domain     = sub-domain *( "." sub-domain )
 * sub-domain = Let-dig [Ldh-str] / U-label
 * Ldh-str    = *( ALPHA / DIGIT / "-" ) Let-dig
 * ```
 */
export function parseDomain(text: string, start: number): Parsed<string> {
  let i = start;
  let labelStart = i;
  for (; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0;
    if (is(code, LET_DIG)) continue;
    if (code === 0x2d) {
      if (i === labelStart) return { fault: "a label of the domain begins with a hyphen" };
      continue;
    }
    if (i === labelStart) return { fault: "the domain has an empty label" };
    if (text.charCodeAt(i - 1) === 0x2d) return { fault: "a label of the domain ends in a hyphen" };
    if (longerThan(text.slice(labelStart, i), MAX_LABEL)) {
      return { fault: "a label of the domain is too long" };
    }
    if (code !== 0x2e) break;
    labelStart = i + 1;
  }
  const value = text.slice(start, i);
  if (longerThan(value, MAX_DOMAIN)) return { fault: "the domain is too long" };
  return { value, next: i };
}

/**
 * ```abnf
 * address-literal         = "[" ( IPv4-address-literal / IPv6-address-literal /
 *                           General-address-literal ) "]"
 * IPv6-address-literal    = "IPv6:" IPv6-addr
 * General-address-literal = Standardized-tag ":" 1*dcontent
 * ```
 *
 * `IPv6` is the only tag that is registered, so a general literal is refused here: there is nothing
 * that it could mean.
 */
export function parseAddressLiteral(text: string, start: number): Parsed<string> {
  const end = text.indexOf("]", start);
  if (end < 0) return { fault: "the address literal has no closing bracket" };
  const content = text.slice(start + 1, end);
  const valid = /^ipv6:/i.test(content) ? isIpv6(content.slice(5)) : isIpv4(content);
  if (!valid) return { fault: "bad address literal" };
  return { value: text.slice(start, end + 1), next: end + 1 };
}

/** `IPv4-address-literal = Snum 3("." Snum)`, `Snum = 1*3DIGIT` up to 255. */
function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

/** `IPv6-addr` of RFC 5321 section 4.1.3: eight groups, of which one `::` stands for two or more. */
function isIpv6(text: string): boolean {
  if (text.length > 45) return false;
  const halves = text.split("::");
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [index, half] of halves.entries()) {
    if (half === "" && halves.length === 2) continue;
    const parts = half.split(":");
    const isLastHalf = index === halves.length - 1;
    for (const [at, part] of parts.entries()) {
      if (isLastHalf && at === parts.length - 1 && part.includes(".")) {
        if (!isIpv4(part)) return false;
        groups += 2;
      } else if (part.length >= 1 && part.length <= 4 && isHex(part)) {
        groups++;
      } else {
        return false;
      }
    }
  }
  return halves.length === 2 ? groups <= 6 : groups === 8;
}

function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!is(text.charCodeAt(i), HEX)) return false;
  return true;
}
