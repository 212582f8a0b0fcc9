import { assertEquals, assertThrows } from "@std/assert";
import { changedHeader, changeText, type HeaderChange } from "../../lib/message/header_changes.ts";

const octets = (text: string) => new TextEncoder().encode(text);

function changed(header: string, ...changes: HeaderChange[]): string {
  const made = changedHeader(octets(header), changes, { smtpUtf8: false });
  return new TextDecoder().decode(made);
}

const HEADER =
  "Received: from a by b; now\r\nSubject: one\r\n two\r\nX-A: 1\r\nTo: j@a.test\r\nx-a : 2\r\n\r\n";
const add = (name: string, value: string, at?: "top" | "end"): HeaderChange => ({
  kind: "add",
  name,
  value,
  at,
});
const replace = (name: string, value: string): HeaderChange => ({ kind: "replace", name, value });
const remove = (name: string): HeaderChange => ({ kind: "remove", name });

const TABLE: Record<string, [header: string, changes: HeaderChange[], expected: string]> = {
  "nothing": [HEADER, [], HEADER],
  "a field at the end": ["A: 1\r\n\r\n", [add("B", "2")], "A: 1\r\nB: 2\r\n\r\n"],
  "a field at the top": ["A: 1\r\n\r\n", [add("B", "2", "top")], "B: 2\r\nA: 1\r\n\r\n"],
  "fields at both ends, in the order of the list": [
    "A: 1\r\n\r\n",
    [add("B", "2", "top"), add("C", "3", "end"), add("D", "4", "top"), add("E", "5")],
    "B: 2\r\nD: 4\r\nA: 1\r\nC: 3\r\nE: 5\r\n\r\n",
  ],
  "a field that is there already": ["A: 1\r\n\r\n", [add("a", "2")], "A: 1\r\na: 2\r\n\r\n"],
  "a field of several lines, in its place": [
    HEADER,
    [replace("SUBJECT", "three")],
    HEADER.replace("Subject: one\r\n two", "SUBJECT: three"),
  ],
  "all fields of a name, by one": [
    HEADER,
    [replace("X-A", "3")],
    HEADER.replace("X-A: 1", "X-A: 3").replace("x-a : 2\r\n", ""),
  ],
  "a field that is not there": ["A: 1\r\n\r\n", [replace("B", "2")], "A: 1\r\nB: 2\r\n\r\n"],
  "all fields of a name away": [
    HEADER,
    [remove("x-A")],
    HEADER.replace("X-A: 1\r\n", "").replace("x-a : 2\r\n", ""),
  ],
  "a field away that is not there": [HEADER, [remove("B")], HEADER],
  "every field away": ["A: 1\r\nB: 2\r\n\r\n", [remove("A"), remove("B")], "\r\n"],
  "what was added before": [
    "A: 1\r\n\r\n",
    [add("B", "2", "top"), add("C", "3"), replace("b", "4"), remove("C")],
    "b: 4\r\nA: 1\r\n\r\n",
  ],
  "a header section without an empty line": ["A: 1\r\n", [add("B", "2")], "A: 1\r\nB: 2\r\n\r\n"],
  "a header section that ends within a line": ["A: 1", [add("B", "2")], "A: 1\r\nB: 2\r\n\r\n"],
  "a header section that ends in what is no field": [
    "A: 1\r\nno field",
    [add("B", "2")],
    "A: 1\r\nB: 2\r\n\r\nno field",
  ],
  "no header section": ["", [add("B", "2")], "B: 2\r\n\r\n"],
  "an empty line alone": ["\r\n", [add("B", "2", "top")], "B: 2\r\n\r\n"],
  "a separator of the mbox format, which goes": [
    "From j@a.test Mon Jan  1\r\nA: 1\r\n\r\n",
    [add("B", "2", "top")],
    "B: 2\r\nA: 1\r\n\r\n",
  ],
  "a separator of the mbox format and nothing else": [
    ">From j@a.test Mon Jan  1\r\n\r\n",
    [add("B", "2")],
    "B: 2\r\n\r\n",
  ],
};

for (const [name, [header, changes, expected]] of Object.entries(TABLE)) {
  Deno.test(`a change of a header section changes ${name}`, () => {
    assertEquals(changed(header, ...changes), expected);
  });
}

Deno.test("octets of other fields stay as they are, also those that are no UTF-8", () => {
  const header = Uint8Array.from([...octets("A: "), 0xff, 0xfe, 0x80, ...octets("\r\n\r\n")]);
  const made = changedHeader(header, [add("B", "2", "top")], { smtpUtf8: false });
  assertEquals(made, Uint8Array.from([...octets("B: 2\r\n"), ...header]));
});

Deno.test("trace fields are neither added nor replaced nor removed", () => {
  for (const name of ["Received", "RECEIVED", "Return-Path"]) {
    for (const change of [add(name, "x"), replace(name, "x"), remove(name)]) {
      assertThrows(() => changed(HEADER, change), SyntaxError, "tells the way");
    }
  }
});

Deno.test("a field that cannot be written changes nothing", () => {
  assertThrows(() => changed(HEADER, add("Bcc\r\nX", "y")), SyntaxError, "a name has");
  assertThrows(() => changed(HEADER, replace("Subject", "a\r\nb")), SyntaxError, "control");
});

Deno.test("a header section does not become larger than one may be", () => {
  const few = "a: b\r\n".repeat(1000);
  assertThrows(() => changed(`${few}\r\n`, add("B", "2")), RangeError, "too large");
  const long = `A: ${"x ".repeat(130_000)}x\r\n\r\n`;
  assertThrows(() => changed(long, add("B", "y ".repeat(3_000))), RangeError, "too large");
});

Deno.test("a change says what it has done", () => {
  assertEquals([add("A", "1"), replace("B", "2"), remove("C")].map(changeText), [
    "added A",
    "replaced B",
    "removed C",
  ]);
});
