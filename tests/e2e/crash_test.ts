/** A server that is killed again and again keeps every promise; `deno task crash` does it for longer. */
import { assert } from "@std/assert";
import { peerTest } from "../peers.ts";
import { crashRun, crashRunOfNote, shownFigures } from "./crash_run.ts";
import { startSink } from "./crash_sink.ts";
import { sourceTest } from "./smtpd.ts";

const KILLS = 25;

function chosenSeed(): number {
  const seed = Number(Deno.env.get("TEST_CRASH_SEED") ?? Math.floor(Math.random() * 1e6));
  console.log(`TEST_CRASH_SEED=${seed}`);
  return seed;
}

sourceTest(`server keeps every promise through ${KILLS} kills`, async () => {
  const seed = chosenSeed();
  console.log(shownFigures(seed, await crashRunOfNote(seed, KILLS)));
});

peerTest({
  name: "server that is killed delivers to smtp-sink all that it acknowledged",
  needs: ["smtp-sink"],
  async fn({ "smtp-sink": program }) {
    const seed = chosenSeed();
    const figures = await crashRun(seed, 10, await startSink(program));
    console.log(shownFigures(seed, figures));
    assert(figures.delivered > 100, `only ${figures.delivered} recipients`);
  },
});
