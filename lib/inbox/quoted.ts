/** Texts of others in messages of ours. @module */

/** How much of a text is told, in characters. */
const MOST = 100;

/** A text in quotes, on one line, and cut where it is long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > MOST ? `${text.slice(0, MOST)}...` : text);
}
