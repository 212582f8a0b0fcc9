/** What the keyboard does. @module */
import { isDialogOpen, tell } from "./dialog.js";
import { h } from "./dom.js";

/**
 * A key, what it is called, and what it does.
 *
 * @typedef {object} Key
 * @property {readonly string[]} keys as `KeyboardEvent.key` has them
 * @property {string} shown
 * @property {string} says
 * @property {(event: KeyboardEvent) => void | false} run `false` leaves the key to the browser
 */

/** Whether a key is for what is written there. @param {EventTarget | null} target */
function isWriting(target) {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement;
}

/**
 * Listens to the keyboard.
 *
 * @param {readonly Key[]} keys
 */
export function listenToKeys(keys) {
  const known = new Map(keys.flatMap((key) => key.keys.map((name) => [name, key])));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isWriting(event.target) || isDialogOpen()) return;
    if (known.get(event.key)?.run(event) === false || !known.has(event.key)) return;
    event.preventDefault();
  });
}

/**
 * Tells what the keys do.
 *
 * @param {readonly Key[]} keys
 */
export function tellKeys(keys) {
  tell(
    "Keyboard",
    h(
      "table",
      { class: "keys" },
      h("caption", { class: "visually-hidden" }, "Keys and what they do"),
      h(
        "tbody",
        {},
        keys.filter(({ says }) => says !== "").map(({ shown, says }) =>
          h(
            "tr",
            {},
            h(
              "th",
              { scope: "row" },
              shown.split(" ").map((key) => key === "…" ? "… " : h("kbd", {}, key)),
            ),
            h("td", {}, says),
          )
        ),
      ),
    ),
  );
}
