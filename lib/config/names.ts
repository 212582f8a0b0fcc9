/** What a setting is called in each place, and which name somebody may have meant. @module */
import { OPTIONS } from "../config.ts";

/** The keys of {@linkcode OPTIONS}. */
export type Key = keyof typeof OPTIONS;

/** The keys in the order of the help. */
export const KEYS: readonly Key[] = Object.keys(OPTIONS) as Key[];

function inWords(key: string, separator: string): string {
  return key.replace(/[A-Z]/g, (letter) => separator + letter.toLowerCase());
}

/** The flag of a setting without its dashes: `max-size`. */
export function flagName(key: Key): string {
  return inWords(key, "-");
}

/** The environment variable of a setting: `SMTPD_MAX_SIZE`. */
export function variableName(key: Key): string {
  return `SMTPD_${inWords(key, "_").toUpperCase()}`;
}

/**
 * How many letters must be added, removed, replaced or swapped with their neighbour to make one word
 * of the other (optimal string alignment).
 */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length];
}

/** Longer than any name there is: such a word was not meant for one. */
const MAX_WORD = 40;

/**
 * The name that was probably meant: the one nearest to `word` by a quarter of its letters at most, or
 * the only one that begins with it. Case does not matter.
 */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length > MAX_WORD) return undefined;
  const lower = word.toLowerCase();
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 4)) + 1;
  for (const name of names) {
    const steps = distance(lower, name.toLowerCase());
    if (steps < least && steps < name.length) [best, least] = [name, steps];
  }
  if (best !== undefined || word.length < 3) return best;
  const longer = names.filter((name) => name.toLowerCase().startsWith(lower));
  return longer.length === 1 ? longer[0] : undefined;
}
