import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import {
  type ConnectionHandler,
  ListenError,
  type Server,
  startServer,
} from "../../lib/net/server.ts";
import { connectTcp } from "../../lib/net/tcp_transport.ts";
import { Client } from "./client.ts";
import { FakeClock, settle } from "./fake_clock.ts";
import { RecordingIntake } from "./recording_intake.ts";
import { type LogEvent, serverOptions, type SessionOptions } from "./session_fixture.ts";

const BUSY = "421 4.3.2 Too many connections, try again later\r\n";
const GOODBYE = "421 4.3.2 Service shutting down, try again later\r\n";

/** A server on loopback, or at the hosts that are given. */
class TestServer implements AsyncDisposable {
  readonly intake: RecordingIntake;
  readonly events: LogEvent[] = [];
  readonly server: Server;

  constructor(
    options: SessionOptions & { hosts?: string[]; port?: number; clock?: FakeClock } = {},
    handle?: ConnectionHandler,
  ) {
    this.intake = new RecordingIntake(options.answers);
    const settings = serverOptions(options, this.intake, this.events);
    const { hosts = settings.hosts, port = 0, clock } = options;
    this.server = startServer({ ...settings, hosts, services: [{ port }], clock }, handle);
  }

  get port(): number {
    return this.server.endpoints[0].port;
  }

  async connect(hostname = "127.0.0.1"): Promise<Client> {
    return new Client(await connectTcp({ hostname, port: this.port }));
  }

