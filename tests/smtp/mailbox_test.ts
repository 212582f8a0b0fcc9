import { assertEquals } from "@std/assert";
import { parsePath } from "../../lib/smtp/address.ts";
import { formatMailbox, formatPath, type Mailbox, needsUtf8 } from "../../lib/smtp/mailbox.ts";
import { seeded } from "./wire.ts";

const TABLE: [localPart: string, domain: string, written: string][] = [
  ["joe", "example.org", "joe@example.org"],
  ["joe.bloggs", "example.org", "joe.bloggs@example.org"],
  ["o'hara+x=y", "example.org", "o'hara+x=y@example.org"],
  ["!#$%&'*+-/=?^_`{|}~", "example.org", "!#$%&'*+-/=?^_`{|}~@example.org"],
  ["user%other.test", "example.org", "user%other.test@example.org"],
  ["jörg", "bücher.example", "jörg@bücher.example"],
  ["joe", "[192.0.2.1]", "joe@[192.0.2.1]"],
  ["postmaster", "", "postmaster"],
  ["", "example.org", '""@example.org'],
  ["a b", "example.org", '"a b"@example.org'],
  ["a@b", "example.org", '"a@b"@example.org'],
  [".a", "example.org", '".a"@example.org'],
  ["a.", "example.org", '"a."@example.org'],
  ["a..b", "example.org", '"a..b"@example.org'],
  ['a"b', "example.org", '"a\\"b"@example.org'],
  ["a\\b", "example.org", '"a\\\\b"@example.org'],
  ["../../x", "example.org", '"../../x"@example.org'],
  ["a>b", "example.org", '"a>b"@example.org'],
  ["a,b:c;d(e)[f]", "example.org", '"a,b:c;d(e)[f]"@example.org'],
];

Deno.test("mailbox is written with quotes where its local part needs them", () => {
  for (const [localPart, domain, written] of TABLE) {
    const mailbox = { localPart, domain };
    assertEquals(formatMailbox(mailbox), written);
    assertEquals(formatPath(mailbox), `<${written}>`);
  }
  assertEquals(formatPath(null), "<>");
});

Deno.test("mailbox is read as what it was written from", () => {
  const random = seeded(4);
  const alphabet = [..."ab.\"\\ @<>%!,;:()[]{}'+-_~ü例", "x".repeat(10)];
  for (let round = 0; round < 5000; round++) {
    const localPart = Array.from({ length: random(12) }, () => alphabet[random(alphabet.length)])
      .join("");
    const mailbox: Mailbox = { localPart, domain: "example.org" };
    const written = formatPath(mailbox);
    assertEquals(parsePath(written, 0), { value: mailbox, next: written.length }, written);
  }
});

Deno.test("mailbox needs UTF-8 when a character of it is not ASCII", () => {
  const table: [Mailbox | null, boolean][] = [
    [null, false],
    [{ localPart: "a", domain: "b" }, false],
    [{ localPart: "a b\x7f", domain: "" }, false],
    [{ localPart: "ä", domain: "b" }, true],
    [{ localPart: "a", domain: "\u0080" }, true],
    [{ localPart: "\u{1f600}", domain: "b" }, true],
  ];
  for (const [mailbox, expected] of table) assertEquals(needsUtf8(mailbox), expected);
});
