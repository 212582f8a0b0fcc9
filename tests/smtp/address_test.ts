import { assert, assertEquals } from "@std/assert";
import { parseAddressLiteral, parseDomain, parsePath } from "../../lib/smtp/address.ts";
import { formatPath, type Mailbox, needsUtf8 } from "../../lib/smtp/mailbox.ts";

const L64 = "a".repeat(64);
const L255 = "a".repeat(255);
const LABEL = "b".repeat(63);
/** 255 octets: four labels with their dots. */
const D255 = `${LABEL}.${LABEL}.${LABEL}.${LABEL}`;

/** A path and what it means: local part and domain. */
const GOOD: [path: string, localPart: string, domain: string][] = [
  ["<a@b>", "a", "b"],
  ["<joe@example.org>", "joe", "example.org"],
  ["<Joe@Example.ORG>", "Joe", "Example.ORG"],
  ["<a.b.c@example.org>", "a.b.c", "example.org"],
  ["<!#$%&'*+-/=?^_`{|}~@example.org>", "!#$%&'*+-/=?^_`{|}~", "example.org"],
  ["<a+tag@example.org>", "a+tag", "example.org"],
  ["<0@1.2>", "0", "1.2"],
  ["<-@a-b.c--d>", "-", "a-b.c--d"],
  // What other systems route by has no meaning here.
  ["<user%other.test@example.org>", "user%other.test", "example.org"],
  ["<other.test!user@example.org>", "other.test!user", "example.org"],
  ["<x/etc/passwd@example.org>", "x/etc/passwd", "example.org"],
  // Quoted strings, by their meaning.
  ['<"joe"@example.org>', "joe", "example.org"],
  ['<"a@other.test"@example.org>', "a@other.test", "example.org"],
  ['<"a@other.test>"@example.org>', "a@other.test>", "example.org"],
  ['<"../../x"@example.org>', "../../x", "example.org"],
  ['<"a b"@example.org>', "a b", "example.org"],
  ['<" "@example.org>', " ", "example.org"],
  ['<""@example.org>', "", "example.org"],
  ['<".."@example.org>', "..", "example.org"],
  ['<"a\\"b"@example.org>', 'a"b', "example.org"],
  ['<"a\\\\b"@example.org>', "a\\b", "example.org"],
  ['<"\\j\\o\\e"@example.org>', "joe", "example.org"],
  ['<"\\ "@example.org>', " ", "example.org"],
  ['<"\\\\"@example.org>', "\\", "example.org"],
  ['<"<a@b>"@example.org>', "<a@b>", "example.org"],
  ['<"a,b;c:d()[]"@example.org>', "a,b;c:d()[]", "example.org"],
  // Source routes are read and dropped.
  ["<@a.test:joe@example.org>", "joe", "example.org"],
  ["<@a.test,@b.test,@c.test:joe@example.org>", "joe", "example.org"],
  ['<@a.test:"@b.test:joe"@example.org>', "@b.test:joe", "example.org"],
  [`<${"@a.test,".repeat(4999)}@a.test:joe@example.org>`, "joe", "example.org"],
  // Address literals.
  ["<joe@[127.0.0.1]>", "joe", "[127.0.0.1]"],
  ["<joe@[255.255.255.255]>", "joe", "[255.255.255.255]"],
  ["<joe@[IPv6:::1]>", "joe", "[IPv6:::1]"],
  ["<joe@[ipv6:2001:DB8::1]>", "joe", "[ipv6:2001:DB8::1]"],
  ['<"joe"@[IPv6:::]>', "joe", "[IPv6:::]"],
  // Limits.
  [`<${L64}@b>`, L64, "b"],
  [`<${L255}@b>`, L255, "b"],
  [`<"${"\\a".repeat(255)}"@b>`, L255, "b"],
  [`<a@${D255}>`, "a", D255],
  // UTF-8.
  ["<юзер@例え.jp>", "юзер", "例え.jp"],
  ["<jürgen.müller@bücher.example>", "jürgen.müller", "bücher.example"],
  ["<😀@xn--fiqs8s>", "😀", "xn--fiqs8s"],
  ['<"й 😀"@example.org>', "й 😀", "example.org"],
  [`<${"é".repeat(127)}@b>`, "é".repeat(127), "b"],
  // The one mailbox without a domain.
  ["<Postmaster>", "Postmaster", ""],
  ["<postMASTER>", "postMASTER", ""],
  ["<postmaster@example.org>", "postmaster", "example.org"],
];

