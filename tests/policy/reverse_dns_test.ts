import { assertEquals } from "@std/assert";
import { parseIp } from "../../lib/policy/network.ts";
import { relayingRules } from "../../lib/policy/relaying.ts";
import { reverseDnsHooks, reverseName } from "../../lib/policy/reverse_dns.ts";
import type { Session } from "../../lib/policy/session.ts";
import { readVerdict } from "../../lib/policy/verdict.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { replyText } from "../../lib/smtp/reply.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { dnsTable, type Records } from "../relay/dns_table.ts";

function session(address: string, account?: string): Session {
  return {
    id: "s",
    remote: { address, port: 40000 },
    local: { address: "198.51.100.1", port: 25 },
    protocol: "ESMTP",
    heloName: "client.test",
    tls: undefined,
    account,
  };
}

const REVERSE = "1.2.0.192.in-addr.arpa";
const REFUSAL = "450 4.7.25 No mail from 192.0.2.1, which has no name that leads back to it";

function policy(table: Record<string, Records>, namesOf?: () => Promise<string[]>) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const dns = dnsTable(table, asked);
  const hooks = reverseDnsHooks({
    relaying: relayingRules([], ["10.0.0.0/8"]),
    namesOf: namesOf ?? ((name) => dns.ptr(name)),
    addressesOf: (host, version) => version === 4 ? dns.a(host) : dns.aaaa(host),
    clock,
  });
  async function verdict(client: Session): Promise<string | undefined> {
    const refusal = readVerdict(
      await hooks.rcpt?.(
        client,
        {} as RcptParameters,
        {} as MailParameters,
      ),
    );
    return refusal && replyText(refusal);
  }
  return { clock, asked, hooks, verdict };
}

Deno.test("the name of an address is its octets or digits from the last to the first", () => {
  assertEquals(reverseName(parseIp("192.0.2.1")!), REVERSE);
  assertEquals(
    reverseName(parseIp("2001:db8::1")!),
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
  );
});

Deno.test("a client passes by a name that leads back to its address", async () => {
  const good = { a: ["192.0.2.7", "192.0.2.1"] };
  const table: [what: string, records: Record<string, Records>, refusal: string | undefined][] = [
    ["a name that leads back", { [REVERSE]: { ptr: ["a.test."] }, "a.test": good }, undefined],
    ["the second name", { [REVERSE]: { ptr: ["b.test.", "a.test."] }, "a.test": good }, undefined],
    ["no name", {}, REFUSAL],
    ["a name of nothing", { [REVERSE]: { ptr: ["a.test."] } }, REFUSAL],
    [
      "another address",
      { [REVERSE]: { ptr: ["a.test"] }, "a.test": { a: ["192.0.2.2"] } },
      REFUSAL,
    ],
    ["no host name", { [REVERSE]: { ptr: ["a b.test.", "", "."] }, "a b.test": good }, REFUSAL],
    ["a failure", { [REVERSE]: { ptr: "fails" } }, undefined],
    [
      "a failure behind a name",
      { [REVERSE]: { ptr: ["a.test."] }, "a.test": { a: "fails" } },
      undefined,
    ],
    [
      "names without end",
      {
        [REVERSE]: { ptr: [...Array.from({ length: 10 }, (_, i) => `n${i}.test.`), "a.test."] },
        "a.test": good,
      },
      REFUSAL,
    ],
  ];
  for (const [what, records, refusal] of table) {
    assertEquals(await policy(records).verdict(session("192.0.2.1")), refusal, what);
  }
  const { verdict } = policy({
    [reverseName(parseIp("2001:db8::1")!)]: { ptr: ["six.test."] },
    "six.test": { aaaa: ["2001:0DB8:0::1"] },
  });
  assertEquals(await verdict(session("2001:db8::1")), undefined);
});

Deno.test("who may relay needs no name, and an address is asked for once in five minutes", async () => {
  const { clock, asked, hooks, verdict } = policy({});
  assertEquals(await verdict(session("10.1.2.3")), undefined);
  assertEquals(await verdict(session("192.0.2.1", "ali")), undefined);
  assertEquals(asked, []);
  hooks.connect?.(session("192.0.2.1"));
  assertEquals(asked, [`${REVERSE} ptr`]);
  assertEquals(await verdict(session("192.0.2.1")), REFUSAL);
  await clock.advance(299_999);
  assertEquals(await verdict(session("192.0.2.1")), REFUSAL);
  assertEquals(asked.length, 1);
  await clock.advance(1);
  assertEquals(await verdict(session("192.0.2.1")), REFUSAL);
  assertEquals(asked.length, 2);
});

Deno.test("a name server that takes too long lets the client pass", async () => {
  const { clock, verdict } = policy({}, () => new Promise(() => {}));
  const said = verdict(session("192.0.2.1"));
  await clock.advance(5_000);
  assertEquals(await said, undefined);
});
