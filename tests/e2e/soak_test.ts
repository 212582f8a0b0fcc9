/** A day of mixed load, in seconds; `deno task soak` takes ten minutes for it and looks at memory too. */
import { assert } from "@std/assert";
import { soak } from "./soak_run.ts";

Deno.test("every message of a day of mixed load is accounted for", async () => {
  const { acknowledged, bounced, hangups, putOff, reader, taken } = await soak(20, 7);
  assert(acknowledged > 200, `only ${acknowledged} messages`);
  assert(bounced > 10 && putOff > 10, `only ${bounced} bounces, ${putOff} times put off`);
  assert(taken > 1 && hangups > 5, `only ${taken} connections to the hop, ${hangups} times SIGHUP`);
  assert(reader.every((count) => count > 10), `only ${reader} events and answers`);
});
