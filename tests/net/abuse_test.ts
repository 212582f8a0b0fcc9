/** Many clients at once, some of whom mean no good; all on loopback, the server in its own process. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connectTcp } from "../../lib/net/tcp_transport.ts";
import { BackgroundProcess } from "../peers.ts";
import { Client } from "./client.ts";

const MIB = 1024 * 1024;

interface Status {
  readonly rss: number;
  readonly peak: number;
  readonly messages: number;
  readonly connections: number;
}

/** The server under attack. */
class Target implements AsyncDisposable {
  readonly #process: BackgroundProcess;
  readonly #control: Client;
  readonly port: number;

  private constructor(process: BackgroundProcess, port: number, control: Client) {
    this.#process = process;
    this.port = port;
    this.#control = control;
  }

  /** Starts it; a client may take `timeout` milliseconds for a command. */
  static async start(timeout: number): Promise<Target> {
    const script = new URL("abuse_server.ts", import.meta.url).pathname;
    const process = new BackgroundProcess(Deno.execPath(), [
      "run",
      "--quiet",
      "--allow-net",
      "--allow-sys",
      script,
      String(timeout),
    ]);
    const [, port, control] = await process.line(/^ready (\d+) (\d+)$/, 30_000);
    return new Target(
      process,
      Number(port),
      new Client(await connectTcp({ hostname: "127.0.0.1", port: Number(control) })),
    );
  }

  async connect(bufferSize?: number): Promise<Client> {
    return new Client(await connectTcp({ hostname: "127.0.0.1", port: this.port }), bufferSize);
  }

  async status(): Promise<Status> {
    await this.#control.send("?\n");
    let line = "";
    while (!line.endsWith("\n")) line += await this.#control.octets(1);
    return JSON.parse(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.close();
    await this.#process.stop();
  }
}

/** Delivers one message; answers the reply to it. */
async function deliver(client: Client): Promise<string> {
  await client.greet();
  await client.begin();
  return await client.say(`Subject: x\r\n\r\n${"0123456789\r\n".repeat(300)}.`);
}

/** How a client was sent away in the end. */
async function farewell(client: Client): Promise<string> {
  return (await client.rest().catch(() => "")).split("\r\n").at(-2) ?? "";
}

const CONNECTIONS = 1000;

/** What 1,000 sessions in mail data and five abusers may add: 64 KiB a session is 62 MiB of it. */
const MOST_GROWTH = 160 * MIB;

/** How long a client may be idle here. */
const TIMEOUT = 10_000;

Deno.test("1,000 clients at once are served while others abuse the server", async () => {
  await using target = await Target.start(TIMEOUT);
  // Code that runs for the first time takes memory that is no session's.
  for (let i = 0; i < 20; i++) {
    using client = await target.connect();
    assertMatch(await deliver(client), /^250/);
  }
  const before = await target.status();

  // A client that sends a byte a second of a command that it never ends.
  using dripping = await target.connect();
  await dripping.greet();
  const drip = setInterval(() => void dripping.send("x").catch(() => {}), 1_000);

  // A client that pipelines for ever and never reads a reply.
  using deaf = await target.connect();
  await deaf.greet();
  let deafSent = 0;
  const flood = (async () => {
    const noops = "NOOP\r\n".repeat(10_000);
    for (;;) {
      await deaf.send(noops);
      deafSent += noops.length;
    }
  })().catch(() => {});

  // A client that sends a line of 100 MB.
  using longwinded = await target.connect();
  await longwinded.greet();
  const line = (async () => {
    const part = new Uint8Array(MIB).fill(120);
    for (let i = 0; i < 100; i++) await longwinded.send(part);
    return [await longwinded.say(""), await longwinded.say("NOOP")];
  })();

  // A client that pipelines 30,000 commands and reads the replies.
  using eager = await target.connect(65_536);
  await eager.greet();
  const noops = (async () => {
    const sent = eager.send("NOOP\r\n".repeat(30_000));
    const replies = await eager.octets(30_000 * "250 2.0.0 Ok\r\n".length);
    await sent;
    return replies === "250 2.0.0 Ok\r\n".repeat(30_000);
  })();

  // A client that sends mail data in single octets, each in a segment of its own.
  using picky = await target.connect();
  await picky.greet();
  await picky.begin();
  const octets = (async () => {
    for (const octet of "Subject: x\r\n".repeat(300)) await picky.send(octet);
    return await picky.say(".");
  })();

  const honest = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => target.connect()),
  );
  // Every one of them is in mail data at the same time.
  await Promise.all(honest.map(async (client) => {
    await client.greet();
    await client.begin();
  }));
  const during = await target.status();
  assert(during.connections >= CONNECTIONS, `${during.connections} sessions at once`);
  const replies = await Promise.all(
    honest.map((client) => client.say(`Subject: x\r\n\r\n${"0123456789\r\n".repeat(300)}.`)),
  );
  assertEquals(replies.filter((reply) => reply.startsWith("250 ")).length, CONNECTIONS);
  for (const client of honest) client.close();

  assertEquals(await noops, true);
  assertMatch(await octets, /^250 /);
  const [tooLong, inSync] = await line;
  assertMatch(tooLong, /^500 5\.5\.2 Line too long/);
  assertMatch(inSync, /^250 /);

  // Both are cut off, though one never stops sending and the other never stops waiting.
  await flood;
  assert(deafSent < 64 * MIB, `${deafSent} octets were taken from a client that does not read`);
  assertMatch(await farewell(dripping), /^421 4\.4\.2 /);
  clearInterval(drip);

  const after = await target.status();
  assertEquals(after.messages, before.messages + CONNECTIONS + 1);
  const grown = after.peak - before.rss;
  assert(grown < MOST_GROWTH, `the server grew by ${(grown / MIB).toFixed(1)} MiB`);
  if (Deno.env.has("TEST_VERBOSE")) {
    console.log({ before, during, after, grownMiB: grown / MIB, deafSent });
  }
});