for (const [path, localPart, domain] of GOOD) {
  Deno.test(`path ${path.length < 80 ? path : `${path.slice(0, 60)}...`} is read`, () => {
    const mailbox: Mailbox = { localPart, domain };
    assertEquals(parsePath(path, 0), { value: mailbox, next: path.length });
    // What follows is not looked at, and what comes before neither.
    assertEquals(parsePath(`TO:${path} A=1`, 3), { value: mailbox, next: path.length + 3 });
    // As it is written by us it is the same mailbox, or too long for that.
    const written = formatPath(mailbox);
    assertEquals(parsePath(written, 0), { value: mailbox, next: written.length });
  });
}

Deno.test("path <> is the null path", () => {
  assertEquals(parsePath("<> SIZE=1", 0), { value: null, next: 2 });
});

const BAD: string[] = [
  "",
  "<",
  ">",
  "a@b",
  "a@b>",
  "<a@b",
  "<a>",
  "<@>",
  "<@b>",
  "<a@>",
  "< a@b>",
  "<a @b>",
  "<a@b >",
  "<a@ b>",
  "< >",
  "<<a@b>>",
  "<a@b@c>",
  "<a@b,c@d>",
  "<a@b;c>",
  "<.a@b>",
  "<a.@b>",
  "<a..b@c>",
  "<.@b>",
  "<a(comment)@b>",
  "<a,b@c>",
  "<a:b@c>",
  "<a[b@c>",
  "<a\\b@c>",
  "<a\\@b@c>",
  '<a"b"@c>',
  '<"a"b@c>',
  '<"a".b@c>',
  '<a."b"@c>',
  '<"a@b>',
  '<"a\\"@b>',
  '<"a\\',
  '<"',
  '<"a""b"@c>',
  '<"a"@>',
  '<"a">',
  // Control characters, written out and behind a backslash.
  "<a\x00@b>",
  "<a@b\x00>",
  "<a@b\x00.c>",
  '<"a\x00"@b>',
  '<"\\\x00"@b>',
  '<"a\tb"@c>',
  '<"a\r\nb"@c>',
  '<"\\\r\\\n"@c>',
  '<"\x7f"@b>',
  '<"\\\x7f"@b>',
  '<"\\é"@b>',
  '<"\x80"@b>',
  "<\x85@b>",
  "<a@b\x9f>",
  // Domains.
  "<a@b.>",
  "<a@.b>",
  "<a@b..c>",
  "<a@.>",
  "<a@-b>",
  "<a@b->",
  "<a@b-.c>",
  "<a@b.-c>",
  "<a@b_c>",
  "<a@b/c>",
  "<a@b%c>",
  "<a@*>",
  "<a@b:25>",
  // Address literals.
  "<a@[]>",
  "<a@[127.0.0.1>",
  "<a@127.0.0.1]>",
  "<a@[127.0.0]>",
  "<a@[127.0.0.1.1]>",
  "<a@[127.0.0.256]>",
  "<a@[127.0.0.0001]>",
  "<a@[127.0.0.-1]>",
  "<a@[0x7f.0.0.1]>",
  "<a@[127.0.0.1].c>",
  "<a@[ 127.0.0.1]>",
  "<a@[::1]>",
  "<a@[IPv6::1]>",
  "<a@[IPv6:127.0.0.1]>",
  "<a@[IPv6:::1%lo]>",
  "<a@[tag:content]>",
  "<a@[b]>",
  "<a@b[127.0.0.1]>",
  // Limits.
  `<${L255}a@b>`,
  `<${"é".repeat(128)}@b>`,
  `<"${"\\a".repeat(256)}"@b>`,
  `<a@b${LABEL}>`,
  `<a@${D255}.b>`,
  `<a@${"é".repeat(32)}>`,
  // Source routes.
  "<@:a@b>",
  "<@a>",
  "<@a:>",
  "<@a,:b@c>",
  "<@a,b:c@d>",
  "<@a@b:c@d>",
  "<@a, @b:c@d>",
  "<@a:@b:c@d>",
  "<@[127.0.0.1]:a@b>",
  "<@a:<b@c>>",
  "<@a:postmaster>",
  `<${"@a,".repeat(5000)}`,
  // The bare postmaster.
  "<postmaster",
  "<postmaster@>",
  "<postmasters>",
  "<root>",
];

