import { assertEquals } from "@std/assert";
import type { Search } from "../../lib/inbox/message_index.ts";
import { NOON } from "./fake_inbox.ts";
import { ask, ID, MISSING, OTHER, start, withJson } from "./fixture.ts";

const ACTIONS = ["hold", "release", "retry", "bounce", "seen", "unseen", "remove"] as const;
const POST = { method: "POST" };
const DELETE = { method: "DELETE" };

Deno.test("something is done to one message", async (t) => {
  await using world = start();
  for (const action of ["hold", "retry", "bounce", "seen", "unseen"] as const) {
    await t.step(action, async () => {
      const { status, json } = await ask(world, `/api/messages/${ID}/${action}`, POST);
      assertEquals([status, json], [202, { messages: 1 }]);
      assertEquals(world.inbox.acts.at(-1), [action, { ids: [ID] }]);
      const missing = await ask(world, `/api/messages/${MISSING}/${action}`, POST);
      assertEquals(missing.status, 404);
    });
  }
  const { status, json } = await ask(world, `/api/messages/${ID}`, DELETE);
  assertEquals([status, json], [202, { messages: 1 }]);
  assertEquals(world.inbox.acts.at(-1), ["remove", { ids: [ID] }]);
  assertEquals((await ask(world, `/api/messages/${MISSING}`, DELETE)).status, 404);
  assertEquals(world.lines.at(-1), [
    "info",
    "web-action",
    { client: "127.0.0.1", account: undefined, action: "remove", messages: 1 },
  ]);
});

Deno.test("held message is released, to others where they are named", async () => {
  await using world = start([{ id: ID }, { id: OTHER, state: "delivered" }]);
  const { inbox } = world;
  const plain = await ask(world, `/api/messages/${ID}/release`, POST);
  assertEquals([plain.status, plain.json], [202, { messages: 1 }]);
  assertEquals(inbox.releases.at(-1), [ID, { to: undefined, route: undefined }]);
  const body = { to: ["eve@example.org"], route: "smtp://mail.example.org" };
  const others = await ask(world, `/api/messages/${OTHER}/release`, withJson("POST", body));
  assertEquals(others.status, 202);
  assertEquals(inbox.releases.at(-1), [OTHER, body]);
  const nothing = await ask(world, `/api/messages/${OTHER}/release`, POST);
  assertEquals([nothing.status, nothing.json.error.code], [409, "conflict"]);
  assertEquals((await ask(world, `/api/messages/${MISSING}/release`, POST)).status, 404);
});

const badBodies: readonly (readonly [path: string, body: unknown, named: string])[] = [
  [`/${ID}/release`, { to: [] }, "to"],
  [`/${ID}/release`, { to: "eve@example.org" }, "to"],
  [`/${ID}/release`, { to: [1] }, "to"],
  [`/${ID}/release`, { to: new Array(1001).fill("a@b") }, "to"],
  [`/${ID}/release`, { route: 1 }, "route"],
  [`/${ID}/release`, { route: "nonsense" }, "route"],
  [`/${ID}/release`, { rout: "mx" }, "rout"],
  [`/${ID}/release`, [], "object"],
  [`/${ID}/release`, null, "object"],
  [`/${ID}/release`, "mx", "object"],
  [`/${ID}/seen`, { to: [] }, "to"],
  ["/hold", {}, "all"],
  ["/hold", { ids: [] }, "ids"],
  ["/hold", { ids: ["x"] }, "ids"],
  ["/hold", { ids: [`${ID}x`] }, "ids"],
  ["/hold", { all: "true" }, "all"],
  ["/hold", { all: false }, "all"],
  ["/hold", { all: true, ids: [ID] }, "all"],
  ["/hold?state=held", { all: true }, "all"],
  ["/hold?state=hold", {}, "state"],
  ["/hold?limit=1", {}, "limit"],
];

Deno.test("body that cannot be used is refused by the name of its member", async (t) => {
  await using world = start();
  for (const [path, body, named] of badBodies) {
    await t.step(`${path} ${JSON.stringify(body).slice(0, 40)}`, async () => {
      const { status, json } = await ask(world, `/api/messages${path}`, withJson("POST", body));
      assertEquals(status, 400);
      assertEquals(json.error.message.includes(named), true, json.error.message);
    });
  }
  assertEquals(world.inbox.acts, []);
});

const chosen: readonly (readonly [query: string, body: unknown, search: Search])[] = [
  ["", { ids: [ID, OTHER] }, { ids: [ID, OTHER] }],
  ["?to=joe@example.org&since=1h", undefined, {
    to: "joe@example.org",
    since: NOON - 3_600_000,
    ids: undefined,
  }],
  ["?state=held", { ids: [ID] }, { state: "held", ids: [ID] }],
  ["", { all: true }, {}],
];

Deno.test("something is done to those that are chosen", async (t) => {
  await using world = start([{ id: ID }, { id: OTHER }]);
  for (const [query, body, search] of chosen) {
    for (const action of ACTIONS) {
      await t.step(`${action} ${query} ${JSON.stringify(body)}`, async () => {
        const method = action === "remove" ? "DELETE" : "POST";
        const path = action === "remove" ? "/api/messages" : `/api/messages/${action}`;
        const init = body === undefined ? { method } : withJson(method, body);
        const { status } = await ask(world, path + query, init);
        assertEquals(status, 202);
        assertEquals(world.inbox.acts.at(-1), [action, search]);
      });
    }
  }
});

Deno.test("nothing is done where nothing was chosen", async () => {
  await using world = start();
  assertEquals((await ask(world, "/api/messages/hold", POST)).status, 400);
  assertEquals((await ask(world, "/api/messages", DELETE)).status, 400);
  assertEquals(world.inbox.acts, []);
});

Deno.test("body is JSON in UTF-8 of a bounded size", async (t) => {
  await using world = start();
  const json = { "content-type": "application/json; charset=utf-8" };
  const table: readonly (readonly [string, RequestInit, number])[] = [
    ["JSON", { body: `{"ids":["${ID}"]}`, headers: json }, 202],
    [
      "a form",
      { body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } },
      415,
    ],
    ["plain text", { body: `{"all":true}` }, 415],
    ["almost JSON", { body: "{}", headers: { "content-type": "application/jsonx" } }, 415],
    ["half of an object", { body: `{"all":`, headers: json }, 400],
    ["no UTF-8", { body: Uint8Array.of(0x22, 0xff, 0x22), headers: json }, 400],
    ["deep lists", { body: "[".repeat(60_000), headers: json }, 400],
    ["too many octets", { body: " ".repeat(65_537), headers: json }, 413],
    ["too many octets in chunks", {
      body: ReadableStream.from([new Uint8Array(40_000), new Uint8Array(40_000)]),
      headers: json,
    }, 413],
  ];
  for (const [name, init, status] of table) {
    await t.step(name, async () => {
      const said = await ask(world, "/api/messages/seen", { method: "POST", ...init });
      assertEquals(said.status, status);
    });
  }
});
