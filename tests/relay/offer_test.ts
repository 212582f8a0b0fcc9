import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Outlet } from "../../lib/relay/outlet.ts";
import { offerByHop, offerMessage, type RelayResult } from "../../lib/relay/offer.ts";
import { parseRoute } from "../../lib/relay/route.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { EHLO, EHLO_DSN, type Script } from "./fake_hosts.ts";
import { envelope, mailbox, RULES, slices, type World, world } from "./fake_relay.ts";

const CONTENT = "Subject: x\r\n\r\n.dot\r\n..\r\nend\r\n";
const STUFFED = "Subject: x\r\n\r\n..dot\r\n...\r\nend\r\n";

interface Case {
  readonly hosts: Record<string, Script>;
  readonly to?: readonly string[];
  readonly mail?: Partial<MailParameters>;
  readonly content?: string;
  readonly route?: string;
  readonly local?: Outlet;
  readonly size?: number;
}

function run({ remote, clock }: World, test: Case): Promise<RelayResult[]> {
  const { to = ["ann@x.test"], mail, content = CONTENT, route = "mx", local, size = 7 } = test;
  const message = { ...envelope(to, mail), content: slices(content, size) };
  const options = { route: parseRoute(route), relaying: RULES, remote, local };
  return clock.run(offerMessage(message, options));
}

function codes(results: readonly RelayResult[]): string[] {
  return results.map(({ status, reply }) => `${status} ${reply.code} ${reply.enhanced}`);
}

const ok: Script = {};
const MX1 = { host: "mx1.x.test", address: "192.0.2.1" };
const DELIVERED = "delivered 250 2.0.0";

Deno.test("relay delivers through the first host, whole and stuffed", async () => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const made = world({ "192.0.2.1": ok, "192.0.2.2": ok });
    const results = await run(made, { hosts: {}, size });
    assertEquals(results, [{
      recipient: { localPart: "ann", domain: "x.test" },
      status: "delivered",
      reply: {
        ...reply(250, "2.0.0", "mx1.x.test[192.0.2.1] said: 250 2.0.0 queued"),
        remote: { ...MX1, said: reply(250, "2.0.0", "queued") },
      },
      success: "relayed",
      ...MX1,
    }]);
    const seen = made.hosts.seen("192.0.2.1");
    await made.clock.run(made.hosts.idle());
    assertEquals(seen.messages, [STUFFED]);
    assertEquals(seen.commands, [
      "EHLO us.test",
      "MAIL FROM:<joe@us.test>",
      "RCPT TO:<ann@x.test>",
      "DATA",
      "QUIT",
    ]);
    assertEquals(seen.ends, ["QUIT"]);
    assertEquals(made.hosts.tried, ["192.0.2.1"]);
    assertEquals(made.clock.pending, 0);
  }
});

