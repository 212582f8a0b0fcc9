/** Where a page of a list begins. @module */

/** The key by which lists are ordered: a page begins behind one. */
export interface Cursor {
  readonly accepted: number;
  readonly id: string;
}

/** Writes a cursor as a page's `next`. */
export function formatCursor({ accepted, id }: Cursor): string {
  return `${accepted}.${id}`;
}

/**
 * Reads a page's `next`; the beginning of the list if there is none.
 *
 * @throws {RangeError} if the text was not a page's `next`
 */
export function parseCursor(text: string | undefined): Cursor {
  if (text === undefined) return { accepted: -Infinity, id: "" };
  const match = /^(-?\d{1,16})\.(.+)$/.exec(text);
  if (match === null) throw new RangeError(`Cannot go on behind ${JSON.stringify(text)}`);
  return { accepted: Number(match[1]), id: match[2] };
}

/** Compares keys: negative if the first one stands before the second. */
export function compareCursors(a: Cursor, b: Cursor): number {
  return a.accepted - b.accepted || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
