import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { parseHeader } from "../../lib/message/header.ts";
import {
  deliveredToField,
  type Received,
  receivedField,
  returnPathField,
  separatorBefore,
  transmissionType,
} from "../../lib/message/trace.ts";

const PLAIN: Received = {
  session: { remote: { address: "192.0.2.1" } },
  heloName: "client.example",
  hostname: "mx.example.org",
  id: "4f2a91",
  protocol: "ESMTP",
  forwardPath: { localPart: "joe", domain: "example.org" },
  date: new Date("2024-01-01T00:00:00Z"),
  timezone: 0,
};

/** The field as one line. */
function unfolded(changes: Partial<Received>): string {
  return receivedField({ ...PLAIN, ...changes }).replace(/\r\n(?=[ \t])/g, "").replace(/\t/g, " ");
}

Deno.test("Received field is folded", () => {
  assertEquals(
    receivedField(PLAIN),
    "Received: from client.example ([192.0.2.1]) by mx.example.org with ESMTP\r\n" +
      "\tid 4f2a91 for <joe@example.org>; Mon, 1 Jan 2024 00:00:00 +0000\r\n",
  );
});

const FIELDS: [string, Partial<Received>, string][] = [
  [
    "an IPv6 client",
    { session: { remote: { address: "2001:db8::1" } } },
    "from client.example ([IPv6:2001:db8::1]) by",
  ],
  [
    "a link-local client",
    { session: { remote: { address: "fe80::1%eth0" } } },
    "from client.example ([IPv6:fe80::1]) by",
  ],
  [
    "a client without an address",
    { session: { remote: { address: "in memory)\r\n" } } },
    "from client.example by",
  ],
  ["an address literal", { heloName: "[192.0.2.9]" }, "from [192.0.2.9] ([192.0.2.1]) by"],
  ["an IPv6 address literal", { heloName: "[IPv6:::1]" }, "from [IPv6:::1] ([192.0.2.1]) by"],
  ["no name", { heloName: undefined }, "from [192.0.2.1] ([192.0.2.1]) by"],
  ["an empty name", { heloName: "" }, "from [192.0.2.1] ([192.0.2.1]) by"],
  ["a name with an underscore", { heloName: "MY_PC" }, "from MY_PC ([192.0.2.1]) by"],
  [
    "a name with parentheses",
    { heloName: "a) by evil (" },
    "from [192.0.2.1] ([192.0.2.1]) (greeted as a? by evil ?) by",
  ],
  ["a name with a backslash", { heloName: "a\\" }, "(greeted as a?) by"],
  ["a name with CR LF", { heloName: "a\r\nX-Evil: b" }, "(greeted as a??X-Evil: b) by"],
  ["a name with a control character", { heloName: "a\x1b[2J\x00\x7f" }, "(greeted as a?[2J??) by"],
  ["a name that is not ASCII", { heloName: "münchen" }, "(greeted as m?nchen) by"],
  [
    "a name that is an encoded word",
    { heloName: "=?utf-8?q?a?=" },
    "(greeted as ??utf-8?q?a??) by",
  ],
  ["a name in quotes", { heloName: '"a; b"' }, "(greeted as ?a? b?) by"],
  ["a literal with parentheses", { heloName: "[a)]" }, "(greeted as [a?]) by"],
  ["an empty label", { heloName: "a..b" }, "(greeted as a..b) by"],
  ["a long name", { heloName: "x".repeat(1000) }, `(greeted as ${"x".repeat(56)}) by`],
  ["UTF8SMTP", { protocol: "UTF8SMTP" }, " with UTF8SMTP id "],
  ["several recipients", { forwardPath: undefined }, "id 4f2a91; Mon, 1 Jan"],
  [
    "the bare Postmaster",
    { forwardPath: { localPart: "Postmaster", domain: "" } },
    "id 4f2a91; Mon, 1 Jan",
  ],
  [
    "a quoted recipient",
    { forwardPath: { localPart: "a b)", domain: "example.org" } },
    'id 4f2a91 for <"a b)"@example.org>; Mon',
  ],
  ["a UTF-8 recipient", {
    forwardPath: { localPart: "jürgen", domain: "example.org" },
    protocol: "UTF8SMTP",
  }, "id 4f2a91 for <jürgen@example.org>; Mon"],
  ["a UTF-8 recipient without SMTPUTF8", {
    forwardPath: { localPart: "jürgen", domain: "example.org" },
  }, "id 4f2a91; Mon"],
  [
    "a recipient with CR LF",
    { forwardPath: { localPart: "a\r\nb", domain: "example.org" } },
    "id 4f2a91; Mon",
  ],
  ["a recipient with a line separator", {
    forwardPath: { localPart: "a\u2028b", domain: "example.org" },
    protocol: "UTF8SMTP",
  }, "id 4f2a91; Mon"],
  ["a recipient of a thousand octets", {
    forwardPath: { localPart: "x".repeat(1000), domain: "example.org" },
  }, "id 4f2a91; Mon"],
  ["a time zone", { timezone: 120 }, "; Mon, 1 Jan 2024 02:00:00 +0200"],
];

