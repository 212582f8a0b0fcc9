import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ContentPart } from "../../lib/inbox/content.ts";
import { type Made, NOON } from "./fake_inbox.ts";
import { ask, ID, MISSING, OTHER, start, withJson } from "./fixture.ts";

const PDF: ContentPart = {
  index: 0,
  type: "application/pdf",
  name: "bill.pdf",
  inline: false,
  size: 3,
};
const LOGO: ContentPart = {
  index: 1,
  type: "image/png",
  inline: true,
  contentId: "logo@x",
  size: 2,
};
const SVG: ContentPart = { index: 2, type: "image/svg+xml", inline: false, size: 6 };

const FULL: Made = {
  id: ID,
  subject: "Your bill",
  from: "bounce@example.net",
  to: "joe@example.org",
  raw: "Subject: Your bill\r\n\r\nHi \xff\r\n",
  header: "subject: Your\n bill\nX-A: 1\nx-a: 2\n__proto__: x\n" +
    "List-Unsubscribe: <mailto:off@x.test>, (now) <https://x.test/off?a=1,2>\n" +
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n",
  content: {
    subject: "Your bill",
    from: [{ name: "Ann", address: "ann@example.net" }],
    to: [{ name: "Jörg", address: "jo@example.org" }],
    cc: [{ name: "", address: "cc@example.org" }],
    replyTo: [{ name: "", address: "reply@example.net" }],
    date: "2026-01-01T11:00:00.000Z",
    messageId: "<1@x>",
    html: '<img src="cid:logo@x"><script>x</script>',
  },
  parts: [
    [PDF, Uint8Array.of(1, 2, 3)],
    [LOGO, Uint8Array.of(4, 5)],
    [SVG, new TextEncoder().encode("<svg/>")],
  ],
};

const COMMON = {
  ID,
  MessageID: "1@x",
  From: { Name: "Ann", Address: "ann@example.net" },
  To: [{ Name: "Jörg", Address: "jo@example.org" }],
  Cc: [{ Name: "", Address: "cc@example.org" }],
  // The envelope has it, and the header section does not.
  Bcc: [{ Name: "", Address: "joe@example.org" }],
  ReplyTo: [{ Name: "", Address: "reply@example.net" }],
  Subject: "Your bill",
  Username: "",
  Tags: [],
  Size: 29,
};

Deno.test("list and search have the names of Mailpit", async () => {
  await using world = start([FULL, { id: OTHER, subject: "No header", content: { from: [] } }]);
  const item = {
    ...COMMON,
    Read: false,
    Created: "2026-01-01T12:00:00.000Z",
    Attachments: 2,
    Snippet: "Hi",
  };
  const all = await ask(world, "/api/v1/messages?limit=1");
  assertEquals(all.json, {
    total: 2,
    unread: 2,
    messages_count: 2,
    messages_unread: 2,
    count: 1,
    start: 0,
    tags: [],
    messages: [item],
  });
  const second = await ask(world, "/api/v1/messages?start=1");
  assertEquals([second.json.start, second.json.messages[0].ID], [1, OTHER]);
  assertEquals(second.json.messages[0].From, { Name: "", Address: "" });
  const found = await ask(world, "/api/v1/search?query=subject%3AYour+is%3Aunread");
  assertEquals(found.json, {
    ...all.json,
    messages_count: 1,
    messages_unread: 1,
    messages: [item],
  });
});

Deno.test("message has the names of Mailpit, and is read by being looked at", async () => {
  await using world = start([FULL]);
  const { json } = await ask(world, "/api/v1/message/latest");
  assertEquals(json, {
    ...COMMON,
    ReturnPath: "bounce@example.net",
    Date: "2026-01-01T11:00:00.000Z",
    Text: "Hi\n",
    HTML: '<img src="cid:logo@x"><script>x</script>',
    Inline: [
      { PartID: "1", FileName: "logo@x", ContentType: "image/png", ContentID: "logo@x", Size: 2 },
    ],
    Attachments: [
      { PartID: "0", FileName: "bill.pdf", ContentType: "application/pdf", ContentID: "", Size: 3 },
      { PartID: "2", FileName: "", ContentType: "image/svg+xml", ContentID: "", Size: 6 },
    ],
    ListUnsubscribe: {
      Header: "<mailto:off@x.test>, (now) <https://x.test/off?a=1,2>",
      Links: ["mailto:off@x.test", "https://x.test/off?a=1,2"],
      Errors: "",
      HeaderPost: "List-Unsubscribe=One-Click",
    },
  });
  assertEquals(world.inbox.acts, [["seen", { ids: [ID] }]]);
  const headers = await ask(world, `/api/v1/message/${ID}/headers`);
  assertEquals(Object.keys(headers.json), [
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Subject",
    "X-A",
    "__proto__",
  ]);
  assertEquals([headers.json.Subject, headers.json["X-A"]], [["Your bill"], ["1", "2"]]);
  const raw = await ask(world, "/api/v1/message/latest/raw");
  assertEquals(raw.headers.get("content-type"), "text/plain; charset=utf-8");
  assertStringIncludes(raw.text, "Subject: Your bill\r\n\r\nHi");
  assertEquals(world.inbox.acts.length, 1);
});