Deno.test("relay goes on to the next host as long as nothing was accepted", async (t) => {
  const table: [string, Script][] = [
    ["refused connection", { connect: "refuse" }],
    ["connection that hangs", { connect: "hang" }],
    ["greeting 421", { greeting: "421 4.3.2 busy" }],
    ["greeting 4yz", { greeting: "450 4.3.2 busy" }],
    ["greeting 5yz", { greeting: "554 5.3.2 no mail here" }],
    ["greeting that hangs", { greeting: "hang" }],
    ["greeting that drops", { greeting: "drop" }],
    ["greeting that is no reply", { greeting: "HTTP/1.0 400 Bad Request" }],
    ["greeting 354", { greeting: "354 what" }],
    ["greeting of one endless line", { greeting: "endless line" }],
    ["greeting of endless lines", { greeting: "endless reply" }],
    ["EHLO 421", { ehlo: "421 busy" }],
    ["EHLO 4yz", { ehlo: "451 busy" }],
    ["EHLO and HELO 5yz", { ehlo: "500 what", helo: "500 what" }],
    ["EHLO that hangs", { ehlo: "hang" }],
    ["EHLO that drops", { ehlo: "drop" }],
    ["EHLO 354", { ehlo: "354 go on" }],
    ["MAIL 421", { mail: "421 busy" }],
    ["MAIL 4yz", { mail: "451 4.3.0 busy" }],
    ["MAIL that hangs", { mail: "hang" }],
    ["MAIL that drops", { mail: "drop" }],
    ["MAIL answered without end", { mail: "endless reply" }],
    ["MAIL 999", { mail: "999 x" }],
    ["RCPT 421", { rcpt: "421 busy" }],
    ["RCPT that hangs", { rcpt: "hang" }],
    ["RCPT that drops", { rcpt: "drop" }],
    ["RCPT 354", { rcpt: "354 go on" }],
    ["RCPT with another code", { rcpt: "250-ok\r\n550 no" }],
  ];
  for (const [name, script] of table) {
    await t.step(name, async () => {
      const made = world({ "192.0.2.1": script, "192.0.2.2": ok });
      const remote = { ...made.remote, timeouts: { open: 3_600_000 } };
      const results = await run({ ...made, remote }, { hosts: {} });
      assertEquals(codes(results), [DELIVERED]);
      assertEquals(results[0].host, "mx2.x.test");
      assertEquals(made.hosts.seen("192.0.2.1").messages, []);
      assertEquals(made.hosts.seen("192.0.2.2").messages, [STUFFED]);
    });
  }
});

Deno.test("relay tells what the only host said", async (t) => {
  const table: [string, Script, string][] = [
    ["refused connection", { connect: "refuse" }, "deferred 451 4.4.1"],
    ["connection that hangs", { connect: "hang" }, "deferred 451 4.4.1"],
    ["greeting 421", { greeting: "421 4.3.2 busy" }, "deferred 451 4.3.2"],
    ["greeting 554", { greeting: "554 5.3.2 no" }, "failed 554 5.3.2"],
    ["greeting that hangs", { greeting: "hang" }, "deferred 451 4.4.2"],
    ["greeting that drops", { greeting: "drop" }, "deferred 451 4.4.2"],
    ["greeting that is no reply", { greeting: "hello" }, "deferred 451 4.5.0"],
    ["MAIL 4yz", { mail: "451 4.3.0 busy" }, "deferred 451 4.3.0"],
    ["MAIL 5yz", { mail: "550 5.7.1 not you" }, "failed 554 5.7.1"],
    ["MAIL 421", { mail: "421 4.3.2 busy" }, "deferred 451 4.3.2"],
    ["MAIL that drops", { mail: "drop" }, "deferred 451 4.4.2"],
    ["MAIL that hangs", { mail: "hang" }, "deferred 451 4.4.2"],
    ["MAIL answered twice", { mail: "250 ok\r\n250 ok\r\n250 ok" }, "deferred 451 4.5.0"],
    ["RCPT 450", { rcpt: "450 4.2.0 greylisted" }, "deferred 451 4.2.0"],
    ["RCPT 550", { rcpt: "550 5.1.1 nobody" }, "failed 554 5.1.1"],
    ["RCPT 550 without a status code", { rcpt: "550 nobody" }, "failed 554 5.0.0"],
    ["RCPT 550 that contradicts itself", { rcpt: "550 4.1.1 nobody" }, "failed 554 5.0.0"],
    ["RCPT 552 for too many", { rcpt: "552 5.5.3 too many" }, "deferred 451 4.5.3"],
    ["RCPT 552 for a full mailbox", { rcpt: "552 5.2.2 full" }, "failed 554 5.2.2"],
    ["RCPT that hangs", { rcpt: "hang" }, "deferred 451 4.4.2"],
    ["DATA 4yz", { data: "451 4.3.0 busy" }, "deferred 451 4.3.0"],
    ["DATA 5yz", { data: "554 5.7.1 no" }, "failed 554 5.7.1"],
    ["DATA 421", { data: "421 4.3.2 busy" }, "deferred 451 4.3.2"],
    ["DATA 250", { data: "250 what" }, "deferred 451 4.5.0"],
    ["DATA that hangs", { data: "hang" }, "deferred 451 4.4.2"],
    ["DATA that drops", { data: "drop" }, "deferred 451 4.4.2"],
    ["mail data 4yz midway", { during: [10, "452 4.3.1 full"] }, "deferred 451 4.3.1"],
    ["mail data 5yz midway", { during: [10, "552 5.3.4 too big"] }, "failed 554 5.3.4"],
    ["mail data 421 midway", { during: [10, "421 4.3.2 bye"] }, "deferred 451 4.3.2"],
    ["mail data 250 midway", { during: [10, "250 2.0.0 ok"] }, "deferred 451 4.5.0"],
    ["mail data dropped midway", { during: [10, "drop"] }, "deferred 451 4.4.2"],
    ["mail data that is not read", { deaf: true }, "deferred 451 4.4.2"],
    [
      "mail data that is not read any more",
      { during: [10, "552 5.3.4 too big"], deaf: true },
      "failed 554 5.3.4",
    ],
    ["result 4yz", { result: "451 4.3.0 busy" }, "deferred 451 4.3.0"],
    ["result 5yz", { result: "554 5.6.0 spam" }, "failed 554 5.6.0"],
    ["result 421", { result: "421 4.3.2 busy" }, "deferred 451 4.3.2"],
    ["result 354", { result: "354 more" }, "deferred 451 4.5.0"],
    ["result that hangs", { result: "hang" }, "deferred 451 4.4.2"],
    ["result that drops", { result: "drop" }, "deferred 451 4.4.2"],
    ["result that is no reply", { result: "\0\r\r" }, "deferred 451 4.5.0"],
    ["QUIT that hangs", { quit: "hang" }, "delivered 250 2.0.0"],
    ["QUIT that is refused", { quit: "500 no" }, "delivered 250 2.0.0"],
  ];
  const content = `Subject: long\r\n\r\n${"0123456789abcdef\r\n".repeat(20_000)}`;
  for (const [name, script, expected] of table) {
    await t.step(name, async () => {
      const made = world({ "192.0.2.3": script });
      const results = await run(made, { hosts: {}, to: ["bob@y.test"], content, size: 16384 });
      assertEquals(codes(results), [expected]);
      if (!expected.startsWith("delivered")) {
        const { messages, content } = made.hosts.seen("192.0.2.3");
        if (script.result === undefined) assertEquals(messages, []);
        assert(content < 400_000);
      }
    });
  }
});

