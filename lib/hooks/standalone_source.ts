/**
 * Looks for imports in a module that the executable is to run.
 *
 * Deno asks for the right to read a file before it imports it, but not so in executables: there, whoever
 * writes `import("/etc/x.json", ...)` gets it. So what hooks say in the executable must not have the word
 * `import`, nor load a module by `export ... from`. A keyword cannot be written with escapes (ECMAScript
 * section 12.7), and code made of strings is taken from hooks in `worker.ts`.
 *
 * @module
 */

/**
 * A comment that begins a line, which may well say `import("...").HooksModule`. What is left out here is a
 * comment wherever the line stands: not in the middle of a string (behind a backslash), without what ends
 * or interrupts a template, and without what ends the comment that it may be a part of.
 */
const COMMENT =
  /(?<=^|\n)(?<!\\\r?\n)[ \t]*(?:\/\*(?:(?!\*\/|`|\$\{)[^])*\*\/|\/\/(?:(?!\*\/|`|\$\{)[^\r\n\u2028\u2029])*)/g;

/** `import.meta` loads nothing. */
const IMPORT = /\bimport\b(?!\s*\.\s*meta\b)/;

/** The beginning of `export *` and `export { ... }`, and what makes them load a module. */
const EXPORT_LIST = /\bexport\s*(?:[*{]|\/[*/])/;
const FROM = /\bfrom\s*(?:["'`]|\/[*/])/;

/** The number of the first line that may load a module; `undefined` if none does. */
export function loadingLine(source: string): number | undefined {
  // As many lines as before, so that the number is that of the file.
  const code = source.replace(COMMENT, (comment) => comment.replace(/[^\n]/g, " "));
  const match = IMPORT.exec(code) ?? (EXPORT_LIST.test(code) ? FROM.exec(code) : null);
  return match === null ? undefined : code.slice(0, match.index).split("\n").length;
}
