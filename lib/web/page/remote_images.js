// @ts-check
/** Counts what an HTML message would load from elsewhere. @module */

/** Reads HTML into a document that is never shown, and so neither loads nor runs anything. */
const { trustedTypes } = /** @type {any} */ (globalThis);
const inert = trustedTypes?.createPolicy("inert", {
  createHTML: (/** @type {string} */ html) => html,
});

/** HTML beyond this is not looked at: it takes too long. */
const MOST = 2_000_000;

const REMOTE = /^\s*(?:https?:)?\/\//i;
const STYLE_URLS = /url\(\s*["']?\s*((?:https?:)?\/\/[^"')\s]+)/gi;

/**
 * How many images on other hosts an HTML message names.
 *
 * @param {string} html
 * @returns {number}
 */
export function countRemoteImages(html) {
  const text = html.slice(0, MOST);
  const page = new DOMParser().parseFromString(inert?.createHTML(text) ?? text, "text/html");
  /** @type {Set<string>} */
  const urls = new Set();
  /** @param {string | null} url */
  const add = (url) => {
    if (url !== null && REMOTE.test(url)) urls.add(url.trim());
  };
  for (
    const element of page.querySelectorAll("img, input, image, table, td, th, body, video, source")
  ) {
    for (const name of ["src", "background", "poster", "href", "xlink:href"]) {
      add(element.getAttribute(name));
    }
    for (const choice of (element.getAttribute("srcset") ?? "").split(",")) {
      add(choice.trim().split(/\s/)[0]);
    }
  }
  for (const element of page.querySelectorAll("[style], style")) {
    const style = element.localName === "style"
      ? element.textContent
      : element.getAttribute("style");
    for (const [, url] of (style ?? "").matchAll(STYLE_URLS)) add(url);
  }
  return urls.size;
}
