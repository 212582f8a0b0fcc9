import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { FakeClock } from "../net/fake_clock.ts";
import {
  accessOf,
  ask,
  ID,
  requestOf,
  routeTable,
  sendRaw,
  start,
  statusOf,
  TOKEN,
} from "./fixture.ts";

Deno.test("every route and the page are closed to names that are not ours", async (t) => {
  await using world = start();
  const { port } = world.server.address;
  const paths = routeTable().map(({ method, path }) =>
    [method, path.replace("{id}", ID).replace("{index}", "0")] as const
  );
  for (const [method, path] of [...paths, ["GET", "/"], ["GET", "/nothing"]] as const) {
    await t.step(`${method} ${path}`, async () => {
      const foreign = requestOf(`${method} ${path} HTTP/1.1`, `Host: evil.test:${port}`);
      const answer = await sendRaw(world, foreign);
      assertEquals(statusOf(answer), 421);
      assertMatch(answer, /"code":"misdirected"/);
    });
  }
  assertEquals([world.inbox.acts, world.inbox.searches, world.inbox.watchers], [[], [], 0]);
});

const hosts: readonly (readonly [target: string, fields: string[], status: number])[] = [
  ["/api/counts", ["Host: localhost:PORT"], 200],
  ["http://127.0.0.1:PORT/api/counts", ["Host: localhost:PORT"], 200],
  ["http://evil.test/api/counts", ["Host: localhost:PORT"], 421],
  ["http://localhost:PORT@evil.test/api/counts", ["Host: localhost:PORT"], 421],
  ["http://localhost:PORT/api/counts", ["Host: evil.test"], 421],
  ["/api/counts", ["Host: evil.test@localhost:PORT"], 421],
  ["/api/counts", ["Host: localhost"], 421],
  ["/api/counts", ["Host:"], 421],
  ["/api/counts", [], 400],
  ["/api/counts", ["Host: localhost:PORT", "Host: evil.test"], 400],
  ["/api/counts", ["X-Forwarded-Host: localhost:PORT", "Host: evil.test"], 421],
];

Deno.test("target and Host must both be ours", async (t) => {
  await using world = start();
  const withPort = (text: string) => text.replaceAll("PORT", `${world.server.address.port}`);
  for (const [target, fields, status] of hosts) {
    await t.step(`${target} ${fields}`, async () => {
      const request = requestOf(`GET ${target} HTTP/1.1`, ...fields);
      assertEquals(statusOf(await sendRaw(world, withPort(request))), status);
    });
  }
});

const origins: readonly (readonly [fields: Record<string, string>, status: number])[] = [
  [{}, 202],
  [{ origin: "http://HOST" }, 202],
  [{ origin: "https://HOST" }, 202],
  [{ origin: "http://HOST", "sec-fetch-site": "same-origin" }, 202],
  [{ "sec-fetch-site": "none" }, 202],
  [{ origin: "http://evil.test" }, 403],
  [{ origin: "http://HOST.evil.test" }, 403],
  [{ origin: "http://127.0.0.1:1" }, 403],
  [{ origin: "http://127.0.0.1" }, 403],
  [{ origin: "null" }, 403],
  [{ origin: "" }, 403],
  [{ origin: "file://" }, 403],
  [{ "sec-fetch-site": "same-site" }, 403],
  [{ "sec-fetch-site": "cross-site" }, 403],
  [{ origin: "http://HOST", "sec-fetch-site": "cross-site" }, 403],
];

Deno.test("only our own page may change something", async (t) => {
  await using world = start();
  const { host } = new URL(world.server.url);
  for (const [fields, status] of origins) {
    await t.step(JSON.stringify(fields), async () => {
      const headers = new Headers(fields);
      const origin = headers.get("origin");
      if (origin !== null) headers.set("origin", origin.replace("HOST", host));
      for (const method of ["POST", "DELETE"]) {
        const path = `/api/messages/${ID}${method === "POST" ? "/seen" : ""}`;
        assertEquals((await ask(world, path, { method, headers })).status, status, method);
      }
      const read = await ask(world, "/api/counts", { headers });
      assertEquals(read.status, 200);
      for (const [name] of read.headers) assert(!name.startsWith("access-control"), name);
    });
  }
});