Deno.test("relay passes on what a host said, printable", async () => {
  const made = world({ "192.0.2.3": { rcpt: "550-5.1.1 no\t\x1b[2J\x07 such\r\n550 5.1.1 user" } });
  const [{ reply }] = await run(made, { hosts: {}, to: ["bob@y.test"] });
  assertEquals(reply.lines, [
    "mx.y.test[192.0.2.3] said: 550 5.1.1 no\t\\x1b[2J\\x07 such",
    "user",
  ]);
});

Deno.test("relay falls back to HELO, and then one command at a time", async () => {
  const made = world({ "192.0.2.3": { ehlo: "502 what" } });
  const results = await run(made, { hosts: {}, to: ["bob@y.test", "eve@y.test"] });
  assertEquals(codes(results), [DELIVERED, DELIVERED]);
  await made.clock.run(made.hosts.idle());
  assertEquals(made.hosts.seen("192.0.2.3").commands, [
    "EHLO us.test",
    "HELO us.test",
    "MAIL FROM:<joe@us.test>",
    "RCPT TO:<bob@y.test>",
    "RCPT TO:<eve@y.test>",
    "DATA",
    "QUIT",
  ]);
});

Deno.test("relay has a result for every recipient", async () => {
  const rcpt = (line: string) =>
    line.includes("no") ? "550 5.1.1 nobody" : line.includes("wait") ? "450 4.2.1 wait" : "250 ok";
  const made = world({ "192.0.2.1": { rcpt }, "192.0.2.3": { result: "452 4.3.1 full" } });
  const to = ["a@x.test", "no@x.test", "b@y.test", "wait@x.test", "c@null.test", "a@x.test"];
  const results = await run(made, { hosts: {}, to });
  assertEquals(codes(results), [
    "delivered 250 2.0.0",
    "failed 554 5.1.1",
    "deferred 451 4.3.1",
    "deferred 451 4.2.1",
    "failed 556 5.1.10",
    "delivered 250 2.0.0",
  ]);
  assertEquals(results.map(({ address }) => address), [
    "192.0.2.1",
    "192.0.2.1",
    "192.0.2.3",
    "192.0.2.1",
    undefined,
    "192.0.2.1",
  ]);
  assertEquals(made.hosts.seen("192.0.2.1").messages, [STUFFED]);
});

