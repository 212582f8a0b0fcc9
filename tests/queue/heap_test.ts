import { assert, assertEquals } from "@std/assert";
import { HeapWatch } from "../../lib/queue/heap.ts";

const SECOND = 1_000;

Deno.test("heap is collected where it has doubled, and neither small nor large", async () => {
  // Its size in MiB when it is looked, and the size that is left where it is collected then.
  type Look = readonly [second: number, size: number, left?: number];
  const table: [what: string, looks: Look[]][] = [
    ["small", [[0, 31]]],
    ["no longer small", [[0, 32, 10]]],
    ["small again", [[0, 60, 10], [60, 31], [120, 32, 12]]],
    ["not twice of what is needed", [[0, 60, 30], [60, 59], [120, 60, 20]]],
    ["looked at too often", [[0, 60, 10], [59, 100], [60, 100, 10]]],
    ["too often, without need", [[0, 20], [59, 100], [60, 100, 10]]],
    ["large", [[0, 193], [60, 192, 100], [120, 193], [180, 400]]],
    ["needed", [[0, 70, 70], [60, 139], [120, 140, 70]]],
  ];
  for (const [what, looks] of table) {
    let size = 0;
    let left: number | undefined;
    const watch = new HeapWatch({
      size: () => size * 1024 * 1024,
      collect() {
        assert(left !== undefined, `${what}: it is collected at ${size} MiB`);
        size = left;
        left = undefined;
      },
    });
    for (const look of looks) {
      size = look[1];
      left = look[2];
      await watch.look(1_000_000 + look[0] * SECOND);
      assertEquals(left, undefined, `${what}: it is not collected at ${size} MiB`);
    }
  }
});

/** Fills the heap with what nobody has any more; answers how much is in use. */
function litter(): number {
  const garbage = Array.from({ length: 3_000 }, () => new Array(1_000).fill(1.5));
  assertEquals(garbage.length, 3_000);
  return Deno.memoryUsage().heapUsed;
}

Deno.test("heap that is watched is free again", async () => {
  const watch = new HeapWatch();
  const before = litter();
  await watch.look(0);
  const freed = before - Deno.memoryUsage().heapUsed;
  assert(freed > 20_000_000, `${freed} octets are free again`);
});
