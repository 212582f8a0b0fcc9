import { assert, assertEquals, assertMatch } from "@std/assert";
import { queueIds } from "../../lib/queue/queue_id.ts";
import { NOON } from "./fixture.ts";

Deno.test("queue ids are 16 letters and digits without vowels", () => {
  const next = queueIds(() => NOON);
  for (let i = 0; i < 1000; i++) assertMatch(next(), /^[0-9b-df-hj-np-tv-z]{16}$/);
});

Deno.test("queue ids ascend, within a millisecond and from one to the next", () => {
  let now = NOON;
  const next = queueIds(() => now);
  const ids = Array.from({ length: 10_000 }, (_, i) => {
    if (i % 100 === 0) now++;
    return next();
  });
  assertEquals(ids.toSorted(), ids);
  assertEquals(new Set(ids).size, ids.length);
  now = Date.UTC(2500, 0, 1);
  assert(next() > ids.at(-1)!);
});

Deno.test("queue ids of two sources in one millisecond differ", () => {
  const ids = new Set(Array.from({ length: 1000 }, () => queueIds(() => NOON)()));
  assertEquals(ids.size, 1000);
});

Deno.test("queue ids go on when the clock goes back, and have room at the end of the range", () => {
  let now = NOON;
  const next = queueIds(() => now, () => 30 ** 7 - 1);
  const first = next();
  const second = next();
  assert(second > first);
  assertEquals(second.slice(0, 9), first.slice(0, 9));
  now -= 1000;
  assert(next() < first);
});