Deno.test("relay feeds several next hops at once, and one that fails does not stop the others", async () => {
  const content = `Subject: long\r\n\r\n${"0123456789abcdef\r\n".repeat(50_000)}`;
  const made = world({
    "192.0.2.1": ok,
    "192.0.2.3": { during: [100_000, "drop"] },
    "2001:db8::4": { deaf: true },
  });
  const to = ["a@x.test", "b@y.test", "c@z.test", "d@local.test"];
  let localOctets = 0;
  const local: Outlet = () => ({
    rcpt: () => reply(250, "2.1.5", "ok"),
    data: () => {},
    write: (bytes) => {
      localOctets += bytes.length;
    },
    end: () => [reply(250, "2.0.0", "stored")],
    abort: () => {},
  });
  const results = await run(made, { hosts: {}, to, content, size: 65536, local });
  assertEquals(codes(results), [
    "delivered 250 2.0.0",
    "deferred 451 4.4.2",
    "deferred 451 4.4.2",
    "delivered 250 2.0.0",
  ]);
  assertEquals(localOctets, content.length);
  assertEquals(made.hosts.seen("192.0.2.1").messages, [content]);
});

Deno.test("relay does not read content that no next hop wants", async () => {
  let isRead = false;
  const content = {
    [Symbol.asyncIterator]: () => {
      isRead = true;
      return slices(CONTENT, 10);
    },
  };
  const made = world({ "192.0.2.3": { rcpt: "550 5.1.1 nobody" } });
  const options = { route: parseRoute("mx"), relaying: RULES, remote: made.remote };
  const message = { ...envelope(["bob@y.test", "c@local.test"]), content };
  const results = await made.clock.run(offerMessage(message, options));
  assertEquals(codes(results), ["failed 554 5.1.1", "deferred 451 4.3.5"]);
  assertEquals(isRead, false);
  await made.clock.run(made.hosts.idle());
  assertEquals(made.hosts.seen("192.0.2.3").ends, ["QUIT"]);
});

Deno.test("relay ends no mail data when the content breaks off", async () => {
  async function* broken() {
    yield* slices(CONTENT, 10);
    throw new Error("the client is gone");
  }
  const made = world({ "192.0.2.1": ok, "192.0.2.3": ok });
  const options = { route: parseRoute("mx"), relaying: RULES, remote: made.remote };
  const message = { ...envelope(["a@x.test", "b@y.test"]), content: broken() };
  await assertRejects(
    () => made.clock.run(offerMessage(message, options)),
    Error,
    "the client is gone",
  );
  await made.clock.run(made.hosts.idle());
  for (const address of ["192.0.2.1", "192.0.2.3"]) {
    const { messages, ends } = made.hosts.seen(address);
    assertEquals([messages, ends], [[], ["closed"]]);
  }
});

