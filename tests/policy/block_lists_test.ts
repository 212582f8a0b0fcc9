import { assertEquals } from "@std/assert";
import {
  blockListHooks,
  blockListName,
  type BlockListOptions,
} from "../../lib/policy/block_lists.ts";
import { parseIp } from "../../lib/policy/network.ts";
import { relayingRules } from "../../lib/policy/relaying.ts";
import type { Session } from "../../lib/policy/session.ts";
import { readVerdict } from "../../lib/policy/verdict.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { replyText } from "../../lib/smtp/reply.ts";
import { FakeClock } from "../net/fake_clock.ts";

const rcpt = {} as RcptParameters;
const mail = {} as MailParameters;

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

/** The lists `a.test` and `b.test`, with what they answer by name, and what they were asked. */
function lists(answers: Record<string, readonly string[] | Error | "never"> = {}) {
  const clock = new FakeClock();
  const asked: string[] = [];
  const failed: string[] = [];
  const options: BlockListOptions = {
    zones: ["a.test", "b.test"],
    relaying: relayingRules([], ["127.0.0.0/8", "10.0.0.0/8"]),
    lookUp(name) {
      asked.push(name);
      const answer = answers[name] ?? [];
      if (answer === "never") return new Promise(() => {});
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    failed: (zone, error) => void failed.push(`${zone}: ${error}`),
    clock,
  };
  const hooks = blockListHooks(options);
  async function verdict(client: Session): Promise<string | undefined> {
    const refusal = readVerdict(await hooks.rcpt?.(client, rcpt, mail));
    return refusal && replyText(refusal);
  }
  return { clock, asked, failed, hooks, verdict };
}

Deno.test("block lists are asked by the name that RFC 5782 makes of an address", () => {
  const names: [address: string, name: string][] = [
    ["192.0.2.99", "99.2.0.192.bad.test"],
    ["::ffff:192.0.2.99", "99.2.0.192.bad.test"],
    [
      "2001:db8:1:2:3:4:567:89ab",
      "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bad.test",
    ],
  ];
  for (const [address, name] of names) {
    assertEquals(blockListName(parseIp(address)!, "bad.test"), name);
  }
});

Deno.test("a client that a list has is refused, by the name of the first", async () => {
  const said = (zone: string) => `550 5.7.1 No mail from 192.0.2.7, which is listed at ${zone}`;
  const table: [a: readonly string[], b: readonly string[], verdict: string | undefined][] = [
    [[], [], undefined],
    [["127.0.0.2"], [], said("a.test")],
    [[], ["127.0.0.10"], said("b.test")],
    [["127.0.0.2"], ["127.0.0.2"], said("a.test")],
    [["192.0.2.1", "127.1.2.3"], [], said("a.test")],
    // A resolver that makes up answers, a domain that was sold, a list that does not answer us.
    [["192.0.2.1"], ["10.0.0.1"], undefined],
    [["127.255.255.254"], ["127.255.255.252"], undefined],
  ];
  for (const [a, b, verdict] of table) {
    const made = lists({ "7.2.0.192.a.test": a, "7.2.0.192.b.test": b });
    assertEquals(await made.verdict(session("192.0.2.7")), verdict);
    assertEquals(made.failed, []);
    assertEquals(made.clock.waiting, 0);
  }
});

Deno.test("lists do not concern clients that may relay, nor those that have authenticated", async () => {
  const made = lists();
  for (const client of [session("127.0.0.1"), session("10.1.2.3"), session("192.0.2.7", "ali")]) {
    assertEquals(made.hooks.connect?.(client), undefined);
    assertEquals(await made.verdict(client), undefined);
  }
  assertEquals(made.asked, []);
});

Deno.test("lists are asked when a client connects, once for its recipients and sessions", async () => {
  const made = lists({ "7.2.0.192.a.test": ["127.0.0.2"] });
  assertEquals(made.hooks.connect?.(session("192.0.2.7")), undefined);
  assertEquals(made.asked, ["7.2.0.192.a.test", "7.2.0.192.b.test"]);
  for (let i = 0; i < 3; i++) {
    made.hooks.connect?.(session("192.0.2.7"));
    assertEquals((await made.verdict(session("192.0.2.7")))?.slice(0, 3), "550");
  }
  assertEquals(made.asked.length, 2);
  await made.clock.advance(5 * 60_000);
  await made.verdict(session("192.0.2.7"));
  assertEquals(made.asked.length, 4);
});

Deno.test("a list that fails, or does not answer in time, lets the client pass", async () => {
  const made = lists({
    "7.2.0.192.a.test": new Error("SERVFAIL"),
    "8.2.0.192.a.test": "never",
    "8.2.0.192.b.test": ["127.0.0.2"],
    "9.2.0.192.b.test": "never",
  });
  assertEquals(await made.verdict(session("192.0.2.7")), undefined);
  assertEquals(made.failed, ["a.test: Error: SERVFAIL"]);
  const late = [made.verdict(session("192.0.2.8")), made.verdict(session("192.0.2.9"))];
  await made.clock.advance(5_000);
  const [listed, passed] = await Promise.all(late);
  // What the other list says holds.
  assertEquals(listed, "550 5.7.1 No mail from 192.0.2.8, which is listed at b.test");
  assertEquals(passed, undefined);
  // Of each list it is told once a minute.
  const error = "Error: Cannot wait any longer for an answer";
  assertEquals(made.failed.slice(1), [`b.test: ${error}`]);
  await made.clock.advance(5 * 60_000);
  const again = made.verdict(session("192.0.2.8"));
  await made.clock.advance(5_000);
  await again;
  assertEquals(made.failed.slice(2), [`a.test: ${error}`]);
});

Deno.test("the answers that are kept are no more than some thousand", async () => {
  const made = lists();
  const address = (n: number) => `203.${n >> 8}.${n & 255}.1`;
  for (let n = 0; n < 5_000; n++) await made.verdict(session(address(n)));
  assertEquals(made.asked.length, 10_000);
  await made.verdict(session(address(4_999)));
  assertEquals(made.asked.length, 10_000);
  await made.verdict(session(address(0)));
  assertEquals(made.asked.length, 10_002);
});
