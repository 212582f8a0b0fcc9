import { assertEquals } from "@std/assert";
import { MemoryOfClients } from "../../lib/net/memory_of_clients.ts";
import { FakeClock } from "./fake_clock.ts";

/** Some who come, and some who leave, in a time. */
type Stretch = readonly [came: number, left: number, milliseconds: number];

/** Answers behind which of the stretches it was collected. */
async function collections(stretches: readonly Stretch[]): Promise<number[]> {
  const clock = new FakeClock();
  const at: number[] = [];
  let now = 0;
  using memory = new MemoryOfClients({ clock, collect: () => at.push(now) });
  for (const [came, left, milliseconds] of stretches) {
    for (let i = 0; i < came; i++) memory.came();
    for (let i = 0; i < left; i++) memory.left();
    await clock.advance(milliseconds);
    now++;
  }
  return at;
}

Deno.test("memory is collected once when many have left and it is quiet", async () => {
  const table: [what: string, stretches: Stretch[], at: number[]][] = [
    ["some come and go", [[999, 999, 60_000]], []],
    ["a thousand leave", [[1000, 1000, 249], [0, 0, 1], [0, 0, 60_000]], [1]],
    ["one after the other", [...Array(1000).fill([1, 1, 300]), [0, 0, 60_000]], [999]],
    ["more than a few still leave", [[11_000, 1000, 200], [0, 10_000, 50], [0, 0, 250]], [2]],
    ["a few come and go", [[1000, 1000, 10], [5, 5, 240]], [1]],
    ["more than a few", [[1000, 1000, 10], [6, 5, 240], [0, 0, 250]], [2]],
    ["most stay", [[5000, 1000, 250]], [0]],
    ["they come again", [[1000, 1000, 250], [1000, 999, 250], [0, 1, 250]], [0, 2]],
    ["it is never quiet", Array(4100).fill([10, 10, 25]), [2008, 4017]],
  ];
  for (const [what, stretches, at] of table) assertEquals(await collections(stretches), at, what);
});

Deno.test("memory is not looked after behind the end of the server", () => {
  const clock = new FakeClock();
  {
    using memory = new MemoryOfClients({ clock, collect() {} });
    for (let i = 0; i < 1000; i++) memory.left();
    assertEquals(clock.waiting, 1);
  }
  assertEquals(clock.waiting, 0);
});

Deno.test("memory that V8 is asked to collect is free again", async () => {
  const clock = new FakeClock();
  using memory = new MemoryOfClients({ clock });
  let garbage: number[][] | undefined = Array.from(
    { length: 2000 },
    () => new Array(1000).fill(1.5),
  );
  const before = Deno.memoryUsage().heapUsed;
  assertEquals(garbage.length, 2000);
  garbage = undefined;
  for (let i = 0; i < 1000; i++) memory.left();
  await clock.advance(250);
  const freed = before - Deno.memoryUsage().heapUsed;
  assertEquals(freed > 8e6, true, `${freed} octets`);
});
