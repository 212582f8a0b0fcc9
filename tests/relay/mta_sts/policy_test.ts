import { assertEquals, assertThrows } from "@std/assert";
import { fitsPolicy, parsePolicy, type PolicyText } from "../../../lib/relay/mta_sts/policy.ts";

/** The policy of RFC 8461 section 3.2. */
const EXAMPLE = [
  "version: STSv1",
  "mode: enforce",
  "mx: mail.example.com",
  "mx: *.example.net",
  "mx: backupmx.example.com",
  "max_age: 604800",
];

const READ: PolicyText = {
  mode: "enforce",
  maxAge: 604_800,
  mx: ["mail.example.com", "*.example.net", "backupmx.example.com"],
};

/** The example with a line put in the place of the one whose field it has. */
function withLine(line: string): string {
  const name = line.slice(0, line.indexOf(":") + 1);
  return [...EXAMPLE.filter((other) => !other.startsWith(name)), line].join("\n");
}

function without(name: string): string {
  return EXAMPLE.filter((line) => !line.startsWith(`${name}:`)).join("\n");
}

const good: [name: string, text: string, policy: Partial<PolicyText>][] = [
  ["CRLF", `${EXAMPLE.join("\r\n")}\r\n`, {}],
  ["LF", `${EXAMPLE.join("\n")}\n`, {}],
  ["both", EXAMPLE.join("\n").replace("\n", "\r\n"), {}],
  ["no line end at the end", EXAMPLE.join("\r\n"), {}],
  ["another order", EXAMPLE.toReversed().join("\n"), { mx: READ.mx.toReversed() }],
  ["space behind values", EXAMPLE.map((line) => `${line} \t`).join("\r\n"), {}],
  ["no space before values", EXAMPLE.map((line) => line.replace(" ", "")).join("\n"), {}],
  ["much space before values", EXAMPLE.map((line) => line.replace(" ", " \t ")).join("\n"), {}],
  ["an unknown field", [...EXAMPLE, "x-y.z_1: a = b; ü"].join("\n"), {}],
  ["the first of two modes", [...EXAMPLE, "mode: none"].join("\n"), {}],
  ["the first of two ages", [...EXAMPLE, "max_age: x"].join("\n"), {}],
  ["one host twice", [...EXAMPLE, "mx: MAIL.example.com"].join("\n"), {}],
  ["a name in other case", withLine("mx: Mail.Example.COM"), { mx: ["mail.example.com"] }],
  ["A-labels", withLine("mx: xn--bcher-kva.example"), { mx: ["xn--bcher-kva.example"] }],
  ["testing", withLine("mode: testing"), { mode: "testing" }],
  ["none", withLine("mode: none"), { mode: "none" }],
  ["none without hosts", without("mx").replace("enforce", "none"), { mode: "none", mx: [] }],
  ["the shortest life", withLine("max_age: 0"), { maxAge: 0 }],
  ["the longest life", withLine("max_age: 31557600"), { maxAge: 31_557_600 }],
  ["leading zeros", withLine("max_age: 0000000060"), { maxAge: 60 }],
];

Deno.test("a policy is read", async (t) => {
  for (const [name, text, policy] of good) {
    await t.step(name, () => assertEquals(parsePolicy(text), { ...READ, ...policy }));
  }
});

