import { assertEquals, assertMatch } from "@std/assert";
import { octets } from "../smtp/wire.ts";
import { Arriving } from "./arriving.ts";
import { settle } from "./fake_clock.ts";

const SIGNATURE = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];
const PROXY = "10.0.0.9";
const STOPPING = "421 4.3.2 Service shutting down, try again later\r\n";

/** A header of version 2 for a client of IPv4, with padding behind the addresses. */
function binary(client: readonly number[], padding: number): Uint8Array {
  const length = 12 + 3 + padding;
  return Uint8Array.of(
    ...[...SIGNATURE, 0x21, 0x11, length >> 8, length & 255],
    ...[...client, 198, 51, 100, 1, 0xdc, 4, 0, 25],
    ...[4, padding >> 8, padding & 255, ...new Array<number>(padding).fill(0)],
  );
}

Deno.test("the client of a session is the one that the proxy's header names", async () => {
  const headers: [name: string, header: Uint8Array][] = [
    ["version 1", octets("PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n")],
    ["version 2", binary([192, 0, 2, 7], 0)],
    ["version 2, 16 KiB long", binary([192, 0, 2, 7], 16 * 1024 - 15)],
  ];
  for (const [name, header] of headers) {
    for (const size of [header.length, 1, 700]) {
      const seen: string[] = [];
      await using arriving = new Arriving({
        hooks: {
          connect({ remote, local }) {
            seen.push(`${remote.address}:${remote.port} to ${local.address}:${local.port}`);
          },
        },
      });
      using client = arriving.connect(PROXY);
      for (let i = 0; i < header.length; i += size) await client.send(header.slice(i, i + size));
      await client.greet();
      assertEquals(seen, ["192.0.2.7:56324 to 198.51.100.1:25"], name);
      // Neither may the client relay, which this proxy may not either, nor is the proxy in the trace.
      assertMatch(await client.say("MAIL FROM:<a@b.test>"), /^250/);
      assertMatch(await client.say("RCPT TO:<joe@elsewhere.test>"), /^550 5\.7\.1/);
      await client.say("RCPT TO:<joe@example.org>");
      await client.say("DATA");
      assertMatch(await client.say("Subject: x\r\n\r\nx\r\n."), /^250/);
      assertMatch(arriving.intake.last.trace, /^Received: from .*\(\[192\.0\.2\.7\]\)/);
      assertEquals(arriving.intake.last.trace.includes(PROXY), false);
    }
  }
});

Deno.test("octets behind a header, in the same segment, belong to the session", async () => {
  for (const local of ["PROXY UNKNOWN\r\n", "PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n"]) {
    await using arriving = new Arriving();
    using client = arriving.connect(PROXY);
    const noops = 300;
    await client.send(`${local}EHLO client.test\r\n${"NOOP\r\n".repeat(noops)}`);
    assertMatch(await client.reply(), /^220/);
    assertMatch(await client.reply(), /^250-/);
    for (let i = 0; i < noops; i++) assertEquals(await client.reply(), "250 2.0.0 Ok\r\n");
    assertMatch(await client.say("QUIT"), /^221/);
  }
});

Deno.test("a client may relay by its own address, never by that of its proxy", async () => {
  // 127.0.0.1 may relay in this server.
  await using arriving = new Arriving();
  using client = arriving.connect(PROXY);
  await client.send("PROXY TCP4 127.0.0.1 10.0.0.1 1 25\r\n");
  await client.greet();
  await client.say("MAIL FROM:<a@b.test>");
  assertMatch(await client.say("RCPT TO:<joe@elsewhere.test>"), /^250/);
});

Deno.test("a proxy without a proper header is closed without a word", async () => {
  const table: [sent: string, problem: string][] = [
    ["EHLO client.test\r\n", "no PROXY header"],
    ["PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n", "the line is malformed"],
    ["\r\n\r\n\0\r\nQUIT\n\x31", "the version is not 2"],
  ];
  for (const [sent, problem] of table) {
    await using arriving = new Arriving();
    using client = arriving.connect(PROXY);
    await client.send(sent);
    assertEquals(await client.rest(), "");
    assertEquals(arriving.refusals, [`${PROXY}, proxy header: ${problem}`]);
  }
});

Deno.test("a proxy that ends the connection before its header is let go", async () => {
  await using arriving = new Arriving();
  using client = arriving.connect(PROXY);
  await client.send("PROXY ");
  await client.transport.closeWrite();
  assertEquals(await client.rest(), "");
  assertEquals(arriving.refusals, [
    `${PROXY}, proxy header: the connection has ended before it`,
  ]);
});

Deno.test("a header has to come within five seconds, however it drips", async () => {
  await using arriving = new Arriving();
  using client = arriving.connect(PROXY);
  for (const octet of "PROX") {
    await client.send(octet);
    await arriving.clock.advance(1_000);
  }
  assertEquals(arriving.refusals, []);
  await arriving.clock.advance(1_000);
  assertEquals(await client.rest(), "");
  assertEquals(arriving.refusals, [`${PROXY}, proxy header: it did not come in time`]);
});

Deno.test("no header is read from a client that is not a trusted proxy", async () => {
  await using arriving = new Arriving();
  using client = arriving.connect("192.0.2.66");
  await client.send("PROXY TCP4 127.0.0.1 198.51.100.1 1 25\r\n");
  assertMatch(await client.reply(), /^220/);
  assertMatch(await client.reply(), /^500 5\.5\.2/);
  await client.say("EHLO client.test");
  await client.say("MAIL FROM:<a@b.test>");
  assertMatch(await client.say("RCPT TO:<joe@elsewhere.test>"), /^550 5\.7\.1/);
});