for (const [name, changes, expected] of FIELDS) {
  Deno.test(`Received field is safe with ${name}`, () => {
    const field = receivedField({ ...PLAIN, ...changes });
    const line = unfolded(changes);
    assert(line.includes(expected), `${line} has no ${expected}`);
    assert(field.endsWith("\r\n"));
    assertMatch(field, /^Received: (?:[^\r\n]|\r\n\t)*\r\n$/);
    // deno-lint-ignore no-control-regex -- HTAB of the folding is the only control character.
    assert(!/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/.test(field));
    assert(field.split("\r\n").every((line) => line.length <= 998));
    const fields = parseHeader(new TextEncoder().encode(`${field}A: b\r\n\r\n`));
    assertEquals(fields.map((field) => field.name), ["Received", "A"]);
    // Outside its comments a parser sees one clause of each kind.
    const bare = fields[0].value.replace(/ for .*;/, " for q;").replace(/\([^()]*\)/g, "");
    assertEquals(bare.match(/\sby\s/g)?.length, 1);
    assertEquals(bare.match(/;/g)?.length, 1);
    assert(!/[()]/.test(bare), bare);
  });
}

Deno.test("Received field keeps its lines within 78 columns where its words are short", () => {
  for (const heloName of ["a", "client.example", "x".repeat(60), "(".repeat(1000)]) {
    for (const address of ["192.0.2.1", "2001:db8:1111:2222:3333:4444:5555:6666"]) {
      const field = receivedField({ ...PLAIN, heloName, session: { remote: { address } } });
      for (const line of field.split("\r\n")) {
        assert(line.replace(/^\t/, " ".repeat(8)).length <= 78, line);
      }
    }
  }
});

Deno.test("Return-Path field holds the reverse-path", () => {
  assertEquals(returnPathField(null), "Return-Path: <>\r\n");
  assertEquals(
    returnPathField({ localPart: "a b", domain: "example.org" }),
    'Return-Path: <"a b"@example.org>\r\n',
  );
  assertEquals(
    returnPathField({ localPart: "jürgen", domain: "example.org" }),
    "Return-Path: <jürgen@example.org>\r\n",
  );
});

Deno.test("Delivered-To field holds the mailbox, and refuses one that would end it", () => {
  const field = (localPart: string) => deliveredToField({ localPart, domain: "example.org" });
  assertEquals(field("a b"), 'Delivered-To: "a b"@example.org\r\n');
  for (const evil of ["a\r\nX: y", "a\nb", "a\x00", "a\x85b"]) {
    assertThrows(() => field(evil), TypeError, "Cannot write a mailbox");
  }
});

Deno.test("Return-Path field refuses a reverse-path that would end it", () => {
  for (const evil of ["a\r\nX: y", "a\nb", "a\x00", "a\x85b"]) {
    assertThrows(
      () => returnPathField({ localPart: evil, domain: "example.org" }),
      TypeError,
      "Cannot write a reverse-path",
    );
  }
});

Deno.test("an empty line keeps a message that begins with white space out of our field", () => {
  for (const first of [" ", "\t"]) {
    const message = `${first}Subject: folded into the trace\r\n\r\nbody\r\n`;
    const octets = new TextEncoder().encode(message);
    const separator = new TextDecoder().decode(separatorBefore(octets[0]));
    const fields = parseHeader(
      new TextEncoder().encode(receivedField(PLAIN) + separator + message),
    );
    assertEquals(fields.length, 1);
    assert(!fields[0].value.includes("folded into"));
  }
  for (const first of ["S", "\r", ".", "\x00", "\xa0"]) {
    assertEquals(separatorBefore(first.charCodeAt(0)), undefined);
  }
  assertEquals(separatorBefore(undefined), undefined);
});

const TYPES: [Parameters<typeof transmissionType>[0], string][] = [
  [{ protocol: "SMTP", smtpUtf8: false }, "SMTP"],
  [{ protocol: undefined, smtpUtf8: false }, "SMTP"],
  [{ protocol: "ESMTP", smtpUtf8: false }, "ESMTP"],
  [{ protocol: "ESMTP", smtpUtf8: false, tls: true }, "ESMTPS"],
  [{ protocol: "ESMTP", smtpUtf8: false, authenticated: true }, "ESMTPA"],
  [{ protocol: "ESMTP", smtpUtf8: false, tls: true, authenticated: true }, "ESMTPSA"],
  [{ protocol: "ESMTP", smtpUtf8: true }, "UTF8SMTP"],
  [{ protocol: "ESMTP", smtpUtf8: true, tls: true, authenticated: true }, "UTF8SMTPSA"],
  [{ protocol: "LMTP", smtpUtf8: false }, "LMTP"],
  [{ protocol: "LMTP", smtpUtf8: true, tls: true }, "UTF8LMTPS"],
];

for (const [facts, expected] of TYPES) {
  Deno.test(`transmission type of ${JSON.stringify(facts)} is ${expected}`, () => {
    assertEquals(transmissionType(facts), expected);
  });
}
