/** Counts what an HTML message would load from elsewhere. Knows nothing of the page. @module */

/** The elements that show images, and the attributes that name them. */
const TAG = /<(?:img|input|image|table|tr|td|th|body|video|source)(?=[\s/])/gi;
const SOURCES = /^(?:src|srcset|background|poster|href|xlink:href)$/i;

/** An attribute, sticky: what is behind it may be another. */
const ATTRIBUTE = /[\s/]*([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?/y;

/** An image of a style sheet. */
const STYLE_URL = /url\(\s{0,9}["']?((?:https?:)?\/\/[^"')\s]+)/gi;

/** What is in the message itself. All else counts as remote, however its scheme is written. */
const OWN = /^(?:cid:|data:|#|$)/i;

/**
 * How many images on other hosts an HTML message names, each once. The HTML is only read through, never made
 * into a document: a browser would complain of every style and every handler in it.
 *
 * @param {string} html
 * @returns {number}
 */
export function countRemoteImages(html) {
  /** @type {Set<string>} */
  const urls = new Set();
  TAG.lastIndex = 0;
  while (TAG.test(html)) {
    // The next tag begins behind the attributes of this one, so all is read once.
    for (ATTRIBUTE.lastIndex = TAG.lastIndex;;) {
      const match = ATTRIBUTE.exec(html);
      if (match === null) break;
      TAG.lastIndex = ATTRIBUTE.lastIndex;
      const [, name, ...values] = match;
      if (!SOURCES.test(name)) continue;
      const value = values.find((value) => value !== undefined) ?? "";
      const choices = name.toLowerCase() === "srcset" ? value.split(",") : [value];
      for (const choice of choices) {
        const [url] = choice.trim().split(/\s/);
        if (!OWN.test(url)) urls.add(url);
      }
    }
  }
  for (const [, url] of html.matchAll(STYLE_URL)) urls.add(url);
  return urls.size;
}
