/** Names of messages that ascend in time. @module */

/** Without vowels, so that no word comes about; ascending as they stand, in ASCII too. */
const DIGITS = "0123456789bcdfghjklmnpqrstvwxz";
const BASE = DIGITS.length;
/** Nine digits of time last until the year 2593, seven of chance are 34 bits in each millisecond. */
const TIME_DIGITS = 9;
const CHANCE_DIGITS = 7;
const CHANCES = BASE ** CHANCE_DIGITS;

/** Writes a number with so many digits. */
function write(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / BASE)) {
    text = DIGITS[rest % BASE] + text;
  }
  return text;
}

function randomChance(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return ((high & 0x1fffff) * 2 ** 32 + low) % CHANCES;
}

/**
 * Makes a source of message names: 16 letters and digits that sort as they were made. Those of one
 * source and one millisecond count up, so they differ for certain; those of several sources differ by
 * chance, 1 to 2 × 10¹⁰ in each millisecond.
 *
 * @param now tells the time in milliseconds since the epoch
 * @param chance a number from 0 up to 30⁷, for tests
 */
export function queueIds(now: () => number, chance: () => number = randomChance): () => string {
  let time = -1;
  let count = 0;
  return () => {
    const current = now();
    // Half of the range is left to count up in.
    if (current !== time) count = chance() % (CHANCES / 2);
    else count++;
    time = current;
    return write(current, TIME_DIGITS) + write(count, CHANCE_DIGITS);
  };
}
