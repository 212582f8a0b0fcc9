import { assertEquals, assertThrows } from "@std/assert";
import { encodedText, encodedWords } from "../../lib/message/encoded_words.ts";
import { parseHeader } from "../../lib/message/header.ts";
import { writeField } from "../../lib/message/header_field.ts";

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);
const written = (name: string, value: string, smtpUtf8 = false) =>
  text(writeField(name, value, { smtpUtf8 }));

const FIELDS: [name: string, value: string, smtpUtf8: boolean, field: string][] = [
  ["Subject", "hello", false, "Subject: hello\r\n"],
  ["Subject", " \t hello  you\t", false, "Subject: hello  you\r\n"],
  ["X-Empty", "", false, "X-Empty:\r\n"],
  ["X-Empty", " \t", false, "X-Empty:\r\n"],
  ["!#~", "a:b", false, "!#~: a:b\r\n"],
  ["Subject", "Grüße", true, "Subject: Grüße\r\n"],
  ["Subject", "Grüße", false, "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n"],
  ["Subject", "[a] Grüße von b", false, "Subject: [a] =?UTF-8?B?R3LDvMOfZQ==?= von b\r\n"],
  ["From", "Jürgen <j@a.test>", true, "From: Jürgen <j@a.test>\r\n"],
];

Deno.test("a field is its name and its text, encoded where it may not be UTF-8", () => {
  for (const [name, value, smtpUtf8, field] of FIELDS) {
    assertEquals(written(name, value, smtpUtf8), field);
  }
});

Deno.test("a long field is folded before white space, and unfolds to what it was", () => {
  const values = [
    "word ".repeat(60).trim(),
    `${"a".repeat(70)}  ${"b".repeat(70)}\t \t${"c".repeat(900)} d`,
    `${"a".repeat(900)} b`,
    `x${" ".repeat(200)}y`,
  ];
  for (const value of values) {
    const field = written("X-Long", value);
    const lines = field.split("\r\n").slice(0, -1);
    assertEquals(lines.every((line) => line.trim() !== "" && line.length <= 998), true, field);
    assertEquals(lines.slice(1).every((line) => /^[ \t]/.test(line)), true, field);
    assertEquals(parseHeader(new TextEncoder().encode(field)), [{ name: "X-Long", value }]);
  }
  assertEquals(
    written("X-Long", values[0]).split("\r\n").every(({ length }) => length <= 78),
    true,
  );
});

const BAD: [name: string, value: string, why: string][] = [
  ["", "x", "a name has"],
  ["a b", "x", "a name has"],
  ["a:b", "x", "a name has"],
  ["a\r\nBcc", "x", "a name has"],
  ["ä", "x", "a name has"],
  ["a".repeat(77), "x", "a name has"],
  ["X", "a\r\nBcc: b", "control"],
  ["X", "a\nb", "control"],
  ["X", "a\rb", "control"],
  ["X", "a\0b", "control"],
  ["X", "a\u0085b", "control"],
  ["X", "a\u2028b", "control"],
  ["X", "a\ud800b", "control"],
  ["X", "a".repeat(998), "longer than a line"],
  ["From", "Jürgen <j@a.test>", "encoded words"],
  ["reply-TO", "jürgen@a.test", "encoded words"],
];

Deno.test("a field that would be none, or more than one, is refused", () => {
  for (const [name, value, why] of BAD) {
    assertThrows(() => written(name, value), SyntaxError, why, JSON.stringify([name, value]));
  }
  assertThrows(() => written("X", "ä".repeat(500), true), SyntaxError, "longer than a line");
});

Deno.test("encoded words are short and cut no character, and white space between them goes", () => {
  const decoded = (words: readonly string[]) =>
    words.map((word) => {
      const [, base64] = /^=\?UTF-8\?B\?(.*)\?=$/.exec(word)!;
      return text(Uint8Array.from(atob(base64), (octet) => octet.charCodeAt(0)));
    });
  const long = "aä𝄞".repeat(30);
  const words = encodedWords(long);
  assertEquals(words.every(({ length }) => length <= 75), true);
  assertEquals(decoded(words).join(""), long);
  assertEquals(decoded(words).some((part) => part.includes("\ufffd")), false);
  assertEquals(encodedText("plain  text"), "plain  text");
  const [before, run, ...after] = encodedText("x ä \t ö y ü").split(/ (?==)|(?<==) /);
  assertEquals([before, decoded([run]), after[0]], ["x", ["ä \t ö"], "y"]);
});
