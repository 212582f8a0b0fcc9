/**
 * Makes the words of strangers fit to be shown: a reply of a remote, an address, a subject. Nothing of
 * them may end a line, begin a header field, or change what a terminal or a mail program shows beside
 * them.
 *
 * @module
 */
import { printable } from "../smtp/reply.ts";

/**
 * Controls, undefined characters and halves of surrogate pairs, the line separators of Unicode, and
 * what is not seen but turns the direction of writing and the like. The joiners U+200C and U+200D are
 * part of words in some scripts.
 */
const NOT_READABLE = /[\p{Cc}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu;

const NOT_ASCII = /[^\x00-\x7f]/;

/** Whether a text is ASCII alone. */
export function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text);
}

/**
 * Writes text for a person: letters of every script stay, what cannot be seen is escaped.
 *
 * @param limit the most UTF-16 code units to answer
 */
export function readable(text: string, limit: number): string {
  const escaped = clip(text, limit).replace(NOT_READABLE, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return character === "\t" ? " " : `\\u{${point.toString(16)}}`;
  });
  return clip(escaped, limit);
}

/**
 * Writes text in printable ASCII, for a header field that must be that.
 *
 * @param limit the most characters to answer
 */
export function readableAscii(text: string, limit: number): string {
  return clip(printable(clip(text, limit)).replaceAll("\t", " "), limit);
}

/** Cuts text to a length, with three dots where something was cut, and no character cut in two. */
function clip(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const cut = text.slice(0, limit - 3);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}...`;
}

/**
 * Breaks text into lines at its spaces. A word that is longer than a line has one to itself.
 *
 * @param width the most characters of a line
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (word === "") continue;
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line += line === "" ? word : ` ${word}`;
    }
  }
  if (line !== "") lines.push(line);
  return lines;
}