Deno.test("every answer has the fields that close it", async (t) => {
  await using world = start();
  const table: readonly (readonly [path: string, init: RequestInit])[] = [
    ["/", {}],
    ["/api/counts", {}],
    [`/api/messages/${ID}/raw`, {}],
    ["/nothing", {}],
    ["/api/counts", { method: "OPTIONS" }],
    ["/api/messages/hold", { method: "POST" }],
    [`/api/messages/${ID}/seen`, { method: "POST", headers: { origin: "http://evil.test" } }],
  ];
  for (const [path, init] of table) {
    await t.step(`${init.method ?? "GET"} ${path}`, async () => {
      const { headers } = await ask(world, path, init);
      assertEquals(headers.get("cache-control"), "no-store");
      assertEquals(headers.get("x-content-type-options"), "nosniff");
      assertEquals(headers.get("referrer-policy"), "no-referrer");
      assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
      assertEquals(headers.get("cross-origin-opener-policy"), "same-origin");
      assertEquals(
        headers.get("content-security-policy"),
        path === "/" ? "x 'self'" : "default-src 'none'; frame-ancestors 'none'; sandbox",
      );
    });
  }
});

Deno.test("where others can ask, everything takes a login", async (t) => {
  await using world = start([{ id: ID }], {
    hostname: "0.0.0.0",
    access: accessOf(new FakeClock()),
  });
  assertEquals(new URL(world.server.url).hostname, "localhost");
  const closed = routeTable().filter(({ isOpen }) => !isOpen);
  const paths = closed.map(({ method, path }) =>
    [method, path.replace("{id}", ID).replace("{index}", "0")] as const
  );
  assertEquals(paths.some(([, path]) => path === "/metrics"), true);
  const others = [["GET", "/"], ["GET", "/nothing"], ["GET", "/healthz/"]] as const;
  for (const [method, path] of [...paths, ...others]) {
    await t.step(`${method} ${path}`, async () => {
      const { status, headers } = await ask(world, path, { method });
      assertEquals(status, 401);
      assertEquals(headers.get("www-authenticate"), 'Basic realm="smtpd", charset="UTF-8"');
    });
  }
  assertEquals([world.inbox.acts, world.inbox.searches, world.inbox.watchers], [[], [], 0]);
  const headers = { authorization: `Bearer ${TOKEN}` };
  assertEquals((await ask(world, "/", { headers })).status, 200);
  assertEquals((await ask(world, "/api/counts", { headers })).status, 200);
});

Deno.test("where others can ask, anybody is told whether the server works", async (t) => {
  await using world = start([], { hostname: "0.0.0.0", access: accessOf(new FakeClock()) });
  const open = routeTable().filter(({ isOpen }) => isOpen).map(({ path }) => path);
  assertEquals(open, ["/healthz", "/readyz"]);
  const wrong = { authorization: "Bearer wrong-and-not-looked-at" };
  for (const path of open) {
    await t.step(path, async () => {
      assertEquals((await ask(world, path)).status, 200);
      assertEquals((await ask(world, path, { headers: wrong })).status, 200);
      assertEquals((await ask(world, path, { method: "HEAD" })).status, 200);
      assertEquals((await ask(world, path, { method: "POST" })).status, 405);
      const foreign = requestOf(`GET ${path} HTTP/1.1`, "Host: evil.test");
      assertEquals(statusOf(await sendRaw(world, foreign)), 421);
    });
  }
});

Deno.test("nothing but loopback is opened without saying who may come in", () => {
  for (const hostname of ["0.0.0.0", "::", "192.0.2.1"]) {
    assertThrows(() => start([], { hostname }), RangeError, "Cannot show the inbox at");
  }
  assertThrows(() => start([], { hostname: "localhost" }), RangeError, "it is no address");
});
