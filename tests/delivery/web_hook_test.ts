import { assert, assertEquals, assertMatch } from "@std/assert";
import { beginWebHook } from "../../lib/delivery/web_hook.ts";
import { type Clock, systemClock } from "../../lib/net/clock.ts";
import type { LogFields } from "../../lib/net/log.ts";
import type { WebHop } from "../../lib/relay/next_hop.ts";
import type { OutletTransaction } from "../../lib/relay/outlet.ts";
import { parseWeb } from "../../lib/relay/web_route.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";
import { formatReply, isPositive } from "../../lib/smtp/reply.ts";

const utf8 = new TextEncoder();
const SENDER: Mailbox = { localPart: "ann", domain: "example.net" };
const JOE: Mailbox = { localPart: "joe", domain: "example.org" };
const SECRET = /secret|c2VjcmV0/;

/** A clock on which a minute is a moment. */
const hasty: Clock = {
  now: () => systemClock.now(),
  after: (delay, wake) => systemClock.after(delay / 200, wake),
};

/** Runs a test with a web hook, whose URL has a password, a path and a query that nobody may see. */
async function withHook(
  answer: (request: Request) => Response | Promise<Response>,
  test: (hop: WebHop) => Promise<void>,
): Promise<void> {
  const broken = new Response("broken", { status: 500 });
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => broken };
  const server = Deno.serve(options, answer);
  try {
    await test(parseWeb(`http://joe:secret@127.0.0.1:${server.addr.port}/secret?token=secret`));
  } finally {
    await server.shutdown();
  }
}

interface Delivery {
  readonly to?: readonly Mailbox[];
  readonly from?: Mailbox | null;
  readonly content?: readonly (string | Uint8Array)[];
  readonly clock?: Clock;
  readonly trace?: string;
  readonly log?: (level: string, event: string, fields: LogFields) => void;
}

async function begin(
  hop: WebHop,
  { to = [JOE], from = SENDER, clock, log }: Delivery = {},
): Promise<OutletTransaction> {
  const transaction = beginWebHook(hop, from, { clock, log });
  for (const forwardPath of to) {
    assert(isPositive(await transaction.rcpt({ forwardPath })), forwardPath.localPart);
  }
  return transaction;
}

async function finish(transaction: OutletTransaction): Promise<string> {
  const outcome = await transaction.end();
  assert("code" in outcome);
  const said = formatReply(outcome).trimEnd();
  assert(!SECRET.test(said), said);
  return said;
}

async function deliver(hop: WebHop, delivery: Delivery = {}): Promise<string> {
  const transaction = await begin(hop, delivery);
  const refusal = await transaction.data(delivery.trace ?? "");
  if (refusal !== undefined) return formatReply(refusal).trimEnd();
  for (const part of delivery.content ?? ["Subject: hi\r\n\r\nhow are you?\r\n"]) {
    const slice = typeof part === "string" ? utf8.encode(part) : part.slice();
    await transaction.write(slice);
    slice.fill(0x58);
  }
  return await finish(transaction);
}

Deno.test("a web hook is posted the message, octet by octet, with its envelope in header fields", async () => {
  const everyOctet = new Uint8Array(3_000_000).map((_, i) => i * 31 >> 3);
  const content = [everyOctet.subarray(0, 7), everyOctet.subarray(7, 70_000)];
  content.push(everyOctet.subarray(70_000));
  const seen: { method: string; url: string; headers: Headers; octets: Uint8Array }[] = [];
  await withHook(async (request) => {
    const { method, url } = request;
    const headers = new Headers(request.headers);
    seen.push({ method, url, headers, octets: await request.bytes() });
    return new Response("stored as 7\nmore");
  }, async (hop) => {
    const to = [JOE, { localPart: 'a b,"c', domain: "x.test" }, {
      localPart: "ü",
      domain: "x.test",
    }];
    assertEquals(
      await deliver(hop, { to, content, trace: "Received: x\r\n" }),
      "250 2.0.0 200 stored as 7",
    );
    assertEquals(await deliver(hop, { from: null }), "250 2.0.0 200 stored as 7");
  });
  const [{ method, url, headers, octets }, second] = seen;
  assertEquals(method, "POST");
  assertMatch(url, /\/secret\?token=secret$/);
  const fields = ["content-type", "smtp-reverse-path", "smtp-forward-path", "authorization"];
  assertEquals(fields.map((name) => headers.get(name)), [
    "message/rfc822",
    "ann@example.net",
    "joe@example.org,%22a%20b%2C%5C%22c%22@x.test,%C3%BC@x.test",
    "Basic am9lOnNlY3JldA==",
  ]);
  assertEquals(second.headers.get("smtp-reverse-path"), "");
  assertEquals(new TextDecoder().decode(octets.subarray(0, 13)), "Received: x\r\n");
  assertEquals(octets.length, 13 + everyOctet.length);
  assert(octets.subarray(13).every((octet, i) => octet === everyOctet[i]));
});

Deno.test("an address cannot write a header field of its own", async () => {
  await withHook((request) => {
    assertEquals(request.headers.get("x-evil"), null);
    return new Response(request.headers.get("smtp-forward-path"));
  }, async (hop) => {
    const to = [{ localPart: "a\r\nX-Evil: b\ud800", domain: "x.test" }];
    assertEquals(
      await deliver(hop, { to }),
      "250 2.0.0 200 %22a%0D%0AX-Evil%3A%20b%EF%BF%BD%22@x.test",
    );
  });
});

