/**
 * The crash test at length: `deno task crash [KILLS [SEED]]`, 200 kills if nothing is said. It prints
 * what it came to, and fails where the server broke a promise or hung.
 */
import { crashRunOfNote, shownFigures } from "./crash_run.ts";

const [kills = 200, seed = Math.floor(Math.random() * 1e6)] = Deno.args.map(Number);
if (!(Number.isInteger(kills) && kills > 0 && Number.isInteger(seed))) {
  console.error("crash: give whole numbers: how many kills, and a seed");
  Deno.exit(64);
}
console.log(`seed ${seed}`);
console.log(shownFigures(seed, await crashRunOfNote(seed, kills)));
