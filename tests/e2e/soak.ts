/**
 * A day of mixed load in minutes: `deno task soak [MINUTES [SEED]]`, ten minutes if nothing is said. It
 * prints what it came to, and fails where a message is not accounted for, where descriptors stay open, or
 * where memory grows in the second half.
 */
import { shownSoak, soak } from "./soak_run.ts";

/** What the memory of the last quarter may be, to that of the one before: what is noise is below it. */
const MOST_GROWTH = 1.1;

const [minutes = 10, seed = Math.floor(Math.random() * 1e6)] = Deno.args.map(Number);
if (!(minutes > 0 && Number.isInteger(seed))) {
  console.error("soak: give how many minutes, and a whole number as the seed");
  Deno.exit(64);
}
console.log(`seed ${seed}`);
const figures = await soak(minutes * 60, seed);
console.log(shownSoak(figures));
if (figures.growth > MOST_GROWTH) {
  console.error(`soak: memory grows: ${figures.growth.toFixed(3)} x in a quarter of the day`);
  Deno.exit(1);
}