Deno.test("relay refuses what a next hop cannot take, and mangles nothing", async (t) => {
  const bare = "250 fake.test";
  const sized = `${EHLO}\r\n250 SIZE 100`.replace("250 SMTPUTF8", "250-SMTPUTF8");
  const utf8 = { reversePath: { localPart: "jörg", domain: "us.test" }, smtpUtf8: true };
  const table: [string, string, Omit<Case, "hosts">, string, number][] = [
    ["too large", sized, { mail: { size: 101 } }, "failed 552 5.3.4", 0],
    ["large enough", sized, { mail: { size: 100 } }, DELIVERED, 1],
    ["any size", bare, { mail: { size: 101 } }, DELIVERED, 1],
    ["size without limit", "250-x\r\n250 SIZE 0", { mail: { size: 101 } }, DELIVERED, 1],
    ["declared 8BITMIME", bare, { mail: { body: "8BITMIME" } }, "failed 554 5.6.3", 0],
    ["declared 8BITMIME and offered", EHLO, { mail: { body: "8BITMIME" } }, DELIVERED, 1],
    ["8-bit undeclared", bare, { content: "x: y\r\n\r\n\xe4\r\n" }, "failed 554 5.6.3", 0],
    [
      "8-bit against what was declared",
      bare,
      {
        content: "x: y\r\n\r\n\xe4\r\n",
        mail: { body: "7BIT" },
      },
      "failed 554 5.6.3",
      0,
    ],
    ["8-bit undeclared and offered", EHLO, { content: "x: y\r\n\r\n\xe4\r\n" }, DELIVERED, 1],
    ["bare LF", EHLO, { content: "x: y\r\n\r\na\nb\r\n" }, "failed 554 5.6.0", 0],
    ["smuggled end", EHLO, { content: "a\n.\r\nMAIL FROM:<x@y>\r\n" }, "failed 554 5.6.0", 0],
    ["bare CR at the end", EHLO, { content: "x: y\r\n\r\na\r" }, "failed 554 5.6.0", 0],
    ["UTF-8 sender", "250-x\r\n250 8BITMIME", { mail: utf8 }, "failed 553 5.6.7", 0],
    ["UTF-8 sender and offered", EHLO, { mail: utf8 }, DELIVERED, 1],
    [
      "UTF-8 recipient",
      "250-x\r\n250 8BITMIME",
      {
        to: ["böb@y.test"],
        mail: { smtpUtf8: false },
      },
      "failed 553 5.6.7",
      0,
    ],
    [
      "UTF-8 header",
      "250-x\r\n250 8BITMIME",
      {
        mail: { smtpUtf8: true },
      },
      "failed 550 5.6.9",
      0,
    ],
    ["unwritable recipient", EHLO, { to: ["a\nb@y.test"] }, "failed 553 5.1.3", 0],
  ];
  for (const [name, ehlo, test, expected, messages] of table) {
    await t.step(name, async () => {
      const made = world({ "192.0.2.3": { ehlo } });
      const results = await run(made, { hosts: {}, to: ["bob@y.test"], ...test });
      assertEquals(codes(results), [expected]);
      await made.clock.run(made.hosts.idle());
      const seen = made.hosts.seen("192.0.2.3");
      assertEquals(seen.messages.length, messages);
      // Nothing of the content was taken for a command.
      for (const line of seen.commands) assert(/^(EHLO|MAIL|RCPT|DATA|QUIT)/.test(line), line);
      assert(seen.commands.filter((line) => line.startsWith("MAIL")).length <= 1);
      if (messages > 0 && test.content) assertEquals(seen.messages[0], test.content);
    });
  }
});

Deno.test("relay says BODY, SIZE and SMTPUTF8 where they are offered", async () => {
  const made = world({
    "192.0.2.3": { ehlo: "250-x\r\n250-SIZE\r\n250-8BITMIME\r\n250 SMTPUTF8" },
  });
  const mail = { size: 5, body: "8BITMIME", smtpUtf8: true } as const;
  await run(made, { hosts: {}, to: ["bob@y.test"], mail });
  assertEquals(
    made.hosts.seen("192.0.2.3").commands[1],
    "MAIL FROM:<joe@us.test> SIZE=5 BODY=8BITMIME SMTPUTF8",
  );
});

Deno.test("relay has the result of each recipient from an LMTP host", async () => {
  const made = world({
    "127.0.0.1": {
      rcpt: (line) => line.includes("no") ? "550 5.1.1 nobody" : "250 ok",
      result: ["250 2.0.0 stored", "452 4.2.2 full", "drop"],
    },
  });
  const to = ["a@x.test", "no@x.test", "b@y.test", "c@x.test"];
  const results = await run(made, { hosts: {}, to, route: "lmtp://127.0.0.1:24" });
  assertEquals(codes(results), [
    "delivered 250 2.0.0",
    "failed 554 5.1.1",
    "deferred 451 4.2.2",
    "deferred 451 4.4.2",
  ]);
  assertEquals(made.hosts.seen("127.0.0.1").commands[0], "LHLO us.test");
});

