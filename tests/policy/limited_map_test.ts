import { assertEquals } from "@std/assert";
import { putLast } from "../../lib/policy/limited_map.ts";

Deno.test("a limited map loses what was put longest ago", () => {
  const cases: [put: string, left: string][] = [
    ["a", "a"],
    ["b", "ab"],
    ["a", "ba"],
    ["c", "bac"],
    ["d", "acd"],
    ["c", "adc"],
  ];
  const map = new Map<string, number>();
  cases.forEach(([put, left], index) => {
    putLast(map, put, index, 3);
    assertEquals([...map.keys()].join(""), left, put);
    assertEquals(map.get(put), index);
  });
});
