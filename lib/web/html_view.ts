/**
 * The HTML of a message as it is shown in a frame. It is hostile until proven otherwise, so it is not
 * cleaned, which would go wrong one day, but given to the browser without any right: no origin, no script, no
 * form, and nothing to load but its own images. What a policy comes too late for is left out: a browser
 * connects to the host that an element names by which it is told to, or for a frame, before it asks the policy
 * whether anything may be loaded from there.
 *
 * @module
 */
import type { ContentPart } from "../inbox/content.ts";

/** How the HTML of a message is shown. */
export interface HtmlView {
  /** What we are called, `name[:port]`. */
  readonly host: string;
  /** The path that its parts stand below. */
  readonly parts: string;
  /** Whether it may load images from anywhere, which tells the sender that it is read. */
  readonly hasImages: boolean;
}

/** The fields of the answer. */
export function htmlFields({ host, parts, hasImages }: HtmlView): Record<string, string> {
  // A source that is an IPv6 address is none (CSP level 3 section 2.3.1).
  const own = host.startsWith("[") ? "'self'" : `http://${host}${parts}`;
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": [
      // What a link opens is a page of its own, as any other: the reader has asked for it.
      "sandbox allow-popups allow-popups-to-escape-sandbox",
      "default-src 'none'",
      "style-src 'unsafe-inline'",
      `img-src data: ${own}${hasImages ? " http: https:" : ""}`,
      "form-action 'none'",
      "base-uri 'none'",
      "frame-ancestors 'self'",
    ].join("; "),
    // To look up a name tells as much as to load something.
    "x-dns-prefetch-control": "off",
  };
}

/** Reads a Content-ID as it stands in a URL (RFC 2392 section 2), inside of an attribute. */
function contentIdOf(text: string): string {
  const plain = text.replace(/&amp;/gi, "&");
  try {
    return decodeURIComponent(plain);
  } catch {
    return plain;
  }
}

/**
 * What stands in front of the HTML, whose own document type counts for nothing then. A link opens a page of
 * its own: in its frame it could go nowhere, as the page around it shows no other host.
 */
const BEGINNING = '<!DOCTYPE html><base target="_blank">';

/**
 * Where an element begins that has a browser connect to a host: `link` with `rel=preconnect` or `dns-prefetch`,
 * and what shows another document. A tag can be written in no other way (HTML section 13.2.5.8).
 */
const CONNECTING = /<(?=(?:link|i?frame|object|embed)[\t\n\f\r />])/gi;

/** Writes the HTML of a message as it is shown, its own parts below `path`. */
export function shownHtml(html: string, parts: readonly ContentPart[], path: string): string {
  return BEGINNING + withParts(html.replace(CONNECTING, "<no-"), parts, path);
}

/** Puts in the place of each `cid:` URL that names a part the path of that part. */
function withParts(html: string, parts: readonly ContentPart[], path: string): string {
  const named = new Map<string, number>();
  for (const { contentId, index } of parts) {
    if (contentId !== undefined && !named.has(contentId)) named.set(contentId, index);
  }
  if (named.size === 0) return html;
  return html.replace(/(?<=["'(=\s])cid:([^"'()<>\s]{1,500})/gi, (url, text: string) => {
    const index = named.get(contentIdOf(text));
    return index === undefined ? url : `${path}${index}`;
  });
}
