import { assertEquals } from "@std/assert";
import { CrowdMemory } from "../../lib/net/crowd_memory.ts";

function collections(counts: readonly number[]): number[] {
  const at: number[] = [];
  let now = 0;
  const memory = new CrowdMemory(() => at.push(now));
  for (now of counts) memory.count(now);
  return at;
}

Deno.test("memory is collected once a crowd has left, and not for each that leaves", () => {
  const table: [what: string, counts: number[], at: number[]][] = [
    ["some come and go", [1, 500, 999, 10, 0], []],
    ["a thousand leave", [1000, 500, 101, 100, 99, 0], [100]],
    ["many leave", [11_000, 1101, 1100, 500, 110, 100, 0], [1100, 110]],
    ["they come again", [1000, 0, 999, 0, 1000, 0], [0, 0]],
    ["most stay", [5000, 501, 5000, 501], []],
  ];
  for (const [what, counts, at] of table) assertEquals(collections(counts), at, what);
});

Deno.test("memory that V8 is asked to collect is free again", () => {
  const memory = new CrowdMemory();
  let garbage: number[][] | undefined = Array.from(
    { length: 2000 },
    () => new Array(1000).fill(1.5),
  );
  const before = Deno.memoryUsage().heapUsed;
  assertEquals(garbage.length, 2000);
  garbage = undefined;
  memory.count(1000);
  memory.count(0);
  const freed = before - Deno.memoryUsage().heapUsed;
  assertEquals(freed > 8e6, true, `${freed} octets`);
});
