import { assert, assertEquals } from "@std/assert";
import { HEADER_LIMITS, HeaderScanner } from "../../lib/message/header_scanner.ts";

const encoder = new TextEncoder();

/** Feeds a message in slices of `size`, each in a buffer that is overwritten afterwards. */
function scan(text: string, size: number, limits = HEADER_LIMITS): HeaderScanner {
  const octets = encoder.encode(text);
  const scanner = new HeaderScanner(limits);
  for (let i = 0; i < octets.length; i += size) {
    const slice = octets.slice(i, i + size);
    scanner.scan(slice);
    slice.fill(0x58);
  }
  scanner.end();
  return scanner;
}

const MESSAGES: [string, string, {
  body: string;
  fields: number;
  received?: number;
  startsWithField?: boolean;
}][] = [
  ["an ordinary one", "From: a\r\nTo: b\r\n\r\nbody\r\n", { body: "body\r\n", fields: 2 }],
  ["an empty one", "", { body: "", fields: 0, startsWithField: false }],
  ["one without a header section", "\r\nbody\r\n", {
    body: "body\r\n",
    fields: 0,
    startsWithField: false,
  }],
  ["one without a body", "From: a\r\nTo: b\r\n", { body: "", fields: 2 }],
  ["one with an empty body", "From: a\r\n\r\n", { body: "", fields: 1 }],
  ["a body that looks like fields", "A: b\r\n\r\nReceived: c\r\n", {
    body: "Received: c\r\n",
    fields: 1,
  }],
  ["folding", "A: b\r\n c\r\n\td\r\nE: f\r\n\r\ng", { body: "g", fields: 2 }],
  ["a folded line that looks like a field", "A: b\r\n Received: c\r\n\r\nd", {
    body: "d",
    fields: 1,
  }],
  ["Received fields in any case", "Received: a\r\nRECEIVED:b\r\nreceived : c\r\nX: d\r\n\r\n", {
    body: "",
    fields: 4,
    received: 3,
  }],
  ["names like Received", "Receive: a\r\nReceived-SPF: b\r\nX-Received: c\r\n2eceived: d\r\n\r\n", {
    body: "",
    fields: 4,
  }],
  ["a line that is no field", "A: b\r\nhello there\r\nC: d\r\n\r\n", {
    body: "hello there\r\nC: d\r\n\r\n",
    fields: 1,
  }],
  ["only a body", "hello there\r\nC: d\r\n\r\n", {
    body: "hello there\r\nC: d\r\n\r\n",
    fields: 0,
    startsWithField: false,
  }],
  ["white space first", " A: b\r\nC: d\r\n\r\ne", {
    body: " A: b\r\nC: d\r\n\r\ne",
    fields: 0,
    startsWithField: false,
  }],
  ["the line of an mbox first", "From joe Mon Jan\r\nA: b\r\n\r\nc", {
    body: "c",
    fields: 1,
    startsWithField: false,
  }],
  ["dots", ".\r\n..\r\n", { body: ".\r\n..\r\n", fields: 0, startsWithField: false }],
];

for (const [name, text, expected] of MESSAGES) {
  for (const size of [1, 2, 3, 7, 1 << 20]) {
    Deno.test(`scanner reads ${name}, ${size} octets at a time`, () => {
      const scanner = scan(text, size);
      const { body, fields, received = 0, startsWithField = true } = expected;
      assert(scanner.isComplete);
      assert(!scanner.tooLarge);
      assertEquals(scanner.refusal, undefined);
      assertEquals(scanner.bodyStart, encoder.encode(text).length - encoder.encode(body).length);
      assertEquals(new TextDecoder().decode(scanner.octets) + body, text);
      assertEquals(scanner.fieldCount, fields);
      assertEquals(scanner.fields().length, fields);
      assertEquals(scanner.receivedCount, received);
      assertEquals(scanner.startsWithField, startsWithField);
    });
  }
}

