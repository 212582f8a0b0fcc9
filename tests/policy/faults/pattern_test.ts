import { assertEquals } from "@std/assert";
import { fits } from "../../../lib/policy/faults/pattern.ts";

const table: readonly (readonly [pattern: string, text: string, fits: boolean])[] = [
  ["joe@slow.test", "joe@slow.test", true],
  ["joe@slow.test", "Joe@SLOW.test", true],
  ["JOE@slow.test", "joe@slow.test", true],
  ["joe@slow.test", "joe@slow.test.org", false],
  ["*", "", true],
  ["*", "anything", true],
  ["**", "x", true],
  ["*@slow.test", "a@slow.test", true],
  ["*@slow.test", "@slow.test", true],
  ["*@slow.test", "a@fast.test", false],
  ["joe@*", "joe@a.test", true],
  ["joe@*", "jo@a.test", false],
  ["j*e@*.test", "jane@a.test", true],
  ["j*e@*.test", "jane@a.org", false],
  ["a*b*c", "abbc", true],
  ["a*b*c", "ac", false],
  ["aba*aba", "aba", false],
  ["aba*aba", "abaaba", true],
  ["a.c", "abc", false],
  ["[a]", "a", false],
  ["<>", "<>", true],
];

Deno.test("a pattern fits as a whole, and its stars stand for anything", () => {
  for (const [pattern, text, expected] of table) {
    assertEquals(fits(pattern, text), expected, `${pattern} ${text}`);
  }
});
