import { assert, assertEquals } from "@std/assert";
import { offerMessage, type RelayResult } from "../../lib/relay/offer.ts";
import { parseRoute } from "../../lib/relay/route.ts";
import type { RemoteOptions } from "../../lib/relay/transaction.ts";
import { dnsTable, noShuffle } from "./dns_table.ts";
import { envelope, RULES, slices } from "./fake_relay.ts";

type Serve = (connection: Deno.TcpConn, say: (text: string) => Promise<unknown>) => Promise<void>;

/** Listens on loopback and gives the first connection to `serve`. */
function host(hostname: string, serve: Serve) {
  const listener = Deno.listen({ hostname, port: 0 });
  const served = (async () => {
    const connection = await listener.accept();
    try {
      const utf8 = new TextEncoder();
      await serve(connection, (text) => connection.write(utf8.encode(`${text}\r\n`)));
    } catch {
      // The other end went away.
    } finally {
      connection.close();
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      await served;
      listener.close();
    },
  };
}

/** Reads until a text has come, and answers all that came. */
async function until(connection: Deno.TcpConn, text: string): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65536);
  let input = "";
  while (!input.includes(text)) {
    const length = await connection.read(buffer);
    if (length === null) throw new Error(`Cannot read ${text}`);
    input += decoder.decode(buffer.subarray(0, length));
  }
  return input;
}

/** Plays a host up to the mail data. */
async function toData(connection: Deno.TcpConn, say: (text: string) => Promise<unknown>) {
  await say("220 fake.test");
  await until(connection, "EHLO us.test\r\n");
  await say("250-fake.test\r\n250 PIPELINING");
  await until(connection, "RCPT TO:<ann@x.test>\r\n");
  await say("250 ok\r\n250 ok");
  await until(connection, "DATA\r\n");
  await say("354 go on");
}

function send(remote: Partial<RemoteOptions>, port: number, content: string, addresses: string[]) {
  const dns = dnsTable({ "x.test": { a: addresses } });
  const resolver = { dns, random: noShuffle, mxPort: port, allowLocal: true };
  const message = { ...envelope(["ann@x.test"]), content: slices(content, 65536) };
  return offerMessage(message, {
    route: parseRoute("mx"),
    relaying: RULES,
    remote: { heloName: "us.test", resolver, ...remote },
  });
}

const codes = ([{ status, reply }]: RelayResult[]) => `${status} ${reply.code} ${reply.enhanced}`;

Deno.test("relay goes from a dead address to a live one over TCP", async () => {
  let message = "";
  await using live = host("127.0.0.2", async (connection, say) => {
    await toData(connection, say);
    message = await until(connection, "\r\n.\r\n");
    await say("250 2.0.0 queued");
    await until(connection, "QUIT\r\n");
    await say("221 bye");
  });
  const results = await send({}, live.port, "x: y\r\n\r\nz\r\n", ["127.0.0.1", "127.0.0.2"]);
  assertEquals(codes(results), "delivered 250 2.0.0");
  assertEquals(results[0].address, "127.0.0.2");
  assertEquals(message, "x: y\r\n\r\nz\r\n.\r\n");
});

Deno.test("relay gives up a TCP connection that is not taken in time", async () => {
  // The queue of a listener that accepts nothing is filled, so that a further connection hangs.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr;
  const fillers: Deno.TcpConn[] = [];
  try {
    for (let i = 0; i < 16; i++) {
      fillers.push(await Deno.connect({ port, signal: AbortSignal.timeout(50) }));
    }
  } catch {
    // It is full.
  }
  assert(fillers.length < 16);
  const start = performance.now();
  const results = await send({ timeouts: { connect: 100 } }, port, "x\r\n", ["127.0.0.1"]);
  for (const filler of fillers) filler.close();
  assertEquals(codes(results), "deferred 451 4.4.1");
  assertEquals(results[0].reply.lines, [
    "x.test[127.0.0.1] cannot be reached: the connection took too long",
  ]);
  assert(performance.now() - start < 3_000);
});

Deno.test("relay notices a refusal in the midst of the mail data over TCP", async () => {
  await using live = host("127.0.0.1", async (connection, say) => {
    await toData(connection, say);
    await connection.read(new Uint8Array(1000));
    await say("552 5.3.4 too big");
    // What is not read when this end closes resets the connection.
  });
  const content = "0123456789abcdef\r\n".repeat(2_000_000);
  const results = await send({}, live.port, content, ["127.0.0.1"]);
  assert(["failed 554 5.3.4", "deferred 451 4.4.2"].includes(codes(results)), codes(results));
});

Deno.test("relay notices a connection that ends in the midst of the mail data", async () => {
  await using live = host("127.0.0.1", async (connection, say) => {
    await toData(connection, say);
    await connection.read(new Uint8Array(1000));
  });
  const content = "0123456789abcdef\r\n".repeat(2_000_000);
  const results = await send({}, live.port, content, ["127.0.0.1"]);
  assertEquals(codes(results), "deferred 451 4.4.2");
});
