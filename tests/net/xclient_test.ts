import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseCidr } from "../../lib/policy/network.ts";
import { ClientSession } from "../../lib/net/client_session.ts";
import { clientFacts } from "../../lib/net/xclient.ts";
import { parseClientAttributes } from "../../lib/smtp/client_attributes.ts";
import { openSession } from "./session_fixture.ts";
import type { Session } from "../../lib/policy/session.ts";

const ENDS = {
  remote: { address: "127.0.0.1", port: 40000 },
  local: { address: "127.0.0.2", port: 25 },
};

function read(argument: string) {
  const attributes = parseClientAttributes("XCLIENT", argument);
  assert(!("fault" in attributes), JSON.stringify(attributes));
  return clientFacts(attributes, ENDS);
}

Deno.test("XCLIENT says where the client is, and where it has connected to", () => {
  const table: [argument: string, remote: string, port: number][] = [
    ["ADDR=192.0.2.1", "192.0.2.1", 0],
    ["ADDR=192.0.2.1 PORT=1", "192.0.2.1", 1],
    ["ADDR=IPV6:2001:DB8::1", "2001:db8::1", 0],
    ["ADDR=ipv6:::ffff:192.0.2.1", "192.0.2.1", 0],
    ["ADDR=2001:db8::1", "2001:db8::1", 0],
    // The client is somewhere else than the peer, who may have rights of its own.
    ["ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]", "0.0.0.0", 0],
    ["PORT=65535", "127.0.0.1", 65535],
    ["NAME=client.test", "127.0.0.1", 40000],
  ];
  for (const [argument, address, port] of table) {
    const facts = read(argument);
    assert(!("code" in facts), argument);
    assertEquals(facts.remote, { address, port }, argument);
    assertEquals(facts.local, ENDS.local);
  }
  const facts = read("DESTADDR=198.51.100.1 DESTPORT=587 PROTO=esmtp HELO=a LOGIN=ali");
  assertEquals(facts, {
    remote: ENDS.remote,
    local: { address: "198.51.100.1", port: 587 },
    protocol: "ESMTP",
    heloName: "a",
    account: "ali",
  });
});

Deno.test("XCLIENT with a bad value is refused by the name of the attribute", () => {
  const table: [argument: string, name: string][] = [
    ["ADDR=here", "ADDR"],
    ["ADDR=IPV6:192.0.2.1", "ADDR"],
    ["ADDR=192.0.2.01", "ADDR"],
    ["ADDR=192.0.2.0/24", "ADDR"],
    ["DESTADDR=1", "DESTADDR"],
    ["PORT=65536", "PORT"],
    ["PORT=-1", "PORT"],
    ["DESTPORT=25a", "DESTPORT"],
    ["PROTO=HTTP", "PROTO"],
    ["HELO=a+20(b", "HELO"],
    ["NAME=a+20b", "NAME"],
  ];
  for (const [argument, name] of table) {
    const refusal = read(argument);
    assert("code" in refusal, argument);
    assertEquals(
      [refusal.code, refusal.enhanced, refusal.lines],
      [501, "5.5.4", [`Bad value of ${name}`]],
      argument,
    );
  }
});

Deno.test("a session speaks for another client once a trusted peer says so", async () => {
  const seen: [string, Session["account"], Session["heloName"]][] = [];
  await using session = openSession({
    trustedPeers: { XCLIENT: [parseCidr("127.0.0.0/8")] },
    hooks: {
      connect: ({ remote, account, heloName }) => {
        seen.push([remote.address, account, heloName]);
        return undefined;
      },
    },
  });
  const { client } = session;
  await client.greet();
  assertMatch(await client.say("XCLIENT ADDR=192.0.2.1 HELO=there"), /^220 /);
  await client.say("EHLO client.example.org");
  await client.say("MAIL FROM:<a@example.net>");
  // The peer may relay, the client may not.
  assertMatch(await client.say("RCPT TO:<b@elsewhere.test>"), /^550 5\.7\.1/);
  assertMatch(await client.say("RCPT TO:<b@example.org>"), /^250 /);
  await client.say("RSET");
  // What it says next is as the account, which may relay; and after that as nobody.
  assertMatch(await client.say("XCLIENT LOGIN=ali"), /^220 /);
  await client.say("EHLO client.example.org");
  await client.say("MAIL FROM:<a@example.net>");
  assertMatch(await client.say("RCPT TO:<b@elsewhere.test>"), /^250 /);
  await client.say("RSET");
  assertMatch(await client.say("XCLIENT LOGIN=[UNAVAILABLE]"), /^220 /);
  await client.say("EHLO client.example.org");
  await client.say("MAIL FROM:<a@example.net>");
  assertMatch(await client.say("RCPT TO:<b@elsewhere.test>"), /^550 5\.7\.1/);
  assertEquals(seen, [
    ["127.0.0.1", undefined, undefined],
    ["192.0.2.1", undefined, "there"],
    ["192.0.2.1", "ali", undefined],
    ["192.0.2.1", undefined, undefined],
  ]);
  assertEquals(session.logged("xclient").map(({ fields }) => [fields.client, fields.for]), [
    ["127.0.0.1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
  ]);
});

Deno.test("a client for whom a trusted peer speaks is counted as if it had connected", async () => {
  await using session = openSession({
    trustedPeers: { XCLIENT: [parseCidr("127.0.0.1")] },
    limits: { connectionRate: { count: 1, period: 3_600_000 } },
  });
  const { client } = session;
  await client.greet();
  assertMatch(await client.say("XCLIENT ADDR=192.0.2.1"), /^220 /);
  assertMatch(await client.say("XCLIENT ADDR=192.0.2.2"), /^421 4\.7\.0 Too many connections/);
});

Deno.test("a peer that is not trusted speaks for itself alone", async () => {
  await using session = openSession({
    trustedPeers: { XCLIENT: [parseCidr("192.0.2.0/24")], XFORWARD: [] },
    address: "198.51.100.1",
  });
  const { client } = session;
  await client.greet();
  assertMatch(await client.say("EHLO a"), /^250/);
  assertMatch(await client.say("XCLIENT ADDR=127.0.0.1 LOGIN=ali"), /^550 5\.7\.0 /);
  await client.say("MAIL FROM:<a@example.net>");
  assertMatch(await client.say("RCPT TO:<b@elsewhere.test>"), /^550 5\.7\.1/);
});

Deno.test("a certificate of the peer's own counts for nobody it speaks for", async () => {
  await using session = openSession({ trustedPeers: { XCLIENT: [parseCidr("127.0.0.1")] } });
  const { client, connection } = session;
  await client.greet();
  assert(connection.session instanceof ClientSession);
  const clientFingerprint = "ab".repeat(32);
  const tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" } as const;
  connection.session.secure({ ...tls, clientFingerprint, endPoint: new Uint8Array(32) });
  assertEquals(connection.session.tls?.clientFingerprint, clientFingerprint);
  assertMatch(await client.say("XCLIENT ADDR=192.0.2.1"), /^220 /);
  assertEquals(connection.session.tls?.clientFingerprint, undefined);
  assertEquals(connection.session.tls?.cipher, tls.cipher);
});
