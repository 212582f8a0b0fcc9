/** What is done to messages only after a question. @module */
/** @import { ActionName, Item } from "./types.d.ts" */
import { act } from "./api.js";
import { ask } from "./dialog.js";
import { bdi, h } from "./dom.js";
import { counted } from "./format.js";
import { sayDone } from "./notice.js";

/**
 * Asks whether to do what cannot be taken back, and does it; answers whether it was done.
 *
 * @param {"remove" | "bounce"} action
 * @param {readonly string[]} ids
 * @param {readonly Item[]} items what is known of them
 */
export function askAndAct(action, ids, items) {
  const what = counted(ids.length, "message");
  const isRemoval = action === "remove";
  const says = isRemoval
    ? "They go without a word to the sender, and cannot be had back."
    : "They are given up, and a notice that says so goes to the sender of each.";
  const saysOfOne = isRemoval
    ? "It goes without a word to the sender, and cannot be had back."
    : "It is given up, and a notice that says so goes to its sender.";
  return ask({
    title: `${isRemoval ? "Delete" : "Bounce"} ${what}?`,
    body: [subjectsOf(items), h("p", {}, ids.length === 1 ? saysOfOne : says)],
    action: isRemoval ? "Delete" : "Bounce",
    isDanger: true,
    async onAccept() {
      await act(/** @type {ActionName} */ (action), ids);
      sayDone(`${what} ${isRemoval ? "deleted" : "bounced"}`);
    },
  });
}

/** How many subjects a question names. */
const NAMED = 5;

/**
 * The subjects of some messages.
 *
 * @param {readonly Item[]} items
 */
export function subjectsOf(items) {
  const others = items.length - NAMED;
  return h(
    "ul",
    { class: "dialog-list" },
    items.slice(0, NAMED).map(({ subject }) => h("li", {}, bdi(subject || "(no subject)"))),
    others > 0 && h("li", {}, `and ${counted(others, "other")}`),
  );
}
