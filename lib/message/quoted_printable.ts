/** Quoted-printable (RFC 2045 section 6.7), for text that cannot go as it is. @module */

/** RFC 2045 section 6.7: encoded lines have at most 76 characters, a soft line break included. */
const LINE_LENGTH = 76;
const CR = 13;
const LF = 10;
const HTAB = 9;
const SP = 32;
const EQUALS = 61;

/** What stands for each octet. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, (_, octet) => {
  const isLiteral = octet >= 33 && octet <= 126 && octet !== EQUALS;
  return isLiteral || octet === SP || octet === HTAB
    ? String.fromCharCode(octet)
    : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
});

/**
 * Encodes text whose lines end in CR LF. Everything else is encoded where it must be: a bare CR or LF,
 * control characters, octets above 127, lines of any length.
 *
 * @returns ASCII with lines of at most 76 characters
 */
export function encodeQuotedPrintable(octets: Uint8Array): string {
  const lines: string[] = [];
  let line = "";
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i];
    if (octet === CR && octets[i + 1] === LF) {
      lines.push(line);
      line = "";
      i++;
      continue;
    }
    // White space at the end of a line would be taken for padding (rule 3).
    const isLast = i + 1 === octets.length || (octets[i + 1] === CR && octets[i + 2] === LF);
    const isSpace = octet === SP || octet === HTAB;
    const encoded = isLast && isSpace ? (octet === SP ? "=20" : "=09") : ENCODED[octet];
    if (line.length + encoded.length > LINE_LENGTH - (isLast ? 0 : 1)) {
      lines.push(`${line}=`);
      line = "";
    }
    line += encoded;
  }
  lines.push(line);
  return lines.join("\r\n");
}
