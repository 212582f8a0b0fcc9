/** What stands above a message: how it stands, what can be done with it, from whom to whom it is. @module */
/** @import { HeaderAddress, Item, Ledger, Message } from "./types.d.ts" */
/** @import { IconName } from "./dom.js" */
import { bdi, button, fill, h } from "./dom.js";
import { addressText, clockTime, exactTime, numberText, sizeText, stateOf } from "./format.js";

/** How many addresses of a field are written out. */
const NAMED = 10;

/** @typedef {"release" | "retry" | "hold" | "bounce" | "remove" | "unseen"} ViewAction */

/**
 * Draws what can change while the message is open: how it stands, and what can be done then.
 *
 * @param {HTMLElement} element
 * @param {Item} message
 * @param {Ledger} ledger
 * @param {(action: ViewAction) => void} act
 */
export function drawFacts(element, { size }, { recipients, accepted }, act) {
  const state = stateOf(recipients);
  const isWaiting = state === "held" || state === "queued";
  const { activeElement } = document;
  const focused = element.contains(activeElement) &&
    /** @type {HTMLElement} */ (activeElement).dataset.action;
  /** @param {ViewAction} action @param {IconName} icon @param {string} text @param {string} [kind] */
  const make = (action, icon, text, kind = "") => {
    const made = button({ icon, label: text, text, class: kind, onclick: () => act(action) });
    made.dataset.action = action;
    return made;
  };
  fill(
    element,
    h(
      "p",
      { class: "message-state" },
      h("span", { class: `state state-${state}` }, state),
      h("time", { datetime: accepted, title: exactTime(accepted) }, clockTime(accepted)),
      h("span", {}, sizeText(size)),
    ),
    h(
      "div",
      { class: "message-actions", role: "group", "aria-label": "What to do with it" },
      make("release", "release", "Release", state === "held" ? "primary" : ""),
      state === "queued" && make("retry", "retry", "Try now"),
      state === "queued" && make("hold", "hold", "Hold"),
      isWaiting && make("bounce", "bounce", "Bounce"),
      make("remove", "remove", "Delete"),
      make("unseen", "seen", "Mark unseen"),
    ),
  );
  if (focused === false) return;
  const same = element.querySelector(`[data-action="${focused}"]`);
  /** @type {HTMLElement | null} */ (same ?? element.querySelector("button"))?.focus();
}

/**
 * Makes the list of those whom a message is from and to, as it says and as its envelope does.
 *
 * @param {Message} message
 */
export function drawAddresses({ from, to, recipients, headerFrom, headerTo, cc, replyTo }) {
  const named = to.slice(0, NAMED);
  const others = recipients - named.length;
  return h(
    "dl",
    { class: "addresses" },
    field("From", headerFrom),
    field("To", headerTo),
    field("Cc", cc),
    field("Reply to", replyTo),
    h(
      "div",
      {},
      h("dt", {}, "Envelope"),
      h(
        "dd",
        {},
        ["from ", bdi(addressText(from)), " to "],
        named.map((address, place) => [place > 0 && ", ", bdi(address)]),
        others > 0 && `, and ${numberText(others)} more`,
      ),
    ),
  );
}

/**
 * @param {string} name
 * @param {readonly HeaderAddress[]} addresses
 */
function field(name, addresses) {
  const others = addresses.length - NAMED;
  return addresses.length > 0 && h(
    "div",
    {},
    h("dt", {}, name),
    h(
      "dd",
      {},
      addresses.slice(0, NAMED).map(({ name, address }, place) => [
        place > 0 && ", ",
        name !== "" && [bdi(name), " "],
        name === "" ? bdi(address) : h("span", { class: "address" }, bdi(`<${address}>`)),
      ]),
      others > 0 && `, and ${numberText(others)} more`,
    ),
  );
}