Deno.test("permits are those of the client behind the proxy", async () => {
  await using arriving = new Arriving({ limits: { maxConnectionsPerIp: 1 } });
  const connect = (address: string) => {
    const client = arriving.connect(PROXY);
    client.send(`PROXY TCP4 ${address} 198.51.100.1 1 25\r\n`);
    return client;
  };
  using one = connect("192.0.2.7");
  using two = connect("192.0.2.8");
  assertMatch(await one.reply(), /^220/);
  assertMatch(await two.reply(), /^220/);
  using three = connect("192.0.2.7");
  assertMatch(await three.rest(), /^421 4\.3\.2 Too many connections/);
  assertEquals(arriving.refusals, ["192.0.2.7, connect: too many from this address"]);
});

Deno.test("connections that wait for a header are no more than there may be sessions", async () => {
  await using arriving = new Arriving({ limits: { maxConnections: 2 } });
  using one = arriving.connect(PROXY);
  using two = arriving.connect(PROXY);
  using three = arriving.connect(PROXY);
  assertEquals(await three.rest(), "");
  await one.send("PROXY UNKNOWN\r\n");
  await two.send("PROXY UNKNOWN\r\n");
  assertMatch(await one.reply(), /^220/);
  assertMatch(await two.reply(), /^220/);
});

Deno.test("a server that stops does not wait for headers", async () => {
  const arriving = new Arriving();
  using client = arriving.connect(PROXY);
  const drained = arriving.server.drain(10_000);
  assertEquals(await client.rest(), "");
  await drained;
  assertEquals(arriving.refusals, [`${PROXY}, proxy header: the server stops`]);
});

const DELAY = { greetingDelay: 3_000 };

Deno.test("a client that waits for a late greeting is served", async () => {
  await using arriving = new Arriving({ limits: DELAY });
  using client = arriving.connect("192.0.2.7");
  const greeting = client.reply();
  let isGreeted = false;
  greeting.then(() => void (isGreeted = true));
  await arriving.clock.advance(2_999);
  assertEquals(isGreeted, false);
  await arriving.clock.advance(1);
  assertMatch(await greeting, /^220/);
  assertMatch(await client.say("EHLO client.test"), /^250-/);
  for (let i = 0; i < 3; i++) assertEquals(await client.say("NOOP"), "250 2.0.0 Ok\r\n");
  const long = `VRFY ${"x".repeat(490)}`;
  assertEquals(await client.sayAll(...new Array(5).fill(long)), new Array(5).fill("252"));
  assertMatch(await client.say("QUIT"), /^221/);
  assertEquals(await client.rest(), "");
});

Deno.test("a client that talks before a late greeting is told 554 and closed", async () => {
  await using arriving = new Arriving({ limits: DELAY });
  using client = arriving.connect("192.0.2.7");
  await arriving.clock.advance(1_000);
  await client.send("EHLO client.test\r\nMAIL FROM:<a@b.test>\r\n");
  const said = await client.rest();
  assertMatch(said, /^554 5\.5\.1 You have to wait for the greeting.*\r\n$/);
  assertEquals(arriving.intake.transactions, []);
  client.close();
  await settle();
  assertEquals(arriving.refusals.length, 1);
  assertMatch(arriving.refusals[0], /^192\.0\.2\.7, connect: You have to wait/);
  assertEquals(arriving.clock.waiting, 0);
});

Deno.test("a client that was told 554 and stays is cut off", async () => {
  await using arriving = new Arriving({ limits: { ...DELAY, maxConnections: 1 } });
  using client = arriving.connect("192.0.2.7");
  await client.send("x");
  assertMatch(await client.rest(), /^554/);
  using other = arriving.connect("192.0.2.8");
  assertMatch(await other.rest(), /^421/);
  await arriving.clock.advance(2_000);
  // Its permit is free again.
  using last = arriving.connect("192.0.2.9");
  const greeting = last.reply();
  await arriving.clock.advance(3_000);
  assertMatch(await greeting, /^220/);
});

Deno.test("a client that talks behind its proxy's header has talked early", async () => {
  await using arriving = new Arriving({ limits: DELAY });
  using client = arriving.connect(PROXY);
  await client.send("PROXY TCP4 192.0.2.7 198.51.100.1 1 25\r\nEHLO client.test\r\n");
  assertMatch(await client.rest(), /^554 5\.5\.1/);
});

Deno.test("a client that leaves before a late greeting frees its permit", async () => {
  await using arriving = new Arriving({ limits: { ...DELAY, maxConnections: 1 } });
  arriving.connect("192.0.2.7").close();
  await settle();
  using client = arriving.connect("192.0.2.8");
  const greeting = client.reply();
  await arriving.clock.advance(3_000);
  assertMatch(await greeting, /^220/);
});

Deno.test("clients that may relay, and this host, are greeted at once", async () => {
  await using arriving = new Arriving({ limits: DELAY });
  for (const address of ["127.0.0.1", "::1"]) {
    using client = arriving.connect(address);
    assertMatch(await client.reply(), /^220/);
  }
});

Deno.test("a client that waits for its greeting is told 421 when the server stops", async () => {
  const arriving = new Arriving({ limits: DELAY });
  using client = arriving.connect("192.0.2.7");
  const drained = arriving.server.drain(10_000);
  assertEquals(await client.rest(), STOPPING);
  await drained;
  assertEquals(arriving.clock.waiting, 0);
});
