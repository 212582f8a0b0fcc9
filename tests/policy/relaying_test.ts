import { assertEquals, assertThrows } from "@std/assert";
import { checkRelaying, isLocal, mayRelay, relayingRules } from "../../lib/policy/relaying.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";

const rules = relayingRules(["Example.org", "münchen.example"]);
const from = (address: string) => ({ remote: { address, port: 40000 } });
const stranger = from("203.0.113.7");

Deno.test("relaying is open to this host alone unless more is said", () => {
  const table: [string, boolean][] = [
    ["127.0.0.1", true],
    ["127.8.9.10", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["203.0.113.7", false],
    ["::ffff:203.0.113.7", false],
    ["10.0.0.1", false],
    ["2001:db8::1", false],
    ["fe80::1%eth0", false],
    ["", false],
    ["memory", false],
  ];
  for (const [address, may] of table) assertEquals(mayRelay(rules, from(address)), may, address);
});

Deno.test("empty rules refuse every recipient", () => {
  const nobody = relayingRules([], []);
  for (const address of ["127.0.0.1", "::1", "203.0.113.7"]) {
    for (const domain of ["example.org", "", "[127.0.0.1]"]) {
      const mailbox = { localPart: "postmaster", domain };
      assertEquals(checkRelaying(nobody, from(address), mailbox)?.code, 550);
    }
  }
});

Deno.test("a stranger reaches local domains and nothing else", () => {
  const table: [Mailbox, boolean][] = [
    [{ localPart: "joe", domain: "example.org" }, true],
    [{ localPart: "joe", domain: "EXAMPLE.ORG" }, true],
    [{ localPart: "joe", domain: "münchen.example" }, true],
    [{ localPart: "joe", domain: "xn--mnchen-3ya.example" }, true],
    [{ localPart: "Postmaster", domain: "" }, true],
    // These are local mailboxes with odd names; nothing after them is looked at.
    [{ localPart: "joe%other.test", domain: "example.org" }, true],
    [{ localPart: "joe@other.test", domain: "example.org" }, true],
    [{ localPart: "other.test!joe", domain: "example.org" }, true],
    [{ localPart: "@other.test:joe", domain: "example.org" }, true],
    [{ localPart: "joe@example.org", domain: "other.test" }, false],
    [{ localPart: "joe%example.org", domain: "other.test" }, false],
    [{ localPart: "joe", domain: "other.test" }, false],
    [{ localPart: "joe", domain: "sub.example.org" }, false],
    [{ localPart: "joe", domain: "notexample.org" }, false],
    [{ localPart: "joe", domain: "example.org.other.test" }, false],
    [{ localPart: "joe", domain: "[127.0.0.1]" }, false],
    [{ localPart: "joe", domain: "[IPv6:::1]" }, false],
    [{ localPart: "joe", domain: "127.0.0.1" }, false],
    [{ localPart: "joe", domain: "example.org\0.other.test" }, false],
    [{ localPart: "joe", domain: "example.org@other.test" }, false],
    [{ localPart: "joe", domain: "example.org/other.test" }, false],
    [{ localPart: "joe", domain: "" }, false],
  ];
  for (const [mailbox, may] of table) {
    const refusal = checkRelaying(rules, stranger, mailbox);
    assertEquals(refusal === undefined, may, JSON.stringify(mailbox));
    assertEquals(isLocal(rules, mailbox), may);
    if (refusal !== undefined) assertEquals([refusal.code, refusal.enhanced], [550, "5.7.1"]);
    assertEquals(checkRelaying(rules, from("127.0.0.1"), mailbox), undefined);
  }
});

Deno.test("who holds a certificate that is known may relay", () => {
  const known = "ab".repeat(32);
  const certified = { ...relayingRules(["example.org"]), relayCertificates: new Set([known]) };
  const tls = { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" } as const;
  const mailbox = { localPart: "joe", domain: "elsewhere.test" };
  const table = [
    { tls: { ...tls, clientFingerprint: known }, code: undefined },
    { tls: { ...tls, clientFingerprint: "cd".repeat(32) }, code: 550 },
    { tls, code: 550 },
    { tls: undefined, code: 550 },
  ];
  for (const { tls, code } of table) {
    assertEquals(checkRelaying(certified, { ...stranger, tls }, mailbox)?.code, code);
  }
});

Deno.test("the bare Postmaster is nobody's where no domain is local", () => {
  const pure = relayingRules([]);
  const postmaster = { localPart: "postmaster", domain: "" };
  assertEquals(isLocal(pure, postmaster), false);
  assertEquals(checkRelaying(pure, stranger, postmaster)?.code, 550);
});

Deno.test("relayingRules refuses what is no domain or network", () => {
  assertThrows(() => relayingRules(["user@example.org"]), SyntaxError, "Cannot read");
  assertThrows(() => relayingRules([], ["10.0.0.1/8"]), SyntaxError, "write 10.0.0.0/8");
});
