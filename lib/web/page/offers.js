/** What one most often opens a message for: the codes and the links in it. @module */
/** @import { Message } from "./types.d.ts" */
import { button, h } from "./dom.js";
import { copyText } from "./notice.js";
import { link } from "./text_links.js";

/** How many codes and links are offered at once, and how many at most. */
const CODES = 3;
const LINKS = 2;
const MOST_LINKS = 50;

/** @param {string} url */
function offerLink(url) {
  return h(
    "li",
    { class: "offer" },
    h("span", { class: "offer-url" }, link(url)),
    button({ icon: "copy", label: `Copy the link ${url}`, onclick: () => copyText(url) }),
  );
}

/**
 * The codes and links of a message, or nothing if there are none.
 *
 * @param {Message} message
 * @returns {HTMLElement | undefined}
 */
export function drawOffers({ codes, links }) {
  if (codes.length === 0 && links.length === 0) return undefined;
  const others = links.slice(LINKS, MOST_LINKS);
  return h(
    "section",
    { class: "offers", "aria-label": "Codes and links" },
    codes.length > 0 && h(
      "ul",
      { class: "codes" },
      codes.slice(0, CODES).map((code) =>
        h(
          "li",
          { class: "offer" },
          h("code", {}, code),
          button({ icon: "copy", label: `Copy the code ${code}`, onclick: () => copyText(code) }),
        )
      ),
    ),
    links.length > 0 && h("ul", { class: "links" }, links.slice(0, LINKS).map(offerLink)),
    others.length > 0 && h(
      "details",
      {},
      h("summary", {}, `${others.length} more`),
      h("ul", { class: "links" }, others.map(offerLink)),
    ),
  );
}