Deno.test("relay gives the message to nobody by the route discard", async () => {
  const made = world({});
  const results = await run(made, { hosts: {}, route: "discard" });
  assertEquals(codes(results), ["delivered 250 2.0.0"]);
  assertEquals(made.hosts.tried, []);
});

Deno.test("relay tries every address once, and ends in time", async () => {
  const start = (made: World) => made.clock.now();
  const both = world({ "2001:db8::4": { connect: "hang" } });
  assertEquals(codes(await run(both, { hosts: {}, to: ["c@z.test"] })), ["deferred 451 4.4.1"]);
  assertEquals(both.hosts.tried, ["2001:db8::4", "192.0.2.4"]);

  const mute = world({ "192.0.2.1": { greeting: "hang" }, "192.0.2.2": { greeting: "hang" } });
  const began = start(mute);
  assertEquals(codes(await run(mute, { hosts: {} })), ["deferred 451 4.4.2"]);
  assertEquals(mute.hosts.tried, ["192.0.2.1", "192.0.2.2"]);
  assertEquals(start(mute) - began, 240_000);
});

Deno.test("relay would rather try again than fail for one host's refusal", async () => {
  const made = world({
    "192.0.2.1": { connect: "refuse" },
    "192.0.2.2": { greeting: "554 5.7.1 no" },
  });
  assertEquals(codes(await run(made, { hosts: {} })), ["deferred 451 4.4.1"]);
});

Deno.test("relay takes its leave of a host that wants no mail", async () => {
  for (const script of [{ greeting: "554 5.7.1 no" }, { ehlo: "451 busy" }]) {
    const made = world({ "192.0.2.1": script, "192.0.2.2": ok });
    assertEquals(codes(await run(made, { hosts: {} })), [DELIVERED]);
    await made.clock.run(made.hosts.idle());
    assertEquals(made.hosts.seen("192.0.2.1").ends, ["QUIT"]);
  }
});

Deno.test("relay asks no other host when one has refused the sender for good", async () => {
  const made = world({ "192.0.2.1": { mail: "550 5.7.1 not you" }, "192.0.2.2": ok });
  assertEquals(codes(await run(made, { hosts: {} })), ["failed 554 5.7.1"]);
  await made.clock.run(made.hosts.idle());
  assertEquals(made.hosts.tried, ["192.0.2.1"]);
  assertEquals(made.hosts.seen("192.0.2.1").ends, ["QUIT"]);
});

Deno.test("relay tells the words of the next hop from its own", async (t) => {
  const table: [string, Script, code: number | undefined][] = [
    ["refused connection", { connect: "refuse" }, undefined],
    ["greeting 554", { greeting: "554 5.3.2 no" }, 554],
    ["EHLO that drops", { ehlo: "drop" }, undefined],
    ["MAIL 5yz", { mail: "550 5.7.1 not you" }, 550],
    ["MAIL 421", { mail: "421 4.3.2 busy" }, 421],
    ["RCPT 552 for too many", { rcpt: "552 5.5.3 too many" }, 552],
    ["RCPT that hangs", { rcpt: "hang" }, undefined],
    ["DATA 5yz", { data: "554 5.7.1 no" }, 554],
    ["mail data 5yz midway", { during: [10, "552 5.3.4 too big"] }, 552],
    ["mail data dropped midway", { during: [10, "drop"] }, undefined],
    ["no 8BITMIME", { ehlo: "250 fake.test" }, undefined],
    ["result 4yz", { result: "451 4.3.0 busy" }, 451],
    ["result 354", { result: "354 more" }, undefined],
  ];
  const content = `x: \xe4\r\n\r\n${"0123456789abcdef\r\n".repeat(20_000)}`;
  for (const [name, script, said] of table) {
    await t.step(name, async () => {
      const made = world({ "192.0.2.3": script });
      const results = await run(made, { hosts: {}, to: ["bob@y.test"], content, size: 16384 });
      const { remote } = results[0].reply;
      assertEquals(remote?.said.code, said);
      if (remote !== undefined) {
        assertEquals([remote.host, remote.address], ["mx.y.test", "192.0.2.3"]);
      }
      assertEquals(results[0].success, undefined);
    });
  }
});

