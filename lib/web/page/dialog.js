/** Asks before something is done, in a dialog of the browser. @module */
/** @import { Child } from "./types.d.ts" */
import { fill, h } from "./dom.js";

/** Numbers dialogs, for their names. */
let count = 0;

/** Whether a dialog is open, which has the keyboard then. */
export function isDialogOpen() {
  return document.querySelector("dialog[open]") !== null;
}

/**
 * Asks, and answers whether it was done. What goes wrong is said in the dialog, which stays. Afterwards
 * the focus is where it was.
 *
 * @param {object} options
 * @param {string} options.title
 * @param {Child} options.body
 * @param {string} options.action what the button says
 * @param {boolean} [options.isDanger]
 * @param {() => Promise<void>} options.onAccept does it
 * @param {(button: HTMLButtonElement) => void} [options.onReady] is given the button, to change it
 * @returns {Promise<boolean>}
 */
export function ask({ title, body, action, isDanger = false, onAccept, onReady }) {
  const done = Promise.withResolvers();
  const before = document.activeElement;
  const id = `dialog-${++count}`;
  let isDone = false;
  const problem = h("p", { class: "dialog-problem", role: "alert" });
  const accept = h(
    "button",
    { type: "submit", class: isDanger ? "button danger" : "button primary" },
    action,
  );
  const form = h(
    "form",
    { method: "dialog", novalidate: true, onsubmit: submit },
    h("h2", { id }, title),
    h("div", { class: "dialog-body" }, body),
    problem,
    h(
      "div",
      { class: "dialog-buttons" },
      h("button", { type: "button", class: "button", onclick: () => dialog.close() }, "Cancel"),
      accept,
    ),
  );
  const dialog = h("dialog", { "aria-labelledby": id, onclose: closed }, form);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    accept.disabled = true;
    fill(problem);
    try {
      await onAccept();
      isDone = true;
      dialog.close();
    } catch (error) {
      fill(problem, error instanceof Error ? error.message : String(error));
      accept.disabled = false;
    }
  }

  function closed() {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    done.resolve(isDone);
  }

  document.body.append(dialog);
  onReady?.(accept);
  dialog.showModal();
  return done.promise;
}

/**
 * Shows something until it is closed.
 *
 * @param {string} title
 * @param {Child} body
 */
export function tell(title, body) {
  const id = `dialog-${++count}`;
  const close = h("button", { type: "submit", class: "button" }, "Close");
  const dialog = h(
    "dialog",
    { "aria-labelledby": id, onclose: () => dialog.remove() },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id }, title),
      h("div", { class: "dialog-body" }, body),
      h("div", { class: "dialog-buttons" }, close),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
