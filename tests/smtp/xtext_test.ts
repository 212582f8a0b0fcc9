import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  decodeUtf8Address,
  decodeXtext,
  encodeUtf8Address,
  encodeXtext,
} from "../../lib/smtp/xtext.ts";
import { seeded } from "./wire.ts";

const XTEXT: [encoded: string, text: string][] = [
  ["", ""],
  ["joe@example.org", "joe@example.org"],
  ["a+2Bb@example.org", "a+b@example.org"],
  ["a+3Db", "a=b"],
  ["a+20b", "a b"],
  ["+22a+20b+22@example.org", '"a b"@example.org'],
  ["!*,<>~", "!*,<>~"],
  ["j+C3+BCrgen", "jürgen"],
];

for (const [encoded, text] of XTEXT) {
  Deno.test(`xtext ${JSON.stringify(encoded)} is read`, () => {
    assertEquals(decodeXtext(encoded), text);
    assertEquals(decodeXtext(encodeXtext(text)), text);
  });
}

const NOT_XTEXT: [name: string, encoded: string][] = [
  ["a plus at the end", "a+"],
  ["one digit", "a+2"],
  ["lower-case digits", "a+2b"],
  ["no digits", "a+XX"],
  ["two pluses", "a++2B"],
  ["an equals sign", "a=b"],
  ["a space", "a b"],
  ["a CR", "a\rb"],
  ["an LF at the end", "a\n"],
  ["a character that is not ASCII", "jürgen"],
  ["an encoded CR LF", "a+0D+0AX-Evil:+20b"],
  ["an encoded LF", "a+0Ab"],
  ["an encoded NUL", "a+00"],
  ["an encoded tab", "a+09b"],
  ["an encoded escape", "a+1B[2J"],
  ["an encoded DEL", "a+7F"],
  ["an encoded C1 control", "a+C2+85b"],
  ["an encoded line separator", "a+E2+80+A8b"],
  ["half of a UTF-8 sequence", "a+C3"],
  ["an overlong UTF-8 sequence", "a+C0+8A"],
  ["an encoded surrogate", "a+ED+A0+80"],
  ["too much", "a".repeat(2049)],
];

for (const [name, encoded] of NOT_XTEXT) {
  Deno.test(`xtext with ${name} is refused`, () => assertEquals(decodeXtext(encoded), undefined));
}

const UTF8: [encoded: string, text: string][] = [
  ["joe@example.org", "joe@example.org"],
  ["j\\x{FC}rgen@example.org", "jürgen@example.org"],
  ["j\\x{fc}rgen@example.org", "jürgen@example.org"],
  ["jürgen@example.org", "jürgen@example.org"],
  ["a\\x{2B}b\\x{3D}c\\x{20}d\\x{5C}e", "a+b=c d\\e"],
  ["\\x{5B8B}@\\x{4F8B}.example", "宋@例.example"],
  ["\\x{1F4EE}", "📮"],
  ["\\x{10FFFD}", "\u{10fffd}"],
  ["\\x{D7A3}", "\ud7a3"],
];

for (const [encoded, text] of UTF8) {
  Deno.test(`UTF-8 address ${JSON.stringify(encoded)} is read`, () => {
    assertEquals(decodeUtf8Address(encoded), text);
  });
}

const NOT_UTF8: [name: string, encoded: string][] = [
  ["nothing", ""],
  ["a plus", "a+b"],
  ["an equals sign", "a=b"],
  ["a space", "a b"],
  ["a bare backslash", "a\\b"],
  ["no digits", "\\x{}"],
  ["no end", "\\x{FC"],
  ["an encoded letter", "\\x{41}"],
  ["an encoded CR", "a\\x{0D}"],
  ["an encoded LF", "a\\x{0A}"],
  ["an encoded NUL", "a\\x{00}"],
  ["an encoded control character that the grammar has", "a\\x{01}"],
  ["an encoded tab", "a\\x{09}"],
  ["an encoded DEL", "a\\x{7F}"],
  ["an encoded C1 control", "a\\x{85}"],
  ["an encoded line separator", "a\\x{2028}"],
  ["an encoded surrogate", "\\x{D800}"],
  ["two encoded surrogates", "\\x{D83D}\\x{DCEE}"],
  ["a leading zero", "\\x{0FC}"],
  ["a code point over 10FFFF", "\\x{110000}"],
  ["seven digits", "\\x{10FFFFF}"],
  ["a CR", "a\r"],
  ["an LF at the end", "a\n"],
  ["half of a surrogate pair", "a\ud83d"],
  ["too much", "ü".repeat(2049)],
];

for (const [name, encoded] of NOT_UTF8) {
  Deno.test(`UTF-8 address with ${name} is refused`, () => {
    assertEquals(decodeUtf8Address(encoded), undefined);
  });
}

Deno.test("every text that is no control character comes back from each encoding", () => {
  const random = seeded(3461);
  for (let run = 0; run < 3000; run++) {
    let text = "";
    for (let length = 1 + random(40); length > 0; length--) {
      const range = random(4);
      const point = range === 0
        ? 0x20 + random(0x5f)
        : range === 1
        ? 0xa0 + random(0x700)
        : range === 2
        ? 0x3000 + random(0xa800)
        : 0x10000 + random(0x100000);
      text += String.fromCodePoint(point);
    }
    const xtext = encodeXtext(text);
    assertMatch(xtext, /^[!-<>-~]*$/);
    assertEquals(decodeXtext(xtext), text);
    const sevenBit = encodeUtf8Address(text, "xtext");
    assertMatch(sevenBit, /^[!-*,-<>-~]*$/);
    assertEquals(decodeUtf8Address(sevenBit), text);
    // As xtext it says the same: nothing in it needs that encoding.
    assertEquals(decodeXtext(sevenBit), sevenBit);
    const eightBit = encodeUtf8Address(text, "unitext");
    assertMatch(eightBit, /^[^\x00-\x20+=\x7f]*$/);
    assertEquals(decodeUtf8Address(eightBit), text);
  }
});

Deno.test("no decoder lets a control character through, whatever it is fed", () => {
  const random = seeded(6533);
  const pieces = ["+", "\\x{", "}", "0", "A", "D", "1", "8", "F", "2028", "é", "\r\n", "a", ";"];
  let read = 0;
  for (let run = 0; run < 20_000; run++) {
    let text = "";
    for (let length = random(8); length > 0; length--) text += pieces[random(pieces.length)];
    for (const decoded of [decodeXtext(text), decodeUtf8Address(text)]) {
      if (decoded === undefined) continue;
      read++;
      assert(!/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(decoded), JSON.stringify(text));
      assert(decoded.isWellFormed());
    }
  }
  assert(read > 100);
});

Deno.test("control characters are not encoded either", () => {
  for (const text of ["a\r\nb", "\0", "\x85", "\ud83d"]) {
    assertThrows(() => encodeXtext(text), SyntaxError, "Cannot encode");
    assertThrows(() => encodeUtf8Address(text, "xtext"), SyntaxError, "Cannot encode");
  }
  assertThrows(() => encodeUtf8Address("", "unitext"), SyntaxError, "Cannot encode");
});