Deno.test("links that are no links to unsubscribe are told", async (t) => {
  const table: readonly (readonly [value: string, links: readonly string[], error: RegExp])[] = [
    ["https://x.test/", [], /^https:\/\/x\.test\/ is no/],
    ["<ftp://x.test/>", [], /is no <mailto/],
    ["<mailto:a@x>, <mailto:b@x>", ["mailto:a@x"], /<mailto:b@x> is one too many/],
    ["<https://x.test/a>, <http://x.test/b>", ["https://x.test/a"], /one too many/],
    ["<https://x.test/a b>", [], /is no/],
    ["", [], /^$/],
  ];
  for (const [value, links, error] of table) {
    await t.step(value, async () => {
      await using world = start([{ id: ID, header: `List-Unsubscribe: ${value}\n` }]);
      const { ListUnsubscribe: said } = (await ask(world, `/api/v1/message/${ID}`)).json;
      assertEquals([said.Links, error.test(said.Errors)], [links, true], said.Errors);
    });
  }
});

Deno.test("parts come with their type unless a browser acts on it", async () => {
  await using world = start([FULL]);
  const types: unknown[] = [];
  for (const index of [0, 1, 2]) {
    const { headers } = await ask(world, `/api/v1/message/latest/part/${index}`);
    const names = ["content-type", "content-disposition", "content-security-policy"];
    types.push(names.map((name) => headers.get(name)?.split(/[; ]/)[0]));
  }
  assertEquals(types, [
    ["application/pdf", "attachment", "default-src"],
    ["image/png", "inline", "default-src"],
    ["application/octet-stream", "attachment", "default-src"],
  ]);
});

Deno.test("text and HTML are shown without what they would run", async () => {
  await using world = start([FULL, { id: OTHER }]);
  const html = await ask(world, "/view/latest.html");
  assertStringIncludes(html.text, `<img src="/api/v1/message/${ID}/part/1"><script>x</script>`);
  const policy = html.headers.get("content-security-policy")!;
  assertMatch(policy, /^sandbox allow-popups [a-z-]+; default-src 'none';/);
  assertStringIncludes(policy, `/api/v1/message/${ID}/part/`);
  const text = await ask(world, `/view/${ID}.txt`);
  assertEquals([text.text, text.headers.get("content-type")], [
    "Hi\n",
    "text/plain; charset=utf-8",
  ]);
  assertEquals((await ask(world, `/view/${OTHER}.html`)).status, 404);
  // So cypress-mailpit 2.0 writes them.
  for (const [name, shown] of [["latest.html", html], [`${ID}.txt`, text]] as const) {
    const again = await ask(world, `${world.server.url}/view/${name}`);
    assertEquals([again.status, again.text], [200, shown.text]);
  }
});

Deno.test("messages are marked, removed and released", async (t) => {
  const all = {};
  const table: readonly (readonly [string, string, unknown, unknown])[] = [
    ["PUT", "messages", { Read: true }, ["seen", all]],
    ["PUT", "messages", {}, ["unseen", all]],
    ["PUT", "messages", { IDs: [], Read: true, Search: "" }, ["seen", all]],
    ["PUT", "messages", { IDs: [ID], Read: false }, ["unseen", { ids: [ID] }]],
    ["PUT", "messages", { Search: "subject:Your", Read: true }, ["seen", { ids: [ID] }]],
    ["DELETE", "messages", undefined, ["remove", all]],
    ["DELETE", "messages", { IDs: [] }, ["remove", all]],
    ["DELETE", "messages", { IDs: [ID, "of another server"] }, [
      "remove",
      { ids: [ID, "of another server"] },
    ]],
    ["DELETE", "search?query=subject:Your", undefined, ["remove", { ids: [ID] }]],
  ];
  for (const [method, path, body, act] of table) {
    await t.step(`${method} ${path} ${JSON.stringify(body)}`, async () => {
      await using world = start([FULL, { id: OTHER }]);
      const init = body === undefined ? { method } : withJson(method, body);
      const { status, text } = await ask(world, `/api/v1/${path}`, init);
      assertEquals([status, text], [200, "ok"]);
      assertEquals(world.inbox.acts, [act]);
      const [level, event, fields] = world.lines.at(-1)!;
      assertEquals([level, event, fields.action], ["info", "web-action", world.inbox.acts[0][0]]);
    });
  }
  await t.step("release", async () => {
    await using world = start([FULL]);
    const body = withJson("POST", { To: ["eve@example.org"] });
    const { status, text } = await ask(world, "/api/v1/message/latest/release", body);
    assertEquals([status, text], [200, "ok"]);
    assertEquals(world.inbox.releases, [[ID, { to: ["eve@example.org"] }]]);
  });
});

