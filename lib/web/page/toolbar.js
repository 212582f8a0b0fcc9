/** What can be done to the selected messages, above the list. @module */
import { button, byId, fill, h } from "./dom.js";
import { counted, numberText } from "./format.js";

/** @typedef {"release" | "retry" | "hold" | "bounce" | "remove" | "seen"} BarAction */

/** @type {readonly (readonly [BarAction, import("./dom.js").IconName, string])[]} */
const ACTIONS = [
  ["release", "release", "Release"],
  ["retry", "retry", "Try now"],
  ["hold", "hold", "Hold"],
  ["bounce", "bounce", "Bounce"],
  ["seen", "seen", "Mark seen or unseen"],
  ["remove", "remove", "Delete"],
];

/**
 * Makes the bar; answers what shows how many are selected.
 *
 * @param {object} listener
 * @param {(action: BarAction) => void} listener.act
 * @param {() => void} listener.all asks for all listed messages to be selected
 * @param {() => void} listener.none asks for none to be
 * @returns {(selected: number, listed: number) => void}
 */
export function makeToolbar({ act, all, none }) {
  const bar = byId("selection");
  const count = h("span", { "aria-live": "polite" });
  const more = h("button", { type: "button", class: "text-button", onclick: all });
  fill(
    bar,
    button({ icon: "close", label: "Select none", onclick: none }),
    count,
    more,
    h("span", { class: "spring" }),
    ACTIONS.map(([action, icon, label]) => button({ icon, label, onclick: () => act(action) })),
  );
  return (selected, listed) => {
    const hadFocus = bar.contains(document.activeElement);
    bar.hidden = selected === 0;
    byId("states").hidden = selected > 0;
    if (hadFocus && bar.hidden) byId("states").querySelector("button")?.focus();
    if (selected === 0) return;
    count.textContent = numberText(selected);
    count.setAttribute("aria-label", `${counted(selected, "message")} selected`);
    more.textContent = `All ${numberText(listed)}`;
    more.setAttribute("aria-label", `Select all ${counted(listed, "listed message")}`);
    more.hidden = selected >= listed;
  };
}
