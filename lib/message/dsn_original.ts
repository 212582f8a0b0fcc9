/**
 * The third part of a notice: the message that it is about, or its header section (RFC 6522 section 3).
 *
 * @module
 */
import type { HeaderField } from "./header.ts";
import { HeaderScanner } from "./header_scanner.ts";
import { encodeQuotedPrintable } from "./quoted_printable.ts";

/** Reads the message's octets, from the first on. A slice is valid until the next is asked for. */
export type ReadMessage = () => AsyncIterable<Uint8Array>;

/** What to look for in a message. */
export interface InspectOptions {
  /** Whether the whole message is to go back. */
  readonly full: boolean;
  /** The most octets of a message that goes back whole. */
  readonly maxSize: number;
  /** What may not stand in a message that goes back whole: ASCII. */
  readonly boundary: string;
}

/** What a message is like. */
export interface Inspected {
  /** The header section without the empty line behind it, or its first part where it is large. */
  readonly header: Uint8Array;
  /** Its fields. */
  readonly fields: readonly HeaderField[];
  /**
   * Whether the message can go back whole: it was asked for, it is not too large, and it has nothing
   * that a body part may not have (NUL, a bare CR or LF, a line over 998 octets).
   */
  readonly isWhole: boolean;
  /** Whether the boundary stands in a message that could go back whole otherwise. */
  readonly hasBoundary: boolean;
  /** Whether an octet of a message that can go back whole is above 127. */
  readonly eightBit: boolean;
}

/** A part of a notice. */
export interface ReturnedPart {
  /** The MIME type. */
  readonly type: string;
  /** How the content is encoded. */
  readonly encoding: "7bit" | "8bit" | "quoted-printable";
  /** The content, or `undefined` for the whole message as it is. */
  readonly content: string | Uint8Array | undefined;
}

/** As much of a header section as tells what message it was. */
const MAX_HEADER = 64 * 1024;
/** RFC 5322 section 2.1.1, without the CR LF. */
const MAX_LINE = 998;
const CR = 13;
const LF = 10;
const SP = 32;
const HTAB = 9;

/** Each octet becomes one character, and ASCII stays what it is. */
const latin1 = new TextDecoder("latin1");

/** Checks octets, as they come, for what a body part may not have. */
class LineChecker {
  /** Whether nothing was found that could not go as it is in 8 bits. */
  isClean = true;
  /** Whether an octet was above 127. */
  eightBit = false;
  /** Whether an octet was a control character that text has no use for. */
  hasControl = false;
  #length = 0;
  #afterCr = false;

  /** Takes the next slice. */
  check(bytes: Uint8Array): void {
    for (const octet of bytes) {
      if (this.#afterCr !== (octet === LF)) this.isClean = false;
      this.#afterCr = octet === CR;
      if (octet === LF) this.#length = 0;
      else if (octet !== CR && ++this.#length > MAX_LINE) this.isClean = false;
      if (octet > 127) this.eightBit = true;
      else if (octet === 0) this.isClean = false;
      else if (octet === 127 || (octet < SP && !isBlank(octet))) this.hasControl = true;
    }
  }

  /** Says that no more comes. */
  end(): void {
    if (this.#afterCr) this.isClean = false;
  }
}

/** Reads a message once, no further than it is needed, and answers what it is like. */
export async function inspectMessage(
  read: ReadMessage,
  { full, maxSize, boundary }: InspectOptions,
): Promise<Inspected> {
  const scanner = new HeaderScanner();
  const lines = new LineChecker();
  let size = 0;
  let hasBoundary = false;
  let tail = "";
  let isWhole = full;
  for await (const slice of read()) {
    scanner.scan(slice);
    if (isWhole) {
      size += slice.length;
      lines.check(slice);
      const text = tail + latin1.decode(slice);
      hasBoundary ||= text.includes(boundary);
      tail = text.slice(-(boundary.length - 1));
      isWhole = lines.isClean && size <= maxSize;
    }
    if (!isWhole && (scanner.isComplete || scanner.tooLarge)) break;
  }
  scanner.end();
  lines.end();
  isWhole &&= lines.isClean && size > 0;
  return {
    header: headerOf(scanner),
    fields: scanner.tooLarge ? [] : scanner.fields(),
    isWhole,
    hasBoundary: isWhole && hasBoundary,
    eightBit: lines.eightBit,
  };
}

/** The header section without its empty line; of a large one as many whole fields as there is room. */
function headerOf(scanner: HeaderScanner): Uint8Array {
  const { octets } = scanner;
  let end = octets.length;
  if (end > MAX_HEADER) {
    end = MAX_HEADER;
    // A field begins behind an LF, with neither a space nor a tab.
    while (
      end > 0 && (octets[end - 1] !== LF || octets[end] === SP || octets[end] === HTAB)
    ) end--;
  } else if (end === 2 || (end > 2 && octets[end - 3] === LF)) {
    // The empty line, with the CR LF of the line before it.
    if (octets[end - 2] === CR && octets[end - 1] === LF) end -= 2;
  }
  return octets.subarray(0, end);
}

/**
 * Chooses how the message, or its header section, goes back. A message/rfc822 knows no encoding but 8
 * bits (RFC 2046 section 5.2.1); a header section that is not plain ASCII is encoded (RFC 6522 section
 * 4), so that it can go anywhere. Header fields in UTF-8, which only a message with SMTPUTF8 may have,
 * have media types of their own (RFC 6533 section 4).
 *
 * @returns the part, or `undefined` where there is nothing to return
 */
export function returnedPart(inspected: Inspected, smtpUtf8: boolean): ReturnedPart | undefined {
  const { header, isWhole, eightBit } = inspected;
  const lines = new LineChecker();
  lines.check(header);
  lines.end();
  const isGlobal = smtpUtf8 && lines.eightBit;
  if (isWhole) {
    return {
      type: isGlobal ? "message/global" : "message/rfc822",
      encoding: eightBit ? "8bit" : "7bit",
      content: undefined,
    };
  }
  if (header.length === 0) return undefined;
  const isPlain = lines.isClean && !lines.hasControl;
  if (isPlain && !lines.eightBit) {
    return { type: "text/rfc822-headers", encoding: "7bit", content: header };
  }
  if (isPlain && isGlobal && isPlainUtf8(header)) {
    return { type: "message/global-headers", encoding: "8bit", content: header };
  }
  return {
    type: "text/rfc822-headers",
    encoding: "quoted-printable",
    content: encodeQuotedPrintable(header),
  };
}

/** Whether octets are UTF-8 without the controls that are not ASCII. */
function isPlainUtf8(octets: Uint8Array): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(octets);
    return !/[\x80-\x9f\u2028\u2029]/.test(text);
  } catch {
    return false;
  }
}

function isBlank(octet: number): boolean {
  return octet === HTAB || octet === CR || octet === LF;
}