Deno.test("scanner knows no body before it has come", () => {
  const scanner = new HeaderScanner();
  scanner.scan(encoder.encode("A: b\r\nC: d\r\n"));
  assertEquals(scanner.bodyStart, undefined);
  assertEquals(scanner.fields(), [{ name: "A", value: "b" }]);
  scanner.scan(encoder.encode(" e\r\n\r"));
  assert(!scanner.isComplete);
  scanner.scan(encoder.encode("\n"));
  assert(scanner.isComplete);
  assertEquals(scanner.fields(), [{ name: "A", value: "b" }, { name: "C", value: "d e" }]);
});

Deno.test("scanner refuses the hundredth hop and not the ninety-ninth", () => {
  const message = (hops: number) => "Received: x\r\n".repeat(hops) + "A: b\r\n\r\nbody\r\n";
  for (const size of [1, 4096]) {
    assertEquals(scan(message(99), size).refusal, undefined);
    const { code, enhanced } = scan(message(100), size).refusal ?? {};
    assertEquals([code, enhanced], [554, "5.4.6"]);
  }
});

Deno.test("scanner refuses a header section over a limit", () => {
  const limits = { octets: 1000, fields: 10, hops: 100 };
  const line = "X: 345678\r\n \r\n"; // 14 octets
  const cases: [string, string, boolean][] = [
    ["at the limit", "A: " + "x".repeat(1000 - 7) + "\r\n\r\nbody", false],
    ["over by one", "A: " + "x".repeat(1001 - 7) + "\r\n\r\nbody", true],
    ["ten fields", line.repeat(10) + "\r\nbody", false],
    ["eleven fields", line.repeat(11) + "\r\nbody", true],
    ["one endless line", "A: " + "x".repeat(5000), true],
    ["one endless field", "A: " + "\r\n x".repeat(5000), true],
    ["an endless body", "no colon here" + "x".repeat(5000), false],
    ["an endless body in lines", "A: b\r\n" + "no colon here\r\n".repeat(5000), false],
    ["a body without its empty line", "A: b\r\nno colon here" + "x".repeat(5000), false],
  ];
  for (const [name, text, tooLarge] of cases) {
    for (const size of [1, 100, 100_000]) {
      const scanner = scan(text, size, limits);
      assertEquals(scanner.tooLarge, tooLarge, `${name}, ${size} at a time`);
      assertEquals(scanner.isComplete, !tooLarge, name);
      assertEquals(scanner.refusal?.code, tooLarge ? 552 : undefined, name);
      assertEquals(scanner.refusal?.enhanced, tooLarge ? "5.3.4" : undefined, name);
      assert(scanner.octets.length <= 1000, name);
    }
  }
});

Deno.test("scanner takes its time in proportion to the octets", () => {
  const limits = { octets: 16 << 20, fields: 1_000_000, hops: 100 };
  // A quadratic step would take minutes on these, so the bound has room for a slow machine.
  const messages: [string, string][] = [
    ["100,000 continuation lines", "A: b\r\n" + " c\r\n".repeat(100_000) + "\r\n"],
    ["100,000 empty continuation lines", "A: b\r\n" + " \r\n".repeat(100_000) + "\r\n"],
    ["a field of 4 MiB", "A: " + "x".repeat(4 << 20) + "\r\n\r\n"],
    ["a name of 4 MiB", "A".repeat(4 << 20) + ": b\r\n\r\n"],
    ["spaces for 4 MiB", "A: " + " ".repeat(4 << 20) + "\r\n\r\n"],
    ["spaces before a colon for 4 MiB", "A" + " ".repeat(4 << 20) + ": b\r\n\r\n"],
  ];
  for (const [name, text] of messages) {
    for (const size of [7, 65_536]) {
      const start = performance.now();
      const scanner = scan(text, size, limits);
      assertEquals(scanner.fields().length, 1, name);
      const took = performance.now() - start;
      assert(took < 5000, `${name}, ${size} at a time, took ${took} ms`);
    }
  }
});