const bad: [name: string, text: string, message: string][] = [
  ["nothing", "", "version is not STSv1"],
  ["a page", "<!DOCTYPE html>\n<title>404</title>", "line 1 is no field"],
  ["a byte order mark", `\ufeff${EXAMPLE.join("\n")}`, "line 1 is no field"],
  ["an empty line", `version: STSv1\n\n${without("version")}`, "line 2 is no field"],
  ["two line ends at the end", `${EXAMPLE.join("\n")}\n\n`, "line 7 is no field"],
  ["CR alone", EXAMPLE.join("\r"), "line 1 is no field"],
  ["space before a name", ` ${EXAMPLE.join("\n")}`, "line 1 is no field"],
  ["space behind a name", EXAMPLE.join("\n").replace("mode:", "mode :"), "line 2 is no field"],
  ["a field without a value", [...EXAMPLE, "x:"].join("\n"), "line 7 is no field"],
  ["a control character", [...EXAMPLE, "x: \x07"].join("\n"), "line 7 is no field"],
  ["a NUL", [...EXAMPLE, "x: a\0b"].join("\n"), "line 7 is no field"],
  ["a name that is too long", [...EXAMPLE, `${"x".repeat(33)}: y`].join("\n"), "line 7"],
  ["no version", without("version"), "version is not STSv1"],
  ["another version", withLine("version: STSv2"), "version is not STSv1"],
  ["the version in other case", withLine("version: stsv1"), "version is not STSv1"],
  ["no mode", without("mode"), "mode is none of"],
  ["another mode", withLine("mode: report"), "mode is none of"],
  ["a mode in other case", withLine("mode: Enforce"), "mode is none of"],
  ["__proto__ for a mode", withLine("mode: __proto__"), "mode is none of"],
  ["no life", without("max_age"), "max_age is no number"],
  ["a life that is too long", withLine("max_age: 31557601"), "max_age is no number"],
  ["a life of eleven digits", withLine("max_age: 00000000060"), "max_age is no number"],
  ["a negative life", withLine("max_age: -1"), "max_age is no number"],
  ["a life with a fraction", withLine("max_age: 1.5"), "max_age is no number"],
  ["no host", without("mx"), "mx is missing"],
  ["no host, testing", without("mx").replace("enforce", "testing"), "mx is missing"],
  ["hosts in one line", withLine("mx: a.example, b.example"), "mx is no host name"],
  ["any host", withLine("mx: *"), "mx is no host name"],
  ["a star without a dot", withLine("mx: *example.com"), "mx is no host name"],
  ["a star in the middle", withLine("mx: a.*.example"), "mx is no host name"],
  ["two stars", withLine("mx: *.*.example"), "mx is no host name"],
  ["a star for all of it", withLine("mx: *."), "mx is no host name"],
  ["an address", withLine("mx: 192.0.2.1"), "mx is no host name"],
  ["an address literal", withLine("mx: [192.0.2.1]"), "mx is no host name"],
  ["U-labels", withLine("mx: bücher.example"), "mx is no host name"],
  ["an empty label", withLine("mx: a..example"), "mx is no host name"],
  ["a path", withLine("mx: ../../x"), "mx is no host name"],
];

Deno.test("what is no policy is refused with what is wrong", async (t) => {
  for (const [name, text, message] of bad) {
    await t.step(name, () => {
      assertThrows(() => parsePolicy(text), SyntaxError, message);
    });
  }
});

Deno.test("a long line is read in no more time than it is long", () => {
  const start = performance.now();
  const space = " \t".repeat(30_000);
  assertThrows(() => parsePolicy(`version:${space}x${space}\x07`), SyntaxError);
  assertThrows(() => parsePolicy(`mx: ${"a".repeat(60_000)}`), SyntaxError);
  assertEquals(performance.now() - start < 1_000, true);
});

const hosts: [pattern: string, host: string, fits: boolean][] = [
  ["mail.example.com", "mail.example.com", true],
  ["mail.example.com", "MAIL.Example.com.", true],
  ["mail.example.com", "a.mail.example.com", false],
  ["mail.example.com", "example.com", false],
  ["mail.example.com", "mail.example.com.evil.test", false],
  ["*.example.net", "mx.example.net", true],
  ["*.example.net", "MX.EXAMPLE.NET.", true],
  ["*.example.net", "example.net", false],
  ["*.example.net", "a.mx.example.net", false],
  ["*.example.net", ".example.net", false],
  ["*.example.net", "*.example.net", false],
  ["*.example.net", "mxexample.net", false],
  ["*.net", "example.net", true],
  ["*.net", "net", false],
  ["xn--bcher-kva.example", "bücher.example", true],
  ["mail.example.com", "[192.0.2.1]", false],
  ["mail.example.com", "192.0.2.1", false],
  ["mail.example.com", "", false],
];

Deno.test("a star in a policy stands for one label", () => {
  for (const [pattern, host, fits] of hosts) {
    assertEquals(fitsPolicy([pattern], host), fits, `${pattern} ${host}`);
  }
  assertEquals(fitsPolicy([], "mail.example.com"), false);
  assertEquals(fitsPolicy(["a.test", "*.b.test"], "x.b.test"), true);
});
