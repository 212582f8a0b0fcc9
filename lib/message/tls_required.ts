/** The header field by which a sender sets the policies of recipients aside (RFC 8689 section 3). @module */
import { parseHeader } from "./header.ts";

const NAME = "tls-required";
const FIRST = [..."tT"].map((letter) => letter.charCodeAt(0));
const LF = 10;

/** Whether a line of a header section may be the field: most messages are read no further than that. */
function mayHaveField(header: Uint8Array): boolean {
  for (let start = 0; start < header.length;) {
    if (FIRST.includes(header[start])) {
      const line = header.subarray(start, start + NAME.length);
      if (String.fromCharCode(...line).toLowerCase() === NAME) return true;
    }
    const end = header.indexOf(LF, start);
    if (end < 0) return false;
    start = end + 1;
  }
  return false;
}

/**
 * Whether the sender would rather have the message arrive than go as the domains of its recipients ask:
 *
 * ```abnf
 * TLS-Required = "TLS-Required:" [FWS] "No" [FWS] CRLF
 * ```
 *
 * No other value means anything; nor does a field that stands there twice, since what may weaken
 * security has to be said without contradiction.
 *
 * @param header the octets of the header section
 */
export function hasTlsRequiredNo(header: Uint8Array): boolean {
  if (!mayHaveField(header)) return false;
  const fields = parseHeader(header).filter(({ name }) => name.toLowerCase() === NAME);
  return fields.length === 1 && fields[0].value.trim().toLowerCase() === "no";
}
