/**
 * SASLprep (RFC 4013): how user names and passwords are prepared, so that two of them are equal whatever
 * keyboard and system they were typed on.
 *
 * @module
 */
import {
  L_CAT,
  MAPPED_TO_NOTHING,
  NON_ASCII_SPACE,
  PROHIBITED,
  RAND_AL_CAT,
  UNASSIGNED,
} from "./saslprep_tables.ts";

/** What text is prepared for. */
export interface SaslPrepOptions {
  /**
   * Whether the text is only compared with others, and not kept. Then it may have code points that
   * Unicode 3.2 had not assigned; they stay as they are and match nothing that was kept (RFC 3454
   * section 7).
   */
  readonly query?: boolean;
}

/** Nothing is to be done for most names and passwords there are. */
const PLAIN_ASCII = /^[\x20-\x7e]*$/;

const space = new RegExp(`[${NON_ASCII_SPACE}]`, "gu");
const nothing = new RegExp(`[${MAPPED_TO_NOTHING}]`, "gu");
const unassigned = new RegExp(`([${UNASSIGNED}]+)`, "u");
const prohibited = new RegExp(`[${PROHIBITED}]`, "u");
const randAlCat = new RegExp(`[${RAND_AL_CAT}]`, "u");
const betweenRandAlCat = new RegExp(`^[${RAND_AL_CAT}](?:[^]*[${RAND_AL_CAT}])?$`, "u");
const lCat = new RegExp(`[${L_CAT}]`, "u");

/**
 * Normalizes by form KC of Unicode 3.2. What was assigned later is passed over, as form KC of that
 * version did; all else has kept its form since, save five ideographs that Corrigendum 4 mended.
 */
function normalized(text: string): string {
  return text.split(unassigned).map((part, i) => i % 2 === 1 ? part : part.normalize("NFKC"))
    .join("");
}

/**
 * Prepares a name or a password (RFC 4013). The result may be empty, which is for the caller to refuse.
 *
 * @throws {SyntaxError} for text that may not be one; the error does not repeat it
 */
export function saslPrep(text: string, options: SaslPrepOptions = {}): string {
  if (PLAIN_ASCII.test(text)) return text;
  // Section 2.1. U+200B stands in both tables, and is a space where others had to decide as well.
  const mapped = text.replace(space, " ").replace(nothing, "");
  if (!options.query && unassigned.test(mapped)) {
    throw new SyntaxError(
      "Cannot keep a name or password with a character that Unicode 3.2 does not have",
    );
  }
  const prepared = normalized(mapped);
  if (prohibited.test(prepared)) {
    throw new SyntaxError("Cannot use a name or password with a character that RFC 4013 prohibits");
  }
  // RFC 3454 section 6: nothing from left to right beside, and such a character at either end.
  if (randAlCat.test(prepared) && (lCat.test(prepared) || !betweenRandAlCat.test(prepared))) {
    throw new SyntaxError(
      "Cannot use a name or password that mixes text from right to left with other text",
    );
  }
  return prepared;
}
