import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClientTable } from "../../lib/policy/client_table.ts";

const seed = Uint32Array.of(1, 2);

function key(n: number): Uint8Array {
  return Uint8Array.of(4, n >> 16, n >> 8 & 255, n & 255);
}

Deno.test("client table keeps the numbers of each key apart", () => {
  const table = new ClientTable({ columns: 3, slots: 64, seed });
  assertEquals(table.find(key(1)), -1);
  const one = table.take(key(1));
  const two = table.take(key(2));
  for (const column of [0, 1, 2]) {
    assertEquals(table.get(one, column), 0);
    table.set(one, column, 10 + column);
    table.set(two, column, 20 + column);
  }
  assertEquals([table.take(key(1)), table.find(key(2))], [one, two]);
  assertEquals([0, 1, 2].map((column) => table.get(one, column)), [10, 11, 12]);
  assertEquals([0, 1, 2].map((column) => table.get(two, column)), [20, 21, 22]);
});

Deno.test("client table gives the slot that was used longest ago to a new key, and clears it", () => {
  const table = new ClientTable({ columns: 2, slots: 8, seed });
  for (let n = 0; n < 8; n++) table.set(table.take(key(n)), 1, n + 1);
  assert(table.find(key(0)) >= 0);
  const slot = table.take(key(8));
  assertEquals(table.find(key(1)), -1);
  assertEquals([table.get(slot, 0), table.get(slot, 1)], [0, 0]);
  for (const n of [0, 2, 3, 4, 5, 6, 7]) {
    assertEquals(table.get(table.find(key(n)), 1), n + 1, `key ${n}`);
  }
});

Deno.test("client table forgets no key that is used, while a million others come", () => {
  const table = new ClientTable({ columns: 1, slots: 1024, seed });
  const regular = key(0xffffff);
  table.set(table.take(regular), 0, 7);
  for (let n = 0; n < 1_000_000; n++) {
    table.take(key(n));
    if (n % 100 === 0) assertEquals(table.get(table.find(regular), 0), 7);
  }
});

Deno.test("client table holds nearly as many keys as it has slots", () => {
  const table = new ClientTable({ columns: 1, slots: 65_536, seed });
  const count = 32_768;
  for (let n = 0; n < count; n++) table.take(key(n));
  let kept = 0;
  for (let n = 0; n < count; n++) if (table.find(key(n)) >= 0) kept++;
  assert(kept > count * 0.97, `${kept} of ${count} are kept`);
});

Deno.test("client table of another seed puts keys elsewhere", () => {
  const slots = [1, 2].map((n) => {
    const table = new ClientTable({ columns: 1, slots: 65_536, seed: Uint32Array.of(n, 0) });
    return Array.from({ length: 10 }, (_, i) => table.take(key(i)));
  });
  assert(slots[0].every((slot, i) => slot >> 3 !== slots[1][i] >> 3));
});

Deno.test("client table takes only a number of slots that can be", () => {
  for (const slots of [0, 4, 12, 1000, 2 ** 25, NaN, 8.5]) {
    assertThrows(() => new ClientTable({ columns: 1, slots }), RangeError, "power of two");
  }
});
