import {
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ListenError } from "../../lib/net/server.ts";
import { ReaderBusyError } from "../../lib/inbox/content_reader.ts";
import { StoreFullError } from "../../lib/queue/store.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { ask, ID, requestOf, sendRaw, start, statusOf } from "./fixture.ts";

const targets: readonly (readonly [target: string, status: number])[] = [
  ["/", 200],
  ["/healthz", 200],
  ["/readyz", 200],
  ["/api/counts?", 200],
  ["/api/messages/../../etc/passwd", 404],
  ["/api/messages/%2e%2e/%2e%2e/etc/passwd", 404],
  ["/../etc/passwd", 404],
  ["/..", 404],
  ["/.git/config", 404],
  ["//", 404],
  ["//evil.test/", 404],
  ["/api//counts", 404],
  ["/api/counts/", 404],
  ["/api/counts%00", 404],
  ["/api/count%73", 404],
  ["/API/counts", 404],
  ["/api", 404],
  ["/metrics", 200],
  [`/api/messages/${ID}x`, 404],
  [`/api/messages/${ID.slice(1)}`, 404],
  [`/api/messages/${ID.slice(1)}Z`, 404],
  [`/api/messages/${ID}/parts/00`, 404],
  [`/api/messages/${ID}/parts/-1`, 404],
  [`/api/messages/${ID}/parts/999999999`, 404],
  [`/api/messages/${ID}/raw/`, 404],
  ["/\\..\\x", 404],
  ["/x%0d%0aSet-Cookie:%20a=b", 404],
  ["/api/messages?subject=%0d%0aSet-Cookie:%20a=b", 200],
  ["/api/messages?%0d%0aSet-Cookie:%20a=b", 400],
  [`/api/messages?subject=${"x".repeat(8 * 1024)}`, 414],
  [`/${"x".repeat(9 * 1024)}`, 414],
  ["/api/messages?subject=#x", 200],
  ["api/counts", 400],
  ["*", 400],
];

Deno.test("target is taken as it was sent, or not at all", async (t) => {
  await using world = start();
  const host = `Host: localhost:${world.server.address.port}`;
  for (const [target, status] of targets) {
    await t.step(target.slice(0, 60), async () => {
      const answer = await sendRaw(world, requestOf(`GET ${target} HTTP/1.1`, host));
      assertEquals(statusOf(answer), status, answer.slice(0, 200));
      assertNotMatch(answer, /^set-cookie/im);
    });
  }
});

Deno.test("method that a path does not have is 405 with those that it has", async (t) => {
  await using world = start();
  const host = `Host: localhost:${world.server.address.port}`;
  const table: readonly (readonly [string, string, string])[] = [
    ["POST", "/api/counts", "GET, HEAD"],
    ["PUT", "/api/messages", "GET, HEAD, DELETE"],
    ["OPTIONS", `/api/messages/${ID}`, "GET, HEAD, DELETE"],
    ["GET", `/api/messages/${ID}/hold`, "POST"],
    ["HEAD", "/api/messages/hold", "POST"],
    ["DELETE", "/", "GET, HEAD"],
    ["TRACE", "/healthz", "GET, HEAD"],
  ];
  for (const [method, path, allow] of table) {
    await t.step(`${method} ${path}`, async () => {
      const answer = await sendRaw(world, requestOf(`${method} ${path} HTTP/1.1`, host));
      assertEquals(statusOf(answer), 405);
      assertEquals(/^allow: (.*)\r$/m.exec(answer)?.[1], allow);
    });
  }
});