Deno.test("what cannot be done is told as text", async (t) => {
  const put = (body: unknown) => withJson("PUT", body);
  const post = (body: unknown) => withJson("POST", body);
  const table: readonly (readonly [string, RequestInit, number, string])[] = [
    [`message/${MISSING}`, {}, 404, MISSING],
    [`message/${MISSING}/headers`, {}, 404, MISSING],
    [`message/${MISSING}/raw`, {}, 404, MISSING],
    [`message/${ID}/part/9`, {}, 404, "no part 9"],
    [`message/${MISSING}/release`, post({ To: [] }), 400, "To"],
    [`message/${ID}/release`, { method: "POST" }, 400, "To"],
    [`message/${ID}/release`, post({ To: "eve" }), 400, "To"],
    [`message/${ID}/release`, post(null), 400, "object"],
    ["messages?start=-1", {}, 400, "start"],
    ["messages?start=10001", {}, 400, "10000"],
    ["messages?limit=0", {}, 400, "limit"],
    ["messages?limit=1001", {}, 400, "1000"],
    ["messages?page=1", {}, 400, "page"],
    ["search", {}, 400, "query"],
    ["search?query=", {}, 400, "nothing to look for"],
    ["search?query=tag:x", {}, 400, "tag:x"],
    ["search?query=-", { method: "DELETE" }, 400, "nothing to look for"],
    ["messages", put({ IDs: ID }), 400, "IDs"],
    ["messages", put({ IDs: [1] }), 400, "IDs"],
    ["messages", put({ IDs: new Array(1001).fill(ID) }), 400, "1000"],
    ["messages", put({ IDs: [ID], Search: "x" }), 400, "both"],
    ["messages", put({ Search: 1 }), 400, "Search"],
    ["messages", put({ Read: "true" }), 400, "Read"],
    ["messages", put({ ids: [ID] }), 400, "ids"],
    ["messages", { method: "PUT", body: "Read=true" }, 415, "application/json"],
  ];
  await using world = start([FULL]);
  for (const [path, init, status, named] of table) {
    await t.step(`${init.method ?? "GET"} ${path} ${String(init.body).slice(0, 40)}`, async () => {
      const answer = await ask(world, `/api/v1/${path}`, init);
      assertEquals(answer.status, status, answer.text);
      assertEquals(answer.headers.get("content-type"), "text/plain; charset=utf-8");
      assertStringIncludes(answer.text, named);
    });
  }
  assertEquals([world.inbox.acts, world.inbox.releases], [[], []]);
  await using empty = start([]);
  for (const path of ["/api/v1/message/latest", "/view/latest.txt"]) {
    const { status, text } = await ask(empty, path);
    assertEquals([status, text], [404, "There is no message yet"]);
  }
});

Deno.test("trouble is told as text as well, and a bug is not told", async () => {
  await using world = start([FULL]);
  world.inbox.failure = new TypeError("secret");
  const { status, text } = await ask(world, "/api/v1/info");
  assertEquals([status, text], [500, "Something went wrong here: the log says what"]);
  assertEquals(world.lines.at(-1)![1], "bug");
});

Deno.test("server tells what it is, without what it does not know", async () => {
  await using world = start([FULL, { id: OTHER, received: NOON }]);
  world.clock.advance(61_500);
  const info = await ask(world, "/api/v1/info");
  const { RuntimeStats: { Uptime: uptime }, ...said } = info.json;
  assertEquals([uptime, said], [61, { Version: "smtpd", Messages: 2, Unread: 2, Tags: {} }]);
  const { json } = await ask(world, "/api/v1/webui");
  assertEquals([json.MessageRelay.Enabled, json.ChaosEnabled, json.SpamAssassin], [
    true,
    false,
    false,
  ]);
  assertEquals((await ask(world, "/api/v1/tags")).json, []);
});

Deno.test("page of another site cannot remove messages", async () => {
  await using world = start([FULL]);
  const init = { method: "DELETE", headers: { origin: "http://evil.test" } };
  assertEquals((await ask(world, "/api/v1/messages", init)).status, 403);
  assertEquals(world.inbox.acts, []);
});
