/** Domains in the one form in which they are compared. @module */

/** RFC 1035 section 2.3.4: 255 octets on the wire are 253 characters of text. */
const MAX_DOMAIN_LENGTH = 253;

/**
 * ```abnf
 * Domain     = sub-domain *("." sub-domain)
 * sub-domain = (ALPHA / DIGIT) [*(ALPHA / DIGIT / "-") (ALPHA / DIGIT)]
 * ```
 *
 * An underscore is let pass beside that: host names with one are in use (RFC 2181 section 11).
 */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Nearly every domain that is asked about, at once: short labels of which the last is letters. */
const PLAIN_DOMAIN = /^(?:[A-Za-z0-9_]{1,63}\.)*[A-Za-z]{2,63}$/;

/** ASCII that cannot be part of a domain, some of which a URL parser would take for something else. */
const NOT_DOMAIN = /[^A-Za-z0-9._\-\u0080-\uffff]/;
const NOT_ASCII = /[\u0080-\uffff]/;

/**
 * Reads a domain into the form in which domains are compared: lower-case A-labels (RFC 5890 section
 * 2.3.2.1), no trailing dot. U-labels are mapped as UTS #46 says.
 *
 * @returns the domain, or `undefined` where the text is none: an address, an address literal, an
 *   empty label, a label of more than 63 octets, more than 253 in all
 */
export function parseDomain(text: string): string | undefined {
  if (text.length <= MAX_DOMAIN_LENGTH && PLAIN_DOMAIN.test(text)) return text.toLowerCase();
  if (text.length > 4 * MAX_DOMAIN_LENGTH || NOT_DOMAIN.test(text)) return undefined;
  let domain = text.toLowerCase();
  if (NOT_ASCII.test(domain)) {
    // A URL parser does the mapping; what it must not see was refused above.
    const url = URL.parse(`http://${text}`);
    if (url === null) return undefined;
    domain = url.hostname;
  }
  if (domain.endsWith(".")) domain = domain.slice(0, -1);
  if (domain.length > MAX_DOMAIN_LENGTH) return undefined;
  const labels = domain.split(".");
  if (!labels.every((label) => LABEL.test(label))) return undefined;
  // RFC 1123 section 2.1: the last label is never a number, so `127.1` is not a domain.
  return /^[0-9]+$|^0x[0-9a-f]*$/.test(labels[labels.length - 1]) ? undefined : domain;
}

/**
 * As {@linkcode parseDomain}, for text that must be a domain.
 *
 * @throws {SyntaxError} if the text is no domain
 */
export function normalizeDomain(text: string): string {
  const domain = parseDomain(text);
  if (domain === undefined) {
    throw new SyntaxError(
      `Cannot read ${JSON.stringify(text)} as a domain: write it like example.org`,
    );
  }
  return domain;
}
