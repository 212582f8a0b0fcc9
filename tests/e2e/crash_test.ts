/** A server that is killed again and again keeps every promise; `deno task crash` does it for longer. */
import { crashRunOfNote, shownFigures } from "./crash_run.ts";
import { sourceTest } from "./smtpd.ts";

const KILLS = 25;

sourceTest(`server keeps every promise through ${KILLS} kills`, async () => {
  const seed = Number(Deno.env.get("TEST_CRASH_SEED") ?? Math.floor(Math.random() * 1e6));
  console.log(`TEST_CRASH_SEED=${seed}`);
  console.log(shownFigures(seed, await crashRunOfNote(seed, KILLS)));
});
