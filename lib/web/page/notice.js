/** Says what came of something, for a while, at the lower edge. @module */
import { button, byId, h } from "./dom.js";

/** How long a notice stays, in milliseconds. A problem stays until it is closed. */
const STAY = 5000;

/** The most notices at once. */
const MOST = 4;

/**
 * @param {string} text
 * @param {"done" | "problem"} kind
 */
function show(text, kind) {
  // Both places are there from the start: readers of the screen watch no new ones.
  const place = byId(kind === "problem" ? "problems" : "notices");
  for (const other of [...place.children]) {
    if (other.firstChild?.textContent === text) other.remove();
  }
  const notice = h("div", { class: `notice ${kind}` }, h("p", {}, text));
  notice.append(button({ icon: "close", label: "Close", onclick: () => notice.remove() }));
  place.append(notice);
  if (place.children.length > MOST) place.firstElementChild?.remove();
  if (kind === "done") setTimeout(() => notice.remove(), STAY);
}

/**
 * Says that something was done.
 *
 * @param {string} text
 */
export function sayDone(text) {
  show(text, "done");
}

/**
 * Says what went wrong.
 *
 * @param {string} what what cannot be done, as in `Cannot delete it`
 * @param {unknown} error
 */
export function sayProblem(what, error) {
  show(`${what}: ${error instanceof Error ? error.message : String(error)}`, "problem");
}

/**
 * Puts text on the clipboard and says so.
 *
 * @param {string} text
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    sayDone("Copied");
  } catch {
    sayProblem("Cannot copy", "the browser lets a page do so on https and on localhost alone");
  }
}
