/** Header fields of a message (RFC 5322 section 2.2). @module */

/** One header field as it stands in a message, unfolded. */
export interface HeaderField {
  /** The field name as it was written. */
  readonly name: string;
  /** The field body with its folding taken out and without the space around it; UTF-8. */
  readonly value: string;
}

const HTAB = 9;
const LF = 10;
const CR = 13;
const SP = 32;
const COLON = 58;

/** Whether an octet at the start of a line continues the line before (RFC 5322 section 2.2.3). */
export function isFolding(octet: number): boolean {
  return octet === SP || octet === HTAB;
}

/**
 * Finds the end of the field name of a line:
 *
 * ```abnf
 * optional-field = field-name ":" unstructured CRLF
 * field-name     = 1*ftext
 * ftext          = %d33-57 / %d59-126
 * obs-optional   = field-name *WSP ":" unstructured CRLF
 * ```
 *
 * @param start where the line begins
 * @param end where to stop looking; the octets behind it may not be there yet
 * @returns where the name ends (the first octet behind it), -1 if the line is no header field, or
 *   `end` if the octets before it can be the beginning of one
 */
export function fieldNameEnd(octets: Uint8Array, start: number, end: number): number {
  let i = start;
  for (; i < end; i++) {
    const octet = octets[i];
    if (octet <= SP || octet === COLON || octet > 126) break;
  }
  const nameEnd = i;
  // White space between name and colon is obsolete (RFC 5322 section 4.5) and must be read.
  while (i < end && isFolding(octets[i])) i++;
  if (i === end) return nameEnd === start && i > start ? -1 : end;
  return octets[i] === COLON && nameEnd > start ? nameEnd : -1;
}

/**
 * Reads the fields of a header section, in order. It takes time in proportion to the octets, however
 * they are folded. A line that is no header field ends the header section, as an empty line does; the
 * line that some mail stores put first (`From joe@example.org Mon Jan ...`) is passed over.
 *
 * The names and values are what the sender chose: they can hold any character but CR and LF, and must
 * be escaped where they are shown or logged. Octets that are not UTF-8 become U+FFFD.
 *
 * @param octets the header section; what stands behind its empty line is not looked at
 */
export function parseHeader(octets: Uint8Array): HeaderField[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const fields: HeaderField[] = [];
  const size = octets.length;
  let start = 0;
  if (isMailStoreLine(octets, size) && fieldNameEnd(octets, 0, size) === -1) {
    start = lineEnd(octets, 0);
  }
  while (start < size) {
    const nameEnd = fieldNameEnd(octets, start, size);
    if (nameEnd === -1 || nameEnd === size) break;
    const end = fieldEnd(octets, start);
    const colon = octets.indexOf(COLON, nameEnd);
    fields.push({
      name: decoder.decode(octets.subarray(start, nameEnd)),
      value: unfold(decoder.decode(octets.subarray(colon + 1, end))),
    });
    start = end;
  }
  return fields;
}

/** A header field with the octets that it is made of. */
export interface RawField {
  /** The field name in lower case. */
  readonly name: string;
  /** The field as it stands in the message, with its folding and its CR LF. */
  readonly octets: Uint8Array;
}

/** Takes a header section apart, in order; lines that are no header field are left out. */
export function rawFields(header: Uint8Array): RawField[] {
  const decoder = new TextDecoder();
  const fields: RawField[] = [];
  for (let at = 0; at < header.length;) {
    const end = fieldEnd(header, at);
    const nameEnd = fieldNameEnd(header, at, end);
    if (nameEnd > at && nameEnd < end) {
      const name = decoder.decode(header.subarray(at, nameEnd)).toLowerCase();
      fields.push({ name, octets: header.subarray(at, end) });
    }
    at = end;
  }
  return fields;
}

/**
 * Whether the message begins with the separator line of the mbox format, which is no header field and
 * which `formail` and its kin leave in (RFC 4155 appendix A). Quoted as `>From ` it is the same.
 */
export function isMailStoreLine(octets: Uint8Array, end: number): boolean {
  const at = octets[0] === 62 ? 1 : 0;
  return end >= at + 5 && octets[at] === 70 && octets[at + 1] === 114 && octets[at + 2] === 111 &&
    octets[at + 3] === 109 && octets[at + 4] === SP;
}

/** Where the field that begins at `start` ends, with the lines that continue it. */
export function fieldEnd(octets: Uint8Array, start: number): number {
  let end = lineEnd(octets, start);
  while (end < octets.length && isFolding(octets[end])) end = lineEnd(octets, end);
  return end;
}

/** Where the line that begins at `start` ends: the octet behind its LF. */
function lineEnd(octets: Uint8Array, start: number): number {
  const lf = octets.indexOf(LF, start);
  return lf === -1 ? octets.length : lf + 1;
}

/** Takes out each CR LF (the white space behind it stays, RFC 5322 section 2.2.3) and trims the ends. */
function unfold(text: string): string {
  const value = text.replace(/\r\n/g, "");
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

/** Also a CR or LF that a truncated header section ends in. */
function isBlank(code: number): boolean {
  return code === SP || code === HTAB || code === CR || code === LF;
}