Deno.test("relay says how a message arrived, unless the next hop answers for that", async (t) => {
  const local: Outlet = () => ({
    rcpt: () => reply(250, "2.1.5", "ok"),
    data: () => {},
    write: () => {},
    end: () => reply(250, "2.0.0", "stored"),
    abort: () => {},
  });
  const smtp = "smtp://192.0.2.3";
  const lmtp = "lmtp://192.0.2.3:24";
  const dsn = EHLO_DSN;
  const table: [string, Script, Partial<Case>, RelayResult["success"]][] = [
    ["SMTP", ok, { route: smtp }, "relayed"],
    ["SMTP with DSN", { ehlo: dsn }, { route: smtp }, undefined],
    ["SMTP after HELO", { ehlo: "502 what" }, { route: smtp }, "relayed"],
    ["LMTP", ok, { route: lmtp }, "delivered"],
    ["LMTP with DSN", { ehlo: dsn }, { route: lmtp }, undefined],
    ["local", ok, { to: ["joe@local.test"], local }, "delivered"],
    ["discard", ok, { route: "discard" }, "delivered"],
  ];
  for (const [name, script, test, expected] of table) {
    await t.step(name, async () => {
      const made = world({ "192.0.2.3": script });
      const [{ status, success }] = await run(made, { hosts: {}, to: ["bob@y.test"], ...test });
      assertEquals([status, success], ["delivered", expected]);
    });
  }
  await t.step("refused", async () => {
    const made = world({ "192.0.2.3": { rcpt: "550 5.1.1 no" } });
    const [result] = await run(made, { hosts: {}, to: ["bob@y.test"] });
    assertEquals("success" in result, false);
  });
});

Deno.test("relay passes on what was asked of notices where the next hop offers DSN", async () => {
  const made = world({ "192.0.2.1": { ehlo: EHLO_DSN }, "192.0.2.3": ok });
  const message = {
    mail: {
      reversePath: mailbox("joe@us.test"),
      smtpUtf8: false,
      ret: "headers",
      envid: "QQ+2B3",
    },
    recipients: [
      {
        forwardPath: mailbox("a@x.test"),
        notify: ["success", "delay"],
        orcpt: "rfc822;A@z.test",
      },
      { forwardPath: mailbox("b@y.test"), notify: ["success"], orcpt: "rfc822;b@y.test" },
      { forwardPath: mailbox("c@x.test"), notify: "never" },
      { forwardPath: mailbox("d@x.test") },
    ],
    content: slices(CONTENT, 7),
  } as const;
  const hopOf = (to: { domain: string }) => ({ kind: "mx", domain: to.domain }) as const;
  const results = await made.clock.run(offerByHop(message, hopOf, { remote: made.remote }));
  assertEquals(results.map(({ recipient, status, success }) => [recipient, status, success]), [
    [mailbox("a@x.test"), "delivered", undefined],
    [mailbox("b@y.test"), "delivered", "relayed"],
    [mailbox("c@x.test"), "delivered", undefined],
    [mailbox("d@x.test"), "delivered", undefined],
  ]);
  assertEquals(made.hosts.seen("192.0.2.1").commands.slice(1, 5), [
    "MAIL FROM:<joe@us.test> RET=HDRS ENVID=QQ+2B3",
    "RCPT TO:<a@x.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;A@z.test",
    "RCPT TO:<c@x.test> NOTIFY=NEVER",
    "RCPT TO:<d@x.test>",
  ]);
  assertEquals(made.hosts.seen("192.0.2.3").commands.slice(1, 3), [
    "MAIL FROM:<joe@us.test>",
    "RCPT TO:<b@y.test>",
  ]);
});
