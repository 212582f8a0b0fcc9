import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseCidr } from "../../lib/policy/network.ts";
import type { Upstream } from "../../lib/policy/session.ts";
import { upstreamOf } from "../../lib/net/xforward.ts";
import { parseClientAttributes } from "../../lib/smtp/client_attributes.ts";
import { openSession } from "./session_fixture.ts";

const NOTHING: Upstream = {
  name: undefined,
  address: undefined,
  port: undefined,
  protocol: undefined,
  heloName: undefined,
  id: undefined,
  source: undefined,
};

function read(argument: string, before?: Upstream) {
  const attributes = parseClientAttributes("XFORWARD", argument);
  assert(!("fault" in attributes), JSON.stringify(attributes));
  return upstreamOf(attributes, before);
}

Deno.test("XFORWARD says where a message is from, a part in each command", () => {
  const table: [argument: string, said: Partial<Upstream>][] = [
    ["NAME=client.test ADDR=192.0.2.1", { name: "client.test", address: "192.0.2.1" }],
    ["ADDR=IPv6:2001:DB8::1 PORT=1", { address: "2001:db8::1", port: 1 }],
    ["PROTO=esmtp HELO=[192.0.2.1]", { protocol: "esmtp", heloName: "[192.0.2.1]" }],
    ["IDENT=4F2A source=local", { id: "4F2A", source: "LOCAL" }],
    ["NAME=[UNAVAILABLE] ADDR=[TEMPUNAVAIL]", {}],
  ];
  for (const [argument, said] of table) {
    assertEquals(read(argument), { ...NOTHING, ...said }, argument);
  }
  const before = { ...NOTHING, name: "a", id: "1" };
  assertEquals(read("IDENT=[UNAVAILABLE] HELO=b", before), {
    ...NOTHING,
    name: "a",
    heloName: "b",
  });
});

Deno.test("XFORWARD with a bad value is refused by the name of the attribute", () => {
  const table: [argument: string, name: string][] = [
    ["ADDR=here", "ADDR"],
    ["PORT=65536", "PORT"],
    ["NAME=a+20b", "NAME"],
    ["HELO=a+20(b", "HELO"],
    ["PROTO=a+20b", "PROTO"],
    ["IDENT=+C2+A0", "IDENT"],
    ["SOURCE=ELSEWHERE", "SOURCE"],
  ];
  for (const [argument, name] of table) {
    const refusal = read(argument);
    assert("code" in refusal, argument);
    assertEquals([refusal.code, refusal.lines], [501, [`Bad value of ${name}`]], argument);
  }
});

Deno.test("what XFORWARD says stands in the log of one message, and decides nothing", async () => {
  const seen: (string | undefined)[] = [];
  await using session = openSession({
    trustedPeers: { XFORWARD: [parseCidr("127.0.0.0/8")] },
    hooks: {
      mail: ({ remote, upstream }) => {
        seen.push(`${remote.address} for ${upstream?.address}`);
        return undefined;
      },
    },
  });
  const { client } = session;
  await client.greet();
  await client.say("EHLO filter.example.org");
  assertMatch(
    await client.say("XFORWARD ADDR=192.0.2.1 HELO=there IDENT=4F2A"),
    /^250 2\.0\.0 Ok/,
  );
  assertMatch(await client.say("XFORWARD ADDR=here"), /^501 5\.5\.4 Bad value of ADDR/);
  for (let i = 0; i < 2; i++) {
    await client.say("MAIL FROM:<a@example.net>");
    // It is the peer that may relay.
    assertMatch(await client.say("RCPT TO:<b@elsewhere.test>"), /^250 /);
    await client.say("DATA");
    assertMatch(await client.say("Subject: a\r\n\r\nb\r\n."), /^250 /);
  }
  // A transaction that ends without a message ends it, too.
  await client.say("XFORWARD ADDR=192.0.2.2");
  await client.say("MAIL FROM:<a@example.net>");
  await client.say("RSET");
  await client.say("MAIL FROM:<a@example.net>");
  assertEquals(seen, [
    "127.0.0.1 for 192.0.2.1",
    "127.0.0.1 for undefined",
    "127.0.0.1 for 192.0.2.2",
    "127.0.0.1 for undefined",
  ]);
  const logged = session.logged("accepted").map(({ fields }) => [
    ...[fields.client, fields.for, fields.forHelo, fields.forId, fields.forName],
  ]);
  assertEquals(logged, [
    ["127.0.0.1", "192.0.2.1", "there", "4F2A", undefined],
    ["127.0.0.1", undefined, undefined, undefined, undefined],
  ]);
});
