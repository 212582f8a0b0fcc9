/** Reads what can be read of a message that cannot be taken apart. @module */
import { parseHeader } from "../message/header.ts";
import { HEADER_LIMITS, HeaderScanner } from "../message/header_scanner.ts";
import type { Content } from "./content.ts";
import { contentHeader } from "./content_header.ts";
import type { ContentNotes } from "./content_notes.ts";

/** As many octets behind the header section are shown. */
const SHOWN = 64 * 1024;

/** As many octets of a message are looked at here; what is behind them need not be given. */
export const SCANNED: number = HEADER_LIMITS.octets + SHOWN;

/**
 * Reads the header section, as far as it is not too large, and shows the octets behind it as they are. There
 * are no links and codes in that: encoded as they may be, they would be wrong ones.
 */
export function scanContent(octets: Uint8Array, notes: ContentNotes): Content {
  const scanner = new HeaderScanner();
  scanner.scan(octets.subarray(0, SCANNED));
  scanner.end();
  const header = contentHeader(parseHeader(scanner.octets), notes);
  const start = scanner.bodyStart ?? 0;
  return {
    ...header,
    text: new TextDecoder().decode(octets.subarray(start, start + SHOWN)),
    parts: [],
    links: [],
    codes: [],
    problem: notes.problem,
  };
}
