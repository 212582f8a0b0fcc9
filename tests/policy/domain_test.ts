import { assertEquals, assertThrows } from "@std/assert";
import { normalizeDomain, parseDomain } from "../../lib/policy/domain.ts";

Deno.test("parseDomain writes each domain in one way", () => {
  const label = "a".repeat(63);
  const longest = `${label}.${label}.${label}.${"a".repeat(61)}`;
  const table: [string, string][] = [
    ["example.org", "example.org"],
    ["EXAMPLE.Org", "example.org"],
    ["example.org.", "example.org"],
    ["localhost", "localhost"],
    ["3com.example", "3com.example"],
    ["1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"],
    ["_dmarc.example", "_dmarc.example"],
    ["xn--mnchen-3ya.example", "xn--mnchen-3ya.example"],
    ["münchen.example", "xn--mnchen-3ya.example"],
    ["MÜNCHEN.example", "xn--mnchen-3ya.example"],
    ["mu\u0308nchen.example", "xn--mnchen-3ya.example"],
    ["例え。テスト", "xn--r8jz45g.xn--zckzah"],
    ["ｅｘａｍｐｌｅ.org", "example.org"],
    [longest, longest],
  ];
  for (const [text, domain] of table) assertEquals(parseDomain(text), domain, text);
});

Deno.test("parseDomain refuses what is no domain", () => {
  const table = [
    ..."| |.|..|.org|example..org|example.org..|-a.org|a-.org|exa mple.org|a/b.org|a?b.org|a#b"
      .split(
        "|",
      ),
    ..."user@example.org|example.org:25|exa%6dple.org|a\\b|[192.0.2.1]|192.0.2.1|127.1|0x7f.1"
      .split(
        "|",
      ),
    ..."1|0x7f|a.0x1f|::1|a\tb.org|a\nb.org|a\0b.org|a\x7fb.org|１２７.0.0.1|ü@x.org|ü/x.org|ü:25"
      .split("|"),
    "\u00ad",
    "\u2100.org",
    "ü\uff0fx.org",
    "ü\uff20x.org",
    "\ud800.org",
    `${"a".repeat(64)}.org`,
    `${"ü".repeat(63)}.org`,
    "a.".repeat(128),
    "ü".repeat(1_000_000),
    "a.".repeat(1_000_000),
  ];
  for (const text of table) {
    assertEquals(parseDomain(text), undefined, JSON.stringify(text.slice(0, 60)));
  }
});

Deno.test("normalizeDomain throws for what is no domain", () => {
  assertEquals(normalizeDomain("Example.ORG"), "example.org");
  assertThrows(() => normalizeDomain("a@b"), SyntaxError, 'Cannot read "a@b" as a domain');
});
