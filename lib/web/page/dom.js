/** Makes elements. Nothing is ever put into the page as HTML: what a message says goes in as text. @module */
/** @import { Child } from "./types.d.ts" */

/**
 * Makes an element.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | undefined | ((event: never) => void)>} [attributes]
 *   functions are listeners, by names such as `onclick`; `undefined` and `false` are left out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/**
 * @param {Element} parent
 * @param {Child} child
 */
function append(parent, child) {
  if (Array.isArray(child)) { for (const each of child) append(parent, each); }
  else if (child) parent.append(/** @type {Node | string} */ (child));
}

/**
 * Puts children into an element in place of those that it has.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

/**
 * The element of the page with an id.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new ReferenceError(`Cannot find #${id} in the page`);
  return element;
}

/**
 * Text of a message, set apart from what stands around it, whichever way it runs.
 *
 * @param {string} text
 * @returns {HTMLElement}
 */
export function bdi(text) {
  return h("bdi", {}, reveal(text));
}

/** Controls, and characters that make text run another way or take no room. */
const HIDDEN =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/**
 * Text in which characters that cannot be seen are shown by their numbers: no name of a file ends in
 * `.exe` and looks as if it ended in `.txt`.
 *
 * @param {string} text
 * @returns {Child}
 */
export function reveal(text) {
  /** @type {Child[]} */
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    const number = match[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    pieces.push(text.slice(end, match.index), h("span", { class: "hidden-char" }, `U+${number}`));
    end = match.index + 1;
  }
  pieces.push(text.slice(end));
  return pieces;
}

/** The outlines of the icons, drawn in a square of 16. */
const OUTLINES = {
  back: "M10 3 5 8l5 5",
  bounce: "M6 4 2.5 7.5 6 11M3 7.5h6a4.5 4.5 0 0 1 4.5 4.5v1",
  clip:
    "M12.5 7.5 8 12a2.8 2.8 0 0 1-4-4l5-5a1.9 1.9 0 0 1 2.7 2.7l-4.9 4.9a.9.9 0 0 1-1.3-1.3L10 5",
  close: "m4 4 8 8m0-8-8 8",
  copy: "M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z",
  dark: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5z",
  help: "M6 6a2 2 0 1 1 2.8 1.8c-.5.3-.8.7-.8 1.4m0 2.3v.3M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0z",
  hold: "M5.5 3.5v9m5-9v9",
  light:
    "M8 1v1.5m0 11V15M1 8h1.5m11 0H15M3 3l1 1m8 8 1 1m0-10-1 1m-8 8-1 1m8-5a3 3 0 1 1-6 0 3 3 0 0 1 6 0z",
  picture: "M2 3h12v10H2zm0 8 3.5-3.5 3 3L11 8l3 3M10.5 6v.1",
  release: "M14 2 7 9m7-7-4.5 12L7 9 2 6.5z",
  remove: "M2.5 4h11M6 4V2.5h4V4m-6 0 .7 9.5h6.6L12 4M6.7 6.5v4.5m2.6-4.5v4.5",
  retry: "M13 8a5 5 0 1 1-1.5-3.6M13 2v3h-3",
  search: "M11 7A4 4 0 1 1 3 7a4 4 0 0 1 8 0zm-1 3 4 4",
  seen:
    "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM10 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0z",
  system: "M2 3h12v8H2zm4 10.5h4M8 11v2.5",
};

/** @typedef {keyof typeof OUTLINES} IconName */

/**
 * Makes an icon, which says nothing to those who do not see it.
 *
 * @param {IconName} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", OUTLINES[name]);
  svg.append(path);
  return svg;
}

/**
 * Makes a button with an icon; without `text` the label is all that is read, and shown on hover.
 *
 * @param {{ icon?: IconName, label: string, text?: string, class?: string, onclick: () => void }} options
 * @returns {HTMLButtonElement}
 */
export function button({ icon: name, label, text, class: classes = "", onclick }) {
  const attributes = text === undefined ? { "aria-label": label, title: label } : {};
  const kind = text === undefined ? "button icon-button" : "button";
  return h(
    "button",
    { type: "button", class: `${kind} ${classes}`.trim(), onclick, ...attributes },
    name && icon(name),
    text,
  );
}
