/**
 * How much of a message is taken apart. postal-mime makes objects of each line, of each group of base64 and
 * of each part, whatever is in them; so a message of 32 MiB which is nothing but line ends, or padding, or
 * delimiters would take gigabytes and minutes. What a message will cost shows in its octets beforehand.
 *
 * @module
 */
import { isFolding } from "../message/header.ts";

/**
 * The cost at which a message is cut. A message of 32 MiB in base64 costs 430,000, for its lines. The worst
 * that was made of 500,000 took 0.4 s and 200 MB in the worker; in another thread, 3 s and 300 MB.
 */
const BUDGET = 500_000;

/** What a line costs of fewer octets than `SHORT`: text has such lines, and base64 has not. */
const SHORT_COST = 3;
const SHORT = 40;

/** What a line costs that may be the delimiter in front of a part: 20,000 of them are the budget. */
const DELIMITER_COST = 25;

/** What `=` costs within a line: in base64 it ends a group, and each group becomes a buffer. */
const PADDING_COST = 3;

const LF = 10;
const CR = 13;
const HYPHEN = 45;
const EQUALS = 61;

/** How many octets of a message can be afforded: all of them, or those before what is too much. */
export function affordableLength(octets: Uint8Array): number {
  const length = affordable(octets, 0);
  return mayHaveBase64(octets.subarray(0, length)) ? affordable(octets, PADDING_COST) : length;
}

function affordable(octets: Uint8Array, paddingCost: number): number {
  let cost = 0;
  let lineStart = 0;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i];
    if (octet === EQUALS) {
      const next = octets[i + 1];
      if (next !== CR && next !== LF) cost += paddingCost;
    } else if (octet === LF) {
      cost += i - lineStart < SHORT ? SHORT_COST : 1;
      if (octets[lineStart] === HYPHEN && octets[lineStart + 1] === HYPHEN) cost += DELIMITER_COST;
      lineStart = i + 1;
    }
    if (cost > BUDGET) return i;
  }
  return octets.length;
}

/** A line that names an encoding, and one that names another than base64 and nothing else. */
const ENCODING = /^content-transfer-encoding[ \t]*(?::|$)/i;
const OTHER = /^[^:]*:[ \t]*(?:quoted-printable|7bit|8bit|binary)[ \t]*(?:\r?\n|$)/i;

/**
 * Whether any part can be in base64. `=` costs nothing in quoted-printable, which has one for each octet
 * that is no ASCII; but the two are not told apart where base64 is in the message at all, since only who
 * takes it apart knows which line is one of a header section.
 */
function mayHaveBase64(octets: Uint8Array): boolean {
  for (let start = 0; start < octets.length;) {
    let at = start;
    while (isFolding(octets[at])) at++;
    if ((octets[at] | 0x20) === 0x63) {
      const line = String.fromCharCode(...octets.subarray(at, at + 80));
      if (ENCODING.test(line) && !OTHER.test(line)) return true;
    }
    const lf = octets.indexOf(LF, at);
    if (lf === -1) break;
    start = lf + 1;
  }
  return false;
}
