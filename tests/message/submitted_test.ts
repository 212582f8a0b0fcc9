import { assertEquals, assertThrows } from "@std/assert";
import {
  completed,
  displayName,
  parseSubmitted,
  recipientsOf,
  withCrlf,
} from "../../lib/message/submitted.ts";

const octets = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const lines: [input: string, dotEnds: boolean, output: string][] = [
  ["", true, ""],
  ["A: b\n\nc\n", true, "A: b\r\n\r\nc\r\n"],
  ["A: b\r\n\r\nc", true, "A: b\r\n\r\nc\r\n"],
  ["A: b\r\r\n\r\r\nc\r\r\n", true, "A: b\r\n\r\nc\r\n"],
  ["A: b\n\nc\n.\nd\n", true, "A: b\r\n\r\nc\r\n"],
  ["A: b\n\nc\r\n.\r\nd\n", true, "A: b\r\n\r\nc\r\n"],
  ["A: b\n\nc\n.\nd\n", false, "A: b\r\n\r\nc\r\n.\r\nd\r\n"],
  ["A: b\n\nc\n.", true, "A: b\r\n\r\nc\r\n"],
  ["A: b\n\nc\n..\n", true, "A: b\r\n\r\nc\r\n..\r\n"],
  ["A: b\n\n10 %\r20 %\r.\rx\n", false, "A: b\r\n\r\n10 %\r\n20 %\r\n.\r\nx\r\n"],
  ["10 %\r20 %\n", true, "10 %\r\n20 %\r\n"],
];

Deno.test("lines are ended by CR LF whatever they ended in", async (t) => {
  for (const [input, dotEnds, output] of lines) {
    await t.step(JSON.stringify([input, dotEnds]), () => {
      assertEquals(text(withCrlf(octets(input), dotEnds)), output);
    });
  }
});

Deno.test("a CR by itself in a header field is refused, for it could begin another", async (t) => {
  for (
    const input of [
      "Subject: x\rBcc: evil@example.org\n\nb\n",
      "A: b\nSubject: x\n y\rBcc: evil@example.org\n\n",
      "A: b\r\rBcc: evil@example.org\r\n\r\n",
    ]
  ) {
    await t.step(
      JSON.stringify(input),
      () => void assertThrows(() => withCrlf(octets(input), true), SyntaxError),
    );
  }
});

const recipients: [header: string, addresses: string[]][] = [
  ["To: a@b.example\nCC: c@d.example\nbcc: e@f.example\n", [
    "a@b.example",
    "c@d.example",
    "e@f.example",
  ]],
  ["To: a@b.example,\n\tc@d.example\nTo: e@f.example\n", [
    "a@b.example",
    "c@d.example",
    "e@f.example",
  ]],
  ["To: a@b.example\nResent-To: c@d.example\nResent-Bcc: e@f.example\n", [
    "c@d.example",
    "e@f.example",
  ]],
  ["Subject: To: a@b.example\nX-To: c@d.example\nReply-To: e@f.example\n", []],
  ["To : a@b.example\n", ["a@b.example"]],
  ["From joe Mon Jan  1 00:00:00 2026\nTo: a@b.example\n", ["a@b.example"]],
  ["__proto__: x\nconstructor: y\nTo: a@b.example\n", ["a@b.example"]],
];

Deno.test("recipients are taken from the fields that name them", async (t) => {
  for (const [header, addresses] of recipients) {
    await t.step(JSON.stringify(header), () => {
      const message = parseSubmitted(withCrlf(octets(`${header}\nTo: body@b.example\n`), true));
      assertEquals(recipientsOf(message), addresses);
    });
  }
});

const completion = {
  trace: "Received: by us\r\n",
  from: "me@us.example",
  hostname: "us.example",
  id: "id1",
  date: new Date(0),
};

Deno.test("a message gets what it lacks, and loses Bcc and its kin", () => {
  const input = "From x y\nBcc: a@b.example,\n c@d.example\nDate: then\nTo: t@b.example\n" +
    "Return-Path: <x@y.example>\n\nbody\n";
  assertEquals(
    text(completed(parseSubmitted(withCrlf(octets(input), true)), completion)),
    "Received: by us\r\nFrom: me@us.example\r\nMessage-ID: <id1@us.example>\r\n" +
      "Date: then\r\nTo: t@b.example\r\n\r\nbody\r\n",
  );
});

Deno.test("a message without a header section gets one, and keeps its first line in the body", () => {
  const plain = completed(parseSubmitted(withCrlf(octets("hello world\n"), true)), completion);
  assertEquals(text(plain).split("\r\n\r\n")[1], "hello world\r\n");
  const folded = completed(parseSubmitted(withCrlf(octets(" x: y\nz\n"), true)), completion);
  assertEquals(text(folded).split("\r\n\r\n")[1], " x: y\r\nz\r\n");
});

Deno.test("a display name cannot end its field or become an address", () => {
  assertEquals(displayName("Plain Name"), "Plain Name");
  assertEquals(displayName('a "b" <c@d>'), '"a \\"b\\" <c@d>"');
  assertEquals(displayName("Jörg"), "=?UTF-8?B?SsO2cmc=?=");
  assertEquals(displayName("=?x?="), "=?UTF-8?B?PT94Pz0=?=");
  const long = displayName("ü".repeat(100)).split("\r\n ");
  assertEquals([long.length, long.every((word) => word.length <= 75)], [5, true]);
  assertThrows(() => displayName("a\r\nBcc: b"), SyntaxError);
});
