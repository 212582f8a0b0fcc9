/** Writes a header field of a name and a text (RFC 5322 section 2.2). @module */
import { encodedText } from "./encoded_words.ts";
import { isAscii } from "./dsn_words.ts";

/** How a field may be written. */
export interface FieldOptions {
  /** Whether the message has SMTPUTF8, so that a field may be UTF-8 (RFC 6532 section 3.2). */
  readonly smtpUtf8: boolean;
}

/** `field-name = 1*ftext`. */
const NAME = /^[!-9;-~]+$/;

/** A name over this length leaves no room for a text in a line. */
const MAX_NAME = 76;

/** Controls but the tab (C0, DEL, C1), and the line separators of Unicode. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]/;

/** RFC 5322 section 2.1.1: lines should be no longer than this, and must not be longer than 998 octets. */
const LINE_WIDTH = 78;
const MAX_LINE = 998;

/**
 * Fields whose grammar has words of its own: only some of these may be encoded (RFC 2047 section 5), and
 * which ones they are is for whoever writes the field to say.
 */
const STRUCTURED = new Set([
  ...["from", "sender", "reply-to", "to", "cc", "bcc"].flatMap((name) => [name, `resent-${name}`]),
  ...["date", "resent-date", "message-id", "resent-message-id", "in-reply-to", "references"],
  ...["mime-version", "content-type", "content-transfer-encoding", "content-disposition"],
  ...["content-id", "list-id", "list-unsubscribe", "list-post", "dkim-signature"],
  ...["authentication-results", "autocrypt", "disposition-notification-to"],
]);

const utf8 = new TextEncoder();

/**
 * Writes a field with its CR LF, folded where it has white space. In a message without SMTPUTF8 what is not
 * ASCII becomes encoded words; in a field that is not plain text, as From is not, it is refused.
 *
 * @throws {SyntaxError} if the name is none, or the text holds a control character, cannot be encoded, or
 *   has a word that is too long for a line
 */
export function writeField(name: string, value: string, { smtpUtf8 }: FieldOptions): Uint8Array {
  if (!NAME.test(name) || name.length > MAX_NAME) {
    throw new SyntaxError(
      `Cannot write a field: a name has 1 to ${MAX_NAME} characters of printable ASCII and no colon`,
    );
  }
  if (CONTROL.test(value) || !value.isWellFormed()) {
    throw new SyntaxError(`Cannot write the field ${name}: its text holds control characters`);
  }
  const lines = fold(`${name}:`, encoded(name, value.trim(), smtpUtf8));
  if (lines.some((line) => utf8.encode(line).length > MAX_LINE)) {
    throw new SyntaxError(
      `Cannot write the field ${name}: a word of its text is longer than a line may be`,
    );
  }
  return utf8.encode(`${lines.join("\r\n")}\r\n`);
}

function encoded(name: string, value: string, smtpUtf8: boolean): string {
  if (smtpUtf8 || isAscii(value)) return value;
  if (!STRUCTURED.has(name.toLowerCase())) return encodedText(value);
  throw new SyntaxError(
    `Cannot write the field ${name}: write what is not ASCII as encoded words (RFC 2047)`,
  );
}

/** Breaks a field before white space (RFC 5322 section 2.2.3), so that no line is white space alone. */
function fold(start: string, value: string): string[] {
  const lines: string[] = [];
  let line = start;
  for (const [word] of ` ${value}`.matchAll(/[ \t]+[^ \t]+/g)) {
    if (line !== start && line.length + word.length > LINE_WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line += word;
    }
  }
  return [...lines, line];
}
