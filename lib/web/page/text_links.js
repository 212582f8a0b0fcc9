/** Finds the URLs in text. @module */
/** @import { Child } from "./types.d.ts" */
import { h } from "./dom.js";

const URLS = /\b(?:https?:\/\/|mailto:)[^\s<>"“”\u0000-\u001f]+/gi;

/** Text with more links than this is none that somebody reads: the others stay text. */
const MOST = 2000;

/**
 * A link to elsewhere, which is told nothing of where one comes from.
 *
 * @param {string} url
 * @param {string} [text]
 * @returns {HTMLElement | string} text alone where it is no URL that may be opened
 */
export function link(url, text = url) {
  if (!/^(?:https?:\/\/|mailto:)/i.test(url) || !URL.canParse(url)) return text;
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}

/**
 * Text with its URLs as links.
 *
 * @param {string} text
 * @returns {Child}
 */
export function linked(text) {
  /** @type {Child[]} */
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(URLS)) {
    const url = withoutTail(match[0]);
    pieces.push(text.slice(end, match.index), link(url));
    end = match.index + url.length;
    if (pieces.length >= 2 * MOST) break;
  }
  pieces.push(text.slice(end));
  return pieces;
}

/**
 * A URL without what ends the sentence around it; a bracket belongs to it if it was opened there.
 *
 * @param {string} url
 */
function withoutTail(url) {
  let end = url.length;
  while (/[.,;:!?'*)\]}]/.test(url[end - 1])) {
    if (url[end - 1] === ")" && url.slice(0, end).includes("(")) break;
    end--;
  }
  return url.slice(0, end);
}
