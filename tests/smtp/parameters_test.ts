import { assert, assertEquals } from "@std/assert";
import { parseParameters } from "../../lib/smtp/parameters.ts";

const GOOD: [text: string, parameters: [string, string][]][] = [
  ["", []],
  [" ", []],
  ["SIZE", [["SIZE", ""]]],
  ["size=100", [["SIZE", "100"]]],
  ["SIZE=100 BODY=8BITMIME", [["SIZE", "100"], ["BODY", "8BITMIME"]]],
  ["  A   B=1  ", [["A", ""], ["B", "1"]]],
  ["X-Y-=1", [["X-Y-", "1"]]],
  ["8=8", [["8", "8"]]],
  ["A=!\"#$%&'()*+,-./:;<>?@[\\]^_`{|}~", [["A", "!\"#$%&'()*+,-./:;<>?@[\\]^_`{|}~"]]],
  ["A=юзер😀", [["A", "юзер😀"]]],
  // Names that a plain object has already.
  ["constructor=1", [["CONSTRUCTOR", "1"]]],
  ["toString hasOwnProperty=x", [["TOSTRING", ""], ["HASOWNPROPERTY", "x"]]],
  ["A=__proto__", [["A", "__proto__"]]],
];

for (const [text, parameters] of GOOD) {
  Deno.test(`parameters ${JSON.stringify(text)} are read`, () => {
    assertEquals(parseParameters(text), new Map(parameters));
  });
}

const BAD = [
  "=",
  "=1",
  "A=",
  "A==",
  "A=1=2",
  "-A",
  "A_B",
  "A.B=1",
  "__proto__",
  "__proto__=1",
  "Ä=1",
  "\u017fIZE=1",
  "A=\x7f",
  "A=\x85",
  "A=1\tB=2",
  "\tA",
  "<b@c>",
  "A A",
  "A=1 B a=2",
];

for (const text of BAD) {
  Deno.test(`parameters ${JSON.stringify(text)} are refused`, () => {
    const parsed = parseParameters(text);
    assert("fault" in parsed, "it was read");
    assert(/^[ -~]+$/.test(parsed.fault));
  });
}

Deno.test("parameters are at most 32", () => {
  const words = Array.from({ length: 33 }, (_, i) => `A${i}=${i}`);
  const most = parseParameters(words.slice(1).join(" "));
  assert(!("fault" in most));
  assertEquals(most.size, 32);
  assert("fault" in parseParameters(words.join(" ")));
});
