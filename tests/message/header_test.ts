import { assertEquals } from "@std/assert";
import { type HeaderField, parseHeader } from "../../lib/message/header.ts";

function parse(text: string | Uint8Array): HeaderField[] {
  return parseHeader(typeof text === "string" ? new TextEncoder().encode(text) : text);
}

const TABLE: [string, string, [string, string][]][] = [
  ["an empty header section", "\r\n", []],
  ["nothing", "", []],
  ["a field", "Subject: hi\r\n\r\n", [["Subject", "hi"]]],
  ["names as written", "sUBJECT:hi\r\n\r\n", [["sUBJECT", "hi"]]],
  ["an empty body", "Subject:\r\nTo: a\r\n\r\n", [["Subject", ""], ["To", "a"]]],
  ["folding", "Subject: a\r\n b\r\n\tc\r\n\r\n", [["Subject", "a b\tc"]]],
  ["folding right after the colon", "Subject:\r\n a\r\n\r\n", [["Subject", "a"]]],
  ["lines of white space", "Subject: a\r\n \r\n b\r\n\r\n", [["Subject", "a  b"]]],
  ["obsolete space before the colon", "Subject \t: a\r\n\r\n", [["Subject", "a"]]],
  ["colons in the body", "A: b: c\r\n\r\n", [["A", "b: c"]]],
  ["UTF-8", "Subject: grüße 🎈\r\n\r\n", [["Subject", "grüße 🎈"]]],
  ["a byte order mark, which belongs to the value", "A: \ufeffb\r\n\r\n", [["A", "\ufeffb"]]],
  ["names that objects have", "__proto__: a\r\nconstructor: b\r\n\r\n", [
    ["__proto__", "a"],
    ["constructor", "b"],
  ]],
  ["no empty line", "A: b\r\nC: d\r\n", [["A", "b"], ["C", "d"]]],
  ["a body", "A: b\r\n\r\nC: d\r\n", [["A", "b"]]],
  ["a line that is no field", "A: b\r\nnothing here\r\nC: d\r\n\r\n", [["A", "b"]]],
  ["a name that is not ASCII", "A: b\r\nÄ: c\r\n", [["A", "b"]]],
  ["an empty name", ": b\r\n", []],
  ["folding before any field", " A: b\r\n\r\n", []],
  ["the line of an mbox", "From joe@example.org Mon Jan  1 00:00:00\r\nA: b\r\n\r\n", [["A", "b"]]],
  ["a field From with obsolete space", "From : joe\r\nA: b\r\n\r\n", [["From", "joe"], ["A", "b"]]],
];

for (const [name, text, expected] of TABLE) {
  Deno.test(`header is parsed: ${name}`, () => {
    assertEquals(parse(text), expected.map(([name, value]) => ({ name, value })));
  });
}

Deno.test("header with octets that are not UTF-8 has replacement characters there", () => {
  const octets = new Uint8Array([65, 58, 32, 0xe4, 13, 10, 66, 58, 0xc3, 13, 10, 13, 10]);
  assertEquals(parse(octets), [{ name: "A", value: "\ufffd" }, { name: "B", value: "\ufffd" }]);
});