Deno.test("body that does not come is not waited for without end", async () => {
  await using world = start();
  const host = `Host: localhost:${world.server.address.port}`;
  const fields = [host, "Content-Type: application/json", "Content-Length: 10"];
  const answer = sendRaw(world, requestOf("POST /api/messages/hold HTTP/1.1", ...fields));
  while (world.clock.waiting === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await world.clock.advance(30_000);
  assertEquals(statusOf(await answer), 408);
});

Deno.test("body whose length is too large is refused before it comes", async () => {
  await using world = start();
  const host = `Host: localhost:${world.server.address.port}`;
  const fields = [host, "Content-Type: application/json", "Content-Length: 99999999"];
  const answer = await sendRaw(world, requestOf("POST /api/messages/hold HTTP/1.1", ...fields));
  assertEquals(statusOf(answer), 413);
});

Deno.test("bug is logged, and not told", async () => {
  await using world = start();
  world.inbox.failure = new Error("secret of /var/spool");
  const { status, text } = await ask(world, "/api/messages?subject=private");
  assertEquals(status, 500);
  assertEquals(JSON.parse(text), {
    error: { code: "bug", message: "Something went wrong here: the log says what" },
  });
  const [level, event, fields] = world.lines[0];
  assertEquals([level, event], ["error", "bug"]);
  assertMatch(String(fields.error), /secret of \/var\/spool\n\s+at /);
  assertNotMatch(JSON.stringify(fields), /private/);
});

Deno.test("trouble of the store is no bug", async () => {
  await using world = start();
  for (
    const [failure, status] of [
      [new ReaderBusyError("Cannot read it now"), 503],
      [new StoreFullError("Cannot take more"), 503],
      [new StoreError("busy", "Cannot write now"), 503],
      [new StoreError("missing", "Cannot read message"), 404],
    ] as const
  ) {
    world.inbox.failure = failure;
    assertEquals((await ask(world, `/api/messages/${ID}`)).status, status, failure.message);
  }
  assertEquals(world.lines.some(([, event]) => event === "bug"), false);
});

Deno.test("a thousand requests are under way at most, and waits are counted apart", async () => {
  await using world = start([]);
  const { clock, inbox } = world;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  inbox.onWait = () => ++waiting === 1001 ? resolve() : undefined;
  const waits = Array.from({ length: 1001 }, () => ask(world, "/api/wait"));
  await all;
  assertEquals((await ask(world, "/api/counts")).status, 200);
  await clock.advance(10_000);
  assertEquals((await Promise.all(waits)).every(({ status }) => status === 408), true);
});

Deno.test("one request more than a thousand is told to come again", async () => {
  const stuck = Promise.withResolvers<undefined>();
  const { promise: full, resolve } = Promise.withResolvers<void>();
  let count = 0;
  await using world = start([], {
    page(path) {
      if (path !== "/slow") return Promise.resolve(undefined);
      if (++count === 1000) resolve();
      return stuck.promise;
    },
  });
  const requests = Array.from({ length: 1000 }, () => ask(world, "/slow"));
  await full;
  const refused = await ask(world, "/api/counts");
  assertEquals([refused.status, refused.json.error.code], [503, "unavailable"]);
  stuck.resolve(undefined);
  await Promise.all(requests);
  assertEquals((await ask(world, "/api/counts")).status, 200);
});

Deno.test("drain lets a request end, and answers no other", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<undefined>();
  await using world = start([], {
    page() {
      asked.resolve();
      return answer.promise;
    },
  });
  const request = ask(world, "/slow");
  await asked.promise;
  const drained = world.server.drain(60_000);
  assertEquals((await ask(world, "/healthz")).status, 503);
  answer.resolve(undefined);
  assertEquals((await request).status, 404);
  // The time that it is given to arrive begins when it was handed over.
  while (world.clock.waiting < 2) await new Promise((resolve) => setTimeout(resolve));
  await world.clock.advance(200);
  await drained;
  await world.server.finished;
  const { address, port } = world.server.address;
  await assertRejects(
    () => Deno.connect({ hostname: address, port }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("drain does not wait for a client that does not send its body", async () => {
  await using world = start();
  const { address, port } = world.server.address;
  using connection = await Deno.connect({ hostname: address, port });
  const fields = [`Host: localhost:${port}`, "Content-Length: 10"];
  const request = requestOf("POST /nothing HTTP/1.1", ...fields);
  await connection.write(new TextEncoder().encode(request));
  await connection.read(new Uint8Array(10));
  const drained = world.server.drain(60_000);
  while (world.clock.waiting < 2) await new Promise((resolve) => setTimeout(resolve));
  await world.clock.advance(200);
  await drained;
});

Deno.test("drain ends what takes too long", async () => {
  const asked = Promise.withResolvers<void>();
  await using world = start([], {
    page() {
      asked.resolve();
      return new Promise(() => {});
    },
  });
  const request = ask(world, "/slow").then(() => "answered", () => "cut off");
  await asked.promise;
  const drained = world.server.drain(60_000);
  await world.clock.advance(60_000);
  await drained;
  assertEquals(await request, "cut off");
});

Deno.test("port that is taken is an error that names it", async () => {
  await using world = start();
  const { port } = world.server.address;
  const error = assertThrows(() => start([], { port }), ListenError, `port ${port}`);
  assertEquals(error.cause instanceof Deno.errors.AddrInUse, true);
});