  /** A client that did not come through a listener. */
  join(): Client {
    const [client, server] = memoryPair();
    this.server.serve(server);
    return new Client(client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.intake.assertContract();
  }
}

/** Sends a message; answers the reply to it. */
async function deliver(client: Client, to = "b@example.org"): Promise<string> {
  await client.greet();
  const begun = await client.begin("a@example.org", to);
  return begun.startsWith("354") ? await client.say("Subject: x\r\n\r\nbody\r\n.") : begun;
}

Deno.test("a server listens at several hosts on one port, which the system may pick", async () => {
  await using server = new TestServer({ hosts: ["127.0.0.1", "127.0.0.2", "::1"] });
  const { endpoints } = server.server;
  assertEquals(endpoints.map(({ address }) => address), ["127.0.0.1", "127.0.0.2", "::1"]);
  assertEquals(new Set(endpoints.map(({ port }) => port)).size, 1);
  for (const { address } of endpoints) {
    using client = await server.connect(address);
    assertMatch(await client.reply(), /^220/);
  }
});

Deno.test("a server at every address takes IPv4 and IPv6, and shows IPv4 clients as IPv4", async () => {
  const seen: string[] = [];
  await using server = new TestServer({
    hosts: [],
    hooks: { connect: ({ remote, local }) => void seen.push(`${remote.address} ${local.address}`) },
  });
  // Relaying is allowed to 127.0.0.1 alone.
  for (const [address, said] of [["127.0.0.1", /^250/], ["::1", /^503/]] as const) {
    using client = await server.connect(address);
    assertMatch(await deliver(client, "b@elsewhere.example"), said);
  }
  assertEquals(seen, ["127.0.0.1 127.0.0.1", "::1 ::1"]);
  assertEquals(server.intake.messages.length, 1);
  assert(server.intake.messages[0].trace.includes("([127.0.0.1])"));
});

Deno.test("a port that is taken at one of the hosts is an error, and none stays bound", () => {
  using taken = Deno.listen({ hostname: "::1", port: 0 });
  const { port } = taken.addr;
  const error = assertThrows(
    () => new TestServer({ hosts: ["127.0.0.1", "127.0.0.2", "::1"], port }),
    ListenError,
    `Cannot listen on port ${port}`,
  );
  assert(error.cause instanceof Deno.errors.AddrInUse);
  for (const hostname of ["127.0.0.1", "127.0.0.2"]) Deno.listen({ hostname, port }).close();
});

Deno.test("a port that is taken is an error for a server at every address", () => {
  for (const hostname of ["0.0.0.0", "::", "127.0.0.1"]) {
    using taken = Deno.listen({ hostname, port: 0 });
    const { port } = taken.addr;
    const error = assertThrows(() => new TestServer({ hosts: [], port }), ListenError);
    assert(error.cause instanceof Deno.errors.AddrInUse);
  }
});

Deno.test("connections over the limit are told 421, and permits come back", async () => {
  for (const limits of [{ maxConnections: 2 }, { maxConnectionsPerIp: 2 }]) {
    const left: PromiseWithResolvers<void>[] = [];
    await using server = new TestServer({ limits }, async (connection) => {
      const gone = Promise.withResolvers<void>();
      left.push(gone);
      await connection.run();
      gone.resolve();
    });
    using first = await server.connect();
    using second = await server.connect();
    await first.reply();
    await second.reply();
    for (let i = 0; i < 3; i++) {
      using third = await server.connect();
      assertEquals(await third.rest(), BUSY);
    }
    assertEquals(server.server.sessions, 2);
    assertMatch(await first.say("QUIT"), /^221/);
    await left[0].promise;
    await settle();
    using fourth = await server.connect();
    assertMatch(await fourth.reply(), /^220/);
    const refused = server.events.filter(({ event }) => event === "refused");
    assertEquals(refused.map(({ fields }) => fields.cause), Array(3).fill("connections"));
  }
});

Deno.test("the limit for one address leaves the others alone", async () => {
  await using server = new TestServer({ hosts: [], limits: { maxConnectionsPerIp: 1 } });
  using first = await server.connect("127.0.0.1");
  assertMatch(await first.reply(), /^220/);
  using second = await server.connect("127.0.0.1");
  assertEquals(await second.rest(), BUSY);
  using other = await server.connect("::1");
  assertMatch(await other.reply(), /^220/);
});

Deno.test("the accept loop survives clients that leave at once and handlers that fail", async () => {
  let count = 0;
  await using server = new TestServer({}, (connection) => {
    if (count++ >= 10) return connection.run();
    connection.close();
    return Promise.reject(new Error("boom"));
  });
  for (let i = 0; i < 30; i++) (await server.connect()).close();
  using client = await server.connect();
  assertMatch(await deliver(client), /^250/);
  assertEquals(server.events.filter(({ event }) => event === "bug").length, 10);
});

Deno.test("drain tells idle clients 421, lets the message on its way in, and finishes", async () => {
  const clock = new FakeClock();
  const server = new TestServer({ clock });
  const { port } = server;
  using idle = server.join();
  using sender = await server.connect();
  await idle.greet();
  await sender.greet();
  await sender.begin();
  const drained = server.server.drain(30_000);
  assertEquals(await idle.rest(), GOODBYE);
  await assertRejects(() => Deno.connect({ hostname: "127.0.0.1", port }));
  using late = server.join();
  assertEquals(await late.rest(), GOODBYE);
  await sender.send("x\r\n.\r\n");
  assertEquals(await sender.rest(), `250 2.6.0 Message ok\r\n${GOODBYE}`);
  sender.close();
  await drained;
  await server.server.finished;
  assertEquals(server.intake.messages.length, 1);
  assertEquals(clock.waiting, 0);
});

Deno.test("drain ends what is still open when its time is over", async () => {
  const clock = new FakeClock();
  const server = new TestServer({ clock });
  using stuck = server.join();
  await stuck.greet();
  await stuck.begin();
  const drained = server.server.drain(30_000);
  await clock.advance(29_000);
  assertEquals(server.intake.last.outcome, "open");
  await clock.advance(2_000);
  assertEquals(await stuck.rest(), GOODBYE);
  await clock.advance(4_000);
  await drained;
  assertEquals(server.intake.last.outcome, "aborted");
  assertEquals(clock.waiting, 0);
});

Deno.test("drain does not wait for ever for a hook that never answers", async () => {
  const clock = new FakeClock();
  const server = new TestServer({ clock, hooks: { rcpt: () => new Promise(() => {}) } });
  using stuck = server.join();
  await stuck.greet();
  await stuck.send("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n");
  await settle();
  const drained = server.server.drain(30_000);
  await clock.advance(35_000);
  await drained;
  assertEquals(await stuck.rest(), `250 2.1.0 Sender ok\r\n${GOODBYE}`);
});

Deno.test("a second stop ends what the first waits for", async () => {
  const clock = new FakeClock();
  const server = new TestServer({ clock });
  using client = server.join();
  await client.greet();
  await client.begin();
  const drained = server.server.drain(30_000);
  server.server.stop();
  server.server.stop();
  await drained;
  assertEquals(server.intake.last.outcome, "aborted");
});

Deno.test("a client reads the 421 over TCP though its input was not read", async () => {
  await using server = new TestServer();
  using client = await server.connect();
  await client.greet();
  // Fits into the buffers of the sockets, so that nothing is written once the server has gone.
  await client.send("X\r\n".repeat(20_000));
  assertMatch(await client.rest(), /^(500 [^\n]*\n){20}421 4\.7\.0 Too many errors, closing\r\n$/);
});

Deno.test("a client in mail data reads the 421 over TCP when the server stops", async () => {
  const server = new TestServer();
  using client = await server.connect();
  await client.greet();
  await client.begin();
  const sending = client.send("x".repeat(98).concat("\r\n").repeat(1000));
  server.server.stop();
  await sending;
  assertEquals(await client.rest(), GOODBYE);
  client.close();
  await server.server.finished;
});

Deno.test("a client that pipelines behind a slow hook reads the 421 when the server stops", async () => {
  const asked = Promise.withResolvers<void>();
  const server = new TestServer({
    hooks: {
      mail() {
        asked.resolve();
        return new Promise(() => {});
      },
    },
  });
  using client = await server.connect();
  await client.greet();
  await client.send("MAIL FROM:<a@example.org>\r\n");
  await asked.promise;
  await client.send("NOOP\r\n".repeat(10_000));
  server.server.stop();
  assertEquals(await client.reply(), GOODBYE);
  client.close();
  await server.server.finished;
});

Deno.test("a message of 20 MB comes through TCP as it was sent", async () => {
  await using server = new TestServer();
  using client = await server.connect();
  await client.greet();
  await client.begin();
  const part = ".dot\r\n" + "0123456789".repeat(99) + "\r\n";
  const message = part.repeat(20_000);
  await client.send(message.replace(/^\./gm, ".."));
  assertMatch(await client.say("."), /^250/);
  assert(server.intake.last.content === message);
});
