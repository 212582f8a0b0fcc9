/** The place in the URL: reload, back and a copied link all lead to what was looked at. @module */
/** @import { Place } from "./types.d.ts" */

/**
 * Reads the URL of the page.
 *
 * @returns {Place}
 */
export function readPlace() {
  const hash = new URLSearchParams(location.hash.slice(1));
  return {
    search: hash.get("q") ?? "",
    message: hash.get("m") ?? undefined,
    tab: hash.get("t") ?? undefined,
  };
}

/**
 * Writes the URL of the page.
 *
 * @param {Place} place
 * @param {"push" | "replace"} how whether one comes back to the place before
 */
export function writePlace({ search, message, tab }, how) {
  const hash = new URLSearchParams();
  if (search !== "") hash.set("q", search);
  if (message !== undefined) hash.set("m", message);
  if (tab !== undefined) hash.set("t", tab);
  const url = `${location.pathname}${hash.size > 0 ? `#${hash}` : ""}`;
  if (how === "push") history.pushState(null, "", url);
  else history.replaceState(null, "", url);
}
