/** Text that holds certificates and keys: PEM (RFC 7468). @module */

/** One part of PEM. */
export interface PemBlock {
  /** What it says it is: `CERTIFICATE`, `PRIVATE KEY`. */
  readonly label: string;
  /** The part with its first and last line. */
  readonly text: string;
}

/** The line that begins a part, or ends it. */
const BOUNDARY = /-----(BEGIN|END) ([A-Z0-9 ]{1,64})-----/g;

/** The parts of PEM in order; what stands between them is explanation (RFC 7468 section 2). */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly start: number } | undefined;
  for (const { 0: boundary, 1: kind, 2: label, index } of text.matchAll(BOUNDARY)) {
    if (kind === "BEGIN") open = { label, start: index };
    else if (open?.label === label) {
      blocks.push({ label, text: text.slice(open.start, index + boundary.length) });
      open = undefined;
    }
  }
  return blocks;
}

/** Whether a part begins that does not end. */
export function isCutOff(text: string): boolean {
  return (text.match(/-----BEGIN /g)?.length ?? 0) > pemBlocks(text).length;
}

/** The certificates in PEM, each by itself. */
export function certificatesIn(text: string): readonly string[] {
  return pemBlocks(text).filter(({ label }) => label === "CERTIFICATE").map(({ text }) => text);
}

/** The private keys in PEM, encrypted ones among them. */
export function keysIn(text: string): readonly string[] {
  return pemBlocks(text).filter(({ label }) => label.endsWith("PRIVATE KEY")).map(({ text }) =>
    text
  );
}
