/**
 * The HTML of a message as it is shown in a frame. It is hostile until proven otherwise, so it is not
 * cleaned, which would go wrong one day, but given to the browser without any right: no origin, no script, no
 * form, and nothing to load but its own images. A link that somebody clicks opens in a tab of its own.
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
      // Without scripts only a click opens something, which is then no part of this any more.
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

/** Has every link open in a tab of its own: the first `base` counts, and it stands before all that is shown. */
export function withOwnTabs(html: string): string {
  // What stands before it makes a browser show the page as in the last century.
  const doctype = /^\s*<!doctype[^>]*>/i.exec(html)?.[0] ?? "";
  return `${doctype}<base target="_blank">${html.slice(doctype.length)}`;
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

/** Puts in the place of each `cid:` URL that names a part the path of that part. */
export function withParts(html: string, parts: readonly ContentPart[], path: string): string {
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
