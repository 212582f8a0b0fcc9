import { assertEquals } from "@std/assert";
import type { InboxEvent } from "../../lib/inbox/inbox.ts";
import { InboxEvents } from "../../lib/inbox/inbox_events.ts";
import { FakeClock } from "../net/fake_clock.ts";

const ids = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

Deno.test("changes are gathered, each told once, and not too many together", async () => {
  const clock = new FakeClock();
  using events = new InboxEvents(clock);
  const told: InboxEvent[] = [];
  using _ = events.watch((event) => told.push(event));
  events.changed(ids(300));
  await clock.advance(50);
  events.changed(ids(1_100));
  await clock.advance(49);
  assertEquals(told, []);
  await clock.advance(1);
  assertEquals(
    told.splice(0).map((event) => event.type === "changed" && event.ids.length),
    [500, 500, 100],
  );
  events.changed(["a"]);
  await clock.advance(99);
  assertEquals(told, []);
  await clock.advance(1);
  assertEquals(told, [{ type: "changed", ids: ["a"] }]);
});

Deno.test("what is gone is told at once, and not that it has changed", async () => {
  const clock = new FakeClock();
  using events = new InboxEvents(clock);
  const told: InboxEvent[] = [];
  using _ = events.watch((event) => told.push(event));
  events.changed(["a", "b"]);
  events.gone(["a"]);
  assertEquals(told, [{ type: "gone", ids: ["a"] }]);
  await clock.advance(100);
  assertEquals(told.slice(1), [{ type: "changed", ids: ["b"] }]);
});

Deno.test("nothing is gathered for nobody", async () => {
  const clock = new FakeClock();
  const events = new InboxEvents(clock);
  events.changed(["a"]);
  assertEquals(clock.waiting, 0);
  const told: InboxEvent[] = [];
  {
    using _ = events.watch((event) => told.push(event));
    events.changed(["b"]);
  }
  await clock.advance(100);
  assertEquals(told, []);
  using _ = events.watch((event) => told.push(event));
  events.changed(["c"]);
  events[Symbol.dispose]();
  assertEquals(clock.waiting, 0);
});
