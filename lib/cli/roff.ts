/** Writes text as roff, with the macros of man(7) that groff and mandoc know alike. @module */
import { wrap } from "./text_columns.ts";

/** The longest line of the source; what is longer some formatters complain about. */
const WIDTH = 78;

/** What roff would take for something else: its escape, and ASCII that it shows as typographic signs. */
const SPECIAL: Readonly<Record<string, string>> = {
  "\\": "\\(rs",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

function escaped(text: string): string {
  return text.replace(/[\\'`^~]/g, (character) => SPECIAL[character])
    .replace(/[^\n\x20-\x7e]/gu, (character) => {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
      return `\\[u${code}]`;
    });
}

/** Text to be typed or copied: each hyphen is the one of the keyboard. */
export function literal(text: string): string {
  return escaped(text).replaceAll("-", "\\-");
}

/** Prose. A hyphen between two small letters of a word is one; any other is the one of the keyboard. */
export function prose(text: string): string {
  return text.split(" ").map((word) =>
    /^["'(]*-/.test(word) ? literal(word) : escaped(word).replace(
      /(?<![a-z])-|-(?![a-z])/g,
      "\\-",
    )
  ).join(" ");
}

/** Text to be typed as it stands, in bold. */
export function bold(text: string): string {
  return `\\fB${literal(text)}\\fR`;
}

/** Text that something else is to stand for, in italics. */
export function italic(text: string): string {
  return `\\fI${literal(text)}\\fR`;
}

/** A line of text: one that begins with a dot or an apostrophe would be a request. */
function textLine(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

/** Puts lines together. A paragraph at the beginning of a section is one already. */
export function joined(lines: readonly string[]): string {
  const isDouble = (line: string, i: number) =>
    line === ".PP" && /^\.S[HS] /.test(lines[i - 1] ?? "");
  return lines.filter((line, i) => !isDouble(line, i)).join("\n");
}

/** Lines of escaped text to be filled. */
export function filled(text: string): string[] {
  return wrap(text, WIDTH).map(textLine);
}

/** The beginning of a section. */
export function section(name: string): string {
  return `.SH ${literal(name)}`;
}

/** The beginning of a part of a section; `name` has no quotes in it. */
export function subsection(name: string): string {
  return `.SS "${literal(name)}"`;
}

/** A paragraph of prose. */
export function paragraph(text: string): string[] {
  return [".PP", ...filled(prose(text))];
}

/** Lines that stand as they are, set in a little. */
export function verbatim(lines: readonly string[]): string[] {
  return [".PP", ".RS 4", ".EX", ...lines.map((line) => textLine(literal(line))), ".EE", ".RE"];
}

/** What is explained, already escaped, and the explanation. */
export function tagged(tag: string, text: string): string[] {
  return [".TP", textLine(tag), ...filled(prose(text))];
}

/** Paragraphs of plain text with an empty line between them; one that is indented stands as it is. */
export function paragraphs(text: string): string[] {
  return text.split(/\n{2,}/).flatMap((block) => {
    const lines = block.split("\n");
    return lines.every((line) => line.startsWith("  "))
      ? verbatim(lines.map((line) => line.slice(2)))
      : paragraph(lines.map((line) => line.trim()).join(" "));
  });
}