Deno.test("the status and the first line of an answer make the reply", async () => {
  const table: [status: number, body: string | null, said: string][] = [
    [200, "", "250 2.0.0 The web hook answered 200"],
    [204, null, "250 2.0.0 The web hook answered 204"],
    [202, "\n ok \nmore", "250 2.0.0 202 ok"],
    [302, "go", "451 4.3.5 The web hook answered 302, a redirection, which is not followed"],
    [304, null, "451 4.3.5 The web hook answered 304, a redirection, which is not followed"],
    [400, "no", "554 5.3.0 400 no"],
    [404, "", "554 5.3.0 The web hook answered 404"],
    [408, "late", "451 4.3.0 408 late"],
    [425, "early", "451 4.3.0 425 early"],
    [429, "slow down", "451 4.3.0 429 slow down"],
    [500, "a\x1b[2J\r\n250 ok", "451 4.3.0 500 a\\x1b[2J"],
    [503, "y".repeat(100_000), `451 4.3.0 503 ${"y".repeat(400)}`],
  ];
  let asked = 0;
  for (const [status, body, said] of table) {
    await withHook(async (request) => {
      asked++;
      await request.bytes();
      return new Response(body, { status, headers: { location: "/elsewhere" } });
    }, async (hop) => assertEquals(await deliver(hop), said));
  }
  assertEquals(asked, table.length);
});

Deno.test("an acceptance that comes before the message is whole does not cut it off", async () => {
  const content = Array.from({ length: 64 }, () => new Uint8Array(64 * 1024));
  let octets = 0;
  await withHook((request) => {
    const body = new ReadableStream({
      async start(to) {
        to.enqueue(utf8.encode("reading\n"));
        for await (const part of request.body ?? []) octets += part.length;
        to.close();
      },
    });
    return new Response(body);
  }, async (hop) => assertEquals(await deliver(hop, { content }), "250 2.0.0 200 reading"));
  assertEquals(octets, 64 * 64 * 1024);
});

Deno.test("an acceptance of a part of the message is none", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hangUp = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
    await connection.write(utf8.encode("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"));
  })();
  const content = Array.from({ length: 256 }, () => new Uint8Array(64 * 1024));
  const hop = parseWeb(`http://127.0.0.1:${listener.addr.port}/`);
  assertMatch(await deliver(hop, { content }), /^451 4\./);
  await hangUp;
});

Deno.test("a refusal that comes before the message is whole is the outcome", async () => {
  const content = Array.from({ length: 256 }, () => new Uint8Array(64 * 1024));
  await withHook(() => new Response("too large", { status: 413 }), async (hop) => {
    assertEquals(await deliver(hop, { content }), "554 5.3.0 413 too large");
  });
});

Deno.test("an answer that never ends is taken by its status and beginning", async () => {
  const many = utf8.encode("yes\n".repeat(10_000));
  const endless = () => new ReadableStream({ pull: (to) => to.enqueue(many) });
  const stuck = () => new ReadableStream({ start: (to) => to.enqueue(utf8.encode("yes\n")) });
  for (const body of [endless, stuck]) {
    await withHook(async (request) => {
      await request.bytes();
      return new Response(body());
    }, async (hop) => assertEquals(await deliver(hop, { clock: hasty }), "250 2.0.0 200 yes"));
  }
});

Deno.test("a web hook that does not read or does not answer is given up", async () => {
  const large = Array.from({ length: 256 }, () => new Uint8Array(64 * 1024));
  for (const content of [["x"], large]) {
    const end = Promise.withResolvers<Response>();
    await withHook(() => end.promise, async (hop) => {
      const said = await deliver(hop, { content, clock: hasty });
      end.resolve(new Response());
      assertEquals(said, "451 4.4.2 The web hook took too long");
    });
  }
});

Deno.test("a web hook that cannot be reached puts the message off, and no secret gets into the log", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const logged: string[] = [];
  const hop = parseWeb(`http://joe:secret@127.0.0.1:${port}/secret?token=secret`);
  const log = (...event: unknown[]) => logged.push(JSON.stringify(event));
  assertEquals(await deliver(hop, { log }), "451 4.4.1 The web hook cannot be reached now");
  assertEquals(logged.length, 1);
  assert(!SECRET.test(logged[0]), logged[0]);
  assertMatch(logged[0], /web-hook-failed.*127\.0\.0\.1.*refused/i);
});

Deno.test("a web hook that hangs up puts the message off", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const hangUp = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1000));
  })();
  const { port } = listener.addr;
  const said = await deliver(parseWeb(`http://127.0.0.1:${port}/`));
  await hangUp;
  assertEquals(said, "451 4.4.1 The web hook cannot be reached now");
});

Deno.test("a message that breaks off never ends its request", async () => {
  const outcome = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  await withHook(async (request) => {
    try {
      for await (const _ of request.body ?? []) begun.resolve();
      outcome.resolve("whole");
    } catch {
      outcome.resolve("broken off");
    }
    return new Response();
  }, async (hop) => {
    const transaction = await begin(hop);
    await transaction.data("");
    await transaction.write(utf8.encode("Subject: hi\r\n"));
    await begun.promise;
    transaction.abort();
    transaction.abort();
    assertEquals(await outcome.promise, "broken off");
    await transaction.write(utf8.encode("more"));
    assertEquals(await finish(transaction), "451 4.3.0 This delivery was given up");
  });
});

Deno.test("recipients have their limit, and must be there", async () => {
  const hop = parseWeb("http://127.0.0.1:9/");
  const to = Array.from({ length: 20 }, (_, i) => ({ localPart: `u${i}`, domain: "example.org" }));
  const transaction = await begin(hop, { to });
  const reply = await transaction.rcpt({ forwardPath: JOE });
  assertEquals([reply.code, reply.enhanced], [452, "4.5.3"]);
  transaction.abort();
  assertEquals(await deliver(hop, { to: [] }), "554 5.5.1 No valid recipients");
});
