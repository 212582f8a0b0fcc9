import { assertEquals } from "@std/assert";
import { NO_FACTS, parseEhlo } from "../../lib/smtp/ehlo_facts.ts";

function parse(...lines: string[]): ReturnType<typeof parseEhlo> {
  return parseEhlo({ code: 250, lines: ["mx.example.net", ...lines] });
}

/** A line of an EHLO reply, and the extension that it offers, if it does. */
const LINES: [line: string, extension?: [keyword: string, ...params: string[]]][] = [
  ["PIPELINING", ["PIPELINING"]],
  ["pipelining", ["PIPELINING"]],
  ["PipeLining ", ["PIPELINING"]],
  ["8BITMIME", ["8BITMIME"]],
  ["SIZE 1000", ["SIZE", "1000"]],
  ["SIZE  1000  ", ["SIZE", "1000"]],
  ["AUTH PLAIN LOGIN", ["AUTH", "PLAIN", "LOGIN"]],
  ["AUTH=PLAIN LOGIN"],
  ["LIMITS RCPTMAX=100", ["LIMITS", "RCPTMAX=100"]],
  ["X-A-B 1", ["X-A-B", "1"]],
  ["__PROTO__"],
  ["constructor", ["CONSTRUCTOR"]],
  [""],
  [" PIPELINING"],
  ["-X"],
  ["SIZE=1000"],
  ["SIZE\t1000"],
  ["SIZE 1000\\x00", ["SIZE", "1000\\x00"]],
  ["SIZE 10\u00e90"],
  ["\u017fIZE 1"],
  ["SMTPUTF8\u200b"],
];

Deno.test("EHLO facts hold every well-formed line and no other", () => {
  for (const [line, extension] of LINES) {
    const expected = extension === undefined ? [] : [[extension[0], extension.slice(1)]];
    assertEquals([...parse(line).extensions], expected as [string, string[]][], line);
  }
});

Deno.test("EHLO facts say what the extensions say", () => {
  const facts = parse("PIPELINING", "SIZE 99", "8BITMIME", "SMTPUTF8", "DSN");
  assertEquals(facts.pipelining, true);
  assertEquals(facts.size, 99);
  assertEquals(facts.eightBitMime, true);
  assertEquals(facts.smtpUtf8, true);
  assertEquals(facts.dsn, true);
  const { pipelining, size, eightBitMime, smtpUtf8, dsn, extensions } = NO_FACTS;
  assertEquals(
    [pipelining, size, eightBitMime, smtpUtf8, dsn, extensions.size],
    [false, undefined, false, false, false, 0],
  );
});

Deno.test("EHLO facts say what may be had of TLS and AUTH", () => {
  const none = parse("SIZE");
  assertEquals([none.startTls, none.auth, none.requireTls], [false, [], false]);
  const all = parse("starttls", "AUTH plain Scram-Sha-256", "REQUIRETLS");
  assertEquals([all.startTls, all.auth, all.requireTls], [true, ["PLAIN", "SCRAM-SHA-256"], true]);
  assertEquals(parse("AUTH=LOGIN PLAIN").auth, ["LOGIN", "PLAIN"]);
  assertEquals(parse("AUTH=LOGIN", "AUTH PLAIN").auth, ["PLAIN"]);
  assertEquals(parse("AUTH", "AUTH=LOGIN").auth, []);
  assertEquals(parse("AUTH=").auth, []);
});

Deno.test("EHLO facts read the size, or its lack", () => {
  const table: [line: string, size: number | undefined][] = [
    ["SIZE", 0],
    ["SIZE 0", 0],
    ["SIZE 10485760", 10_485_760],
    ["size 007", 7],
    ["SIZE 18446744073709551615", 2 ** 64],
    ["SIZE 123456789012345678901", undefined],
    ["SIZE -1", undefined],
    ["SIZE 1e6", undefined],
    ["SIZE 0x10", undefined],
    ["SIZE 1,000", undefined],
    ["SIZE 5 6", 5],
    ["SIZEX 5", undefined],
  ];
  for (const [line, size] of table) assertEquals(parse(line).size, size, line);
});

Deno.test("EHLO facts take nothing from the line that names the server", () => {
  assertEquals(parseEhlo({ code: 250, lines: ["PIPELINING"] }).pipelining, false);
  assertEquals(parseEhlo({ code: 250, lines: ["SIZE 5", "PIPELINING"] }).size, undefined);
});

Deno.test("EHLO facts take the first of two lines with one keyword", () => {
  assertEquals(parse("SIZE 5", "size 6").size, 5);
  assertEquals(parse("AUTH PLAIN", "AUTH LOGIN").extensions.get("AUTH"), ["PLAIN"]);
});

Deno.test("EHLO facts read a long line in no time", () => {
  const line = `AUTH${" x".repeat(1000)}${" ".repeat(1000)}\u00e9`;
  const start = performance.now();
  assertEquals(parse(...Array(128).fill(line)).extensions.size, 0);
  assertEquals(performance.now() - start < 2000, true);
});
