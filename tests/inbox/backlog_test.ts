import { assertEquals } from "@std/assert";
import { Backlog } from "../../lib/inbox/backlog.ts";
import { FakeClock } from "../net/fake_clock.ts";

Deno.test("a backlog has bounds, and says what it forgets", () => {
  const backlog = new Backlog(new FakeClock(), 3);
  const arrived = ["a", "b", "c", "d", "e"].map((id, i) => backlog.arrive(id, i));
  const forgotten = [0, 1, 2, 3].map((accepted) => ({ number: accepted + 1, accepted }));
  assertEquals(arrived, [undefined, undefined, undefined, forgotten, undefined]);
  assertEquals([...backlog.arrivals(9).keys()], ["e"]);
  assertEquals([backlog.change(["a", "b"]), backlog.change(["b", "c"])], [true, true]);
  assertEquals(backlog.change(["d"]), false);
  assertEquals(backlog.changes(9).size, 0);
});

Deno.test("a backlog knows the oldest that is not done", () => {
  const backlog = new Backlog(new FakeClock());
  assertEquals(backlog.oldest, Infinity);
  backlog.arrive("a", 0);
  backlog.change(["x"]);
  backlog.arrive("b", 0);
  assertEquals([backlog.count, backlog.oldest], [3, 1]);
  backlog.arrivalsDone(backlog.arrivals(1));
  assertEquals(backlog.oldest, 2);
  const changes = backlog.changes(9);
  backlog.change(["x"]);
  backlog.changesDone(changes);
  assertEquals(backlog.oldest, 2, "it has changed again");
  backlog.changesDone(backlog.changes(9));
  assertEquals(backlog.oldest, 3);
});

Deno.test("a backlog is busy where more than fifty messages come in a second", async () => {
  const clock = new FakeClock();
  const backlog = new Backlog(clock);
  for (let i = 0; i < 49; i++) backlog.arrive(`${i}`, 0);
  assertEquals(backlog.isBusy, false);
  await clock.advance(999);
  backlog.arrive("last", 0);
  assertEquals(backlog.isBusy, true);
  await clock.advance(1);
  assertEquals(backlog.isBusy, false);
});
