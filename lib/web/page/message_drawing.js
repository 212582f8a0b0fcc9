/** How an open message is drawn. Nobody waits for it who looks at the list: it is loaded behind that. @module */
/** @import { Ledger, Message } from "./types.d.ts" */
import { drawHeaders, drawHtml, drawParts, drawSource, drawText } from "./body_views.js";
import { bdi, h } from "./dom.js";
import { drawLedger } from "./ledger_view.js";
import { drawAddresses } from "./message_head.js";
import { drawOffers } from "./offers.js";
import { makeTabs } from "./tabs.js";

export { drawFacts } from "./message_head.js";

/**
 * The sides of a message, each below a tab.
 *
 * @param {Message} message
 * @param {() => Ledger} ledger what is known of its way now
 * @param {(side: string) => void} chosen tells which side was chosen
 */
export function drawSides(message, ledger, chosen) {
  const { html, parts } = message;
  return makeTabs("Sides of the message", [
    ...html
      ? [{
        id: "html",
        label: "HTML",
        draw: (/** @type {HTMLElement} */ panel) => drawHtml(panel, message),
      }]
      : [],
    { id: "text", label: "Text", draw: (panel) => drawText(panel, message) },
    { id: "headers", label: "Headers", draw: (panel) => drawHeaders(panel, message) },
    { id: "source", label: "Source", draw: (panel) => drawSource(panel, message) },
    {
      id: "parts",
      label: "Parts",
      count: parts.length > 0 ? String(parts.length) : undefined,
      draw: (panel) => drawParts(panel, message),
    },
    { id: "ledger", label: "Ledger", draw: (panel) => drawLedger(panel, ledger()) },
  ], chosen);
}

/**
 * What stands above the sides.
 *
 * @param {Message} message
 * @param {{ back: Node, facts: Node }} parts the way back, and what was done with it
 */
export function drawHead(message, { back, facts }) {
  const { subject, problem } = message;
  return h(
    "div",
    { class: "message-head" },
    back,
    h("h2", { tabindex: "-1", dir: "auto" }, bdi(subject || "(no subject)")),
    facts,
    drawAddresses(message),
    problem !== undefined && h("p", { class: "problem" }, problem),
    drawOffers(message),
  );
}
