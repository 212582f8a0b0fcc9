/**
 * Reads the refusals of hooks in another process: each field is looked at, and what is not known is refused,
 * so that a misspelt one is told.
 *
 * @module
 */
import { isEnhancedCodeOf, isRefusalCode } from "../policy/verdict.ts";
import type { Reply } from "../smtp/reply.ts";

/** Lines of one reply at most. */
const MAX_LINES = 10;

/** Characters of a line at most: it has to fit a line of a reply (RFC 5321 section 4.5.3.1.5). */
const MAX_LINE = 400;

const FIELDS: readonly string[] = ["code", "enhanced", "text", "lines"];

function cannot(what: string): TypeError {
  return new TypeError(`Cannot take the answer of the hook: ${what}`);
}

function readLines(text: unknown, lines: unknown): string[] {
  if (text === undefined && lines === undefined) throw cannot("it has no text");
  if (text !== undefined && lines !== undefined) throw cannot("it has text and lines");
  const written = text === undefined ? lines : [text];
  if (!Array.isArray(written) || !written.every((line) => typeof line === "string")) {
    throw cannot(text === undefined ? "lines is no list of strings" : "text is no string");
  }
  const cut = written.flatMap((line: string) => line.split(/\r?\n/))
    .map((line) => line.slice(0, MAX_LINE));
  if (cut.length === 0 || cut.length > MAX_LINES) {
    throw cannot(`the text has ${cut.length} lines, and may have 1 to ${MAX_LINES}`);
  }
  return cut;
}

function readRefusal(members: ReadonlyMap<string, unknown>): Reply {
  const unknown = [...members.keys()].find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    throw cannot(`it has a field ${JSON.stringify(unknown.slice(0, 100))}, which means nothing`);
  }
  const code = members.get("code");
  if (!isRefusalCode(code)) throw cannot("code is no whole number from 400 to 599");
  const lines = readLines(members.get("text"), members.get("lines"));
  const enhanced = members.get("enhanced");
  if (enhanced === undefined) return { code, lines };
  if (!isEnhancedCodeOf(code, enhanced)) {
    throw cannot("enhanced is no enhanced status code that goes with the code, like 5.7.1");
  }
  return { code, enhanced, lines };
}

/**
 * Reads an answer, which came as JSON. A refusal may have one `text`, which is easier to write than the lines
 * of a `Reply`.
 *
 * @param answer `undefined` where the hook has answered nothing
 * @param read reads whatever is no refusal
 * @throws {TypeError} if it makes no sense
 */
export function verdictOf<Decision>(
  answer: unknown,
  read: (answer: unknown) => Decision,
): Reply | Decision {
  const isRefusal = typeof answer === "object" && answer !== null && Object.hasOwn(answer, "code");
  // A map of its own members: no name is one that every object has.
  return isRefusal ? readRefusal(new Map(Object.entries(answer))) : read(answer);
}