for (const path of BAD) {
  const name = JSON.stringify(path.length < 80 ? path : `${path.slice(0, 60)}...`);
  Deno.test(`path ${name} is refused`, () => {
    const parsed = parsePath(path, 0);
    assert("fault" in parsed, JSON.stringify(parsed));
    assert(/^[ -~]+$/.test(parsed.fault), "what came from the wire is not repeated");
    assert("fault" in parsePath(`TO:${path}`, 3));
  });
}

const LITERALS: [content: string, isGood: boolean][] = [
  ["0.0.0.0", true],
  ["001.002.003.004", true],
  ["1.2.3", false],
  ["1.2.3.4 ", false],
  ["1.2.3.٤", false],
  ["1..3.4", false],
  ["1e1.0.0.1", false],
  ["IPv6:1:2:3:4:5:6:7:8", true],
  ["IPv6:0001:0002:0003:0004:0005:0006:0007:0008", true],
  ["IPv6:1:2:3:4:5:6:7", false],
  ["IPv6:1:2:3:4:5:6:7:8:9", false],
  ["IPv6:1:2:3:4:5:6:7:", false],
  ["IPv6::2:3:4:5:6:7:8", false],
  ["IPv6:::", true],
  ["IPv6:::8", true],
  ["IPv6:1::", true],
  ["IPv6:1::8", true],
  // RFC 5321 section 4.1.3: "::" stands for at least two groups.
  ["IPv6:1:2:3:4:5:6::", true],
  ["IPv6:1:2:3:4:5:6::8", false],
  ["IPv6:1:2:3:4:5:6:7::", false],
  ["IPv6:::3:4:5:6:7:8", true],
  ["IPv6:1::3::5", false],
  ["IPv6::::", false],
  ["IPv6:::::", false],
  ["IPv6:1:::2", false],
  ["IPv6:12345::", false],
  ["IPv6:g::", false],
  ["IPv6: ::1", false],
  ["IPv6:", false],
  ["IPv6:::ffff:127.0.0.1", true],
  ["IPv6:::127.0.0.1", true],
  ["IPv6:1:2:3:4:5:6:7.8.9.10", true],
  ["IPv6:1:2:3:4:5:6:7:8.9.10.11", false],
  ["IPv6:1:2:3:4::5.6.7.8", true],
  ["IPv6:1:2:3:4:5::6.7.8.9", false],
  ["IPv6:::127.0.0.256", false],
  ["IPv6:127.0.0.1::", false],
  ["IPv6:::127.0.0.1:1", false],
  [`IPv6:${"0".repeat(100)}::`, false],
  [`IPv6:${":".repeat(100_000)}`, false],
  [`IPv6:${"1:".repeat(100_000)}`, false],
  [".".repeat(100_000), false],
  ["x400:c=us", false],
];

for (const [content, isGood] of LITERALS) {
  const name = content.length < 60 ? content : `${content.slice(0, 40)}...`;
  Deno.test(`address literal [${name}] is ${isGood ? "read" : "refused"}`, () => {
    const parsed = parseAddressLiteral(`[${content}]>`, 0);
    if (isGood) assertEquals(parsed, { value: `[${content}]`, next: content.length + 2 });
    else assert("fault" in parsed, JSON.stringify(parsed));
  });
}

Deno.test("domain ends at the first character that it may not have", () => {
  for (const rest of ["", ">", ":", ",", " ", "\x00", "@", "_"]) {
    assertEquals(parseDomain(`mx.example.org${rest}`, 3), { value: "example.org", next: 14 });
  }
});

Deno.test("path of 100,000 of anything is refused in no time", () => {
  const start = performance.now();
  for (const part of ["@a,", '"', "\\", "a.", "@", "<", "(", "a@", "[", "é", "-", ".", '"\\']) {
    for (const before of ["<", "<a@", '<"', "<@", "<a@["]) {
      const path = before + part.repeat(100_000);
      assert("fault" in parsePath(path, 0), `${before}${part}...`);
      assert("fault" in parsePath(`${path}>`, 0), `${before}${part}...>`);
    }
  }
  // In quadratic time each would take that long.
  assert(performance.now() - start < 30_000, "a path must be read in linear time");
});

Deno.test("path needs SMTPUTF8 exactly when it has an octet above 127", () => {
  for (const [path, localPart, domain] of GOOD) {
    const isAscii = new TextEncoder().encode(path).length === path.length;
    assertEquals(needsUtf8({ localPart, domain }), !isAscii, path);
  }
  assertEquals(needsUtf8(null), false);
});
