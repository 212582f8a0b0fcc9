/** What a server's EHLO reply says of it (RFC 5321 section 4.1.1.1). @module */
import type { Reply } from "./reply.ts";

/** What a server offers. */
export interface EhloFacts {
  /**
   * Every extension that was offered: the keyword in upper case and its parameters as they were
   * written. Where a keyword stands twice, the first line counts.
   */
  readonly extensions: ReadonlyMap<string, readonly string[]>;
  /** Whether commands may be sent before the replies to those before them (RFC 2920). */
  readonly pipelining: boolean;
  /**
   * The largest message in octets (RFC 1870); 0 where there is no fixed limit or none is told,
   * `undefined` where the extension is not offered or its number is no number.
   */
  readonly size: number | undefined;
  /** Whether mail data may have octets above 127 (RFC 6152). */
  readonly eightBitMime: boolean;
  /** Whether mail data may be sent in chunks (RFC 3030). */
  readonly chunking: boolean;
  /** Whether addresses and header fields may be UTF-8 (RFC 6531). */
  readonly smtpUtf8: boolean;
  /** Whether MAIL and RCPT may ask for delivery status notifications (RFC 3461). */
  readonly dsn: boolean;
  /** Whether the session may go on in TLS (RFC 3207). */
  readonly startTls: boolean;
  /** The SASL mechanisms that AUTH takes (RFC 4954), in upper case and in the server's order. */
  readonly auth: readonly string[];
  /** Whether MAIL may ask for verified TLS all the way (RFC 8689). */
  readonly requireTls: boolean;
}

/**
 * ```abnf
 * ehlo-line    = ehlo-keyword *( SP ehlo-param )
 * ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 * ehlo-param   = 1*(%d33-126)
 * ```
 *
 * Spaces at the end, or several in a row, are seen in the wild and harmless.
 */
const EHLO_LINE = /^([A-Za-z0-9][A-Za-z0-9-]*)((?: +[!-~]+)*) *$/;

/**
 * The form that was in use before RFC 2554 and that some servers write beside the other, or alone:
 * `AUTH=LOGIN PLAIN`.
 */
const OLD_AUTH = /^AUTH=([!-~]+(?: +[!-~]+)*) *$/i;

/** `size-param = [1*DIGIT]` (RFC 1870 section 3); twenty digits hold every number in use. */
const SIZE_PARAM = /^\d{1,20}$/;

/** What is known of a server that does not speak EHLO: it offers nothing. */
export const NO_FACTS: EhloFacts = toFacts(new Map());

/**
 * Reads the reply to EHLO or LHLO. The first line names the server and is not an extension. A line
 * that breaks the ABNF is ignored; the old `AUTH=LOGIN` counts where there is no AUTH line.
 */
export function parseEhlo(reply: Reply): EhloFacts {
  const extensions = new Map<string, readonly string[]>();
  let oldAuth: readonly string[] = [];
  for (const line of reply.lines.slice(1)) {
    const match = EHLO_LINE.exec(line);
    if (match === null) {
      oldAuth = OLD_AUTH.exec(line)?.[1].split(/ +/) ?? oldAuth;
      continue;
    }
    const keyword = match[1].toUpperCase();
    if (extensions.has(keyword)) continue;
    extensions.set(keyword, match[2].split(" ").filter((param) => param !== ""));
  }
  return toFacts(extensions, oldAuth);
}

function toFacts(
  extensions: ReadonlyMap<string, readonly string[]>,
  oldAuth: readonly string[] = [],
): EhloFacts {
  return {
    extensions,
    pipelining: extensions.has("PIPELINING"),
    size: toSize(extensions.get("SIZE")),
    eightBitMime: extensions.has("8BITMIME"),
    chunking: extensions.has("CHUNKING"),
    smtpUtf8: extensions.has("SMTPUTF8"),
    dsn: extensions.has("DSN"),
    startTls: extensions.has("STARTTLS"),
    auth: (extensions.get("AUTH") ?? oldAuth).map((name) => name.toUpperCase()),
    requireTls: extensions.has("REQUIRETLS"),
  };
}

function toSize(params: readonly string[] | undefined): number | undefined {
  if (params === undefined) return undefined;
  if (params.length === 0) return 0;
  return SIZE_PARAM.test(params[0]) ? Number(params[0]) : undefined;
}
