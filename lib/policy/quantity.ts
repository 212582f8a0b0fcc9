/** Numbers with units, lengths of time and rates, as they are written. @module */
import type { Rate } from "./rate.ts";

/** Longest delay that a timer keeps: a longer one would fire at once. */
const MAX_DELAY = 2 ** 31 - 1;

/** The most that a rate lets through in its time. */
const MAX_COUNT = 1_000_000;

const WHOLE_NUMBER = /^(?:0|[1-9][0-9]*)$/;

/** Reads a whole number without a sign; `undefined` if it is none, or too large to be exact. */
export function parseWholeNumber(text: string): number | undefined {
  const number = WHOLE_NUMBER.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * Reads a whole number with a unit behind it.
 *
 * @param units what each unit is worth
 * @param most the largest product
 * @returns their product, at least 1; `undefined` if it is none of that
 */
export function parseQuantity(
  text: string,
  units: ReadonlyMap<string, number>,
  most: number,
): number | undefined {
  const match = /^([0-9]+)([A-Za-z]*)$/.exec(text);
  const unit = match === null ? undefined : units.get(match[2]);
  const count = match === null ? undefined : parseWholeNumber(match[1]);
  if (unit === undefined || count === undefined) return undefined;
  const product = count * unit;
  return product > 0 && product <= most ? product : undefined;
}

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["B", 1],
  ["KB", 1_000],
  ["KiB", 1_024],
  ["MB", 1_000_000],
  ["MiB", 1_048_576],
  ["GiB", 1_073_741_824],
]);

/** Reads a number of octets, at least one: `1000000`, `25MiB`. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, SIZE_UNITS, Number.MAX_SAFE_INTEGER);
}

const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** Reads a length of time in milliseconds, from one to what a timer keeps (24 days): `500ms`, `5m`. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, DURATION_UNITS, MAX_DELAY);
}

/** Writes a length of time as {@linkcode parseDuration} reads it, in the largest unit that is exact. */
export function formatDuration(milliseconds: number): string {
  const units = [...DURATION_UNITS].reverse();
  const [name, unit] = units.find(([, unit]) => milliseconds % unit === 0) ?? ["ms", 1];
  return `${milliseconds / unit}${name}`;
}

/** Reads a rate, `N/DURATION`: so many, up to a million, in a time. */
export function parseRate(text: string): Rate | undefined {
  const match = /^([^/]*)\/([^/]*)$/.exec(text);
  const count = match === null ? undefined : parseWholeNumber(match[1]);
  const period = match === null ? undefined : parseDuration(match[2]);
  return count === undefined || count < 1 || count > MAX_COUNT || period === undefined
    ? undefined
    : { count, period };
}

/** Writes a rate as {@linkcode parseRate} reads it. */
export function formatRate({ count, period }: Rate): string {
  return `${count}/${formatDuration(period)}`;
}
