import { assertEquals, assertMatch } from "@std/assert";
import type { ContentPart } from "../../lib/inbox/content.ts";
import type { Attempt } from "../../lib/queue/store.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { type Made, NOON } from "./fake_inbox.ts";
import { ask, ID, MISSING, OTHER, start } from "./fixture.ts";

const PNG: ContentPart = {
  index: 0,
  type: "image/png",
  inline: true,
  contentId: "logo@x",
  size: 3,
};
const SVG: ContentPart = {
  index: 1,
  type: "image/svg+xml",
  name: "x.svg",
  inline: false,
  size: 6,
};

const ATTEMPT: Attempt = {
  begun: NOON,
  ended: NOON + 5,
  host: "mx.example.org",
  address: "192.0.2.7",
  tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", isVerified: false, problem: "old" },
  outcomes: [{ index: 0, state: "failed", reply: reply(550, "5.1.1", "Nobody here") }],
};

const FULL: Made = {
  id: ID,
  subject: "Your code",
  state: "failed",
  attempts: [ATTEMPT],
  raw: "Subject: Your code\r\n\r\n\x00\xff\r\n",
  header: "Subject: Your\n code\nX-Odd: <script>\nSubject: again\n\nno field",
  content: {
    html: '<img src="cid:logo@x"><script>x</script>',
    date: "2026-01-01T12:00:00.000Z",
    messageId: "<1@x>",
    replyTo: [{ name: "", address: "r@x" }],
    links: ["https://example.org/"],
    codes: ["123456"],
    problem: "too deep",
  },
  parts: [[PNG, Uint8Array.of(1, 2, 3)], [SVG, new TextEncoder().encode("<svg/>")]],
};

Deno.test("messages are listed in pages", async () => {
  await using world = start([FULL, { id: OTHER, to: "eve@example.org" }]);
  const { json } = await ask(world, "/api/messages?limit=1");
  assertEquals(json, {
    messages: [{
      id: ID,
      state: "failed",
      from: "ann@example.net",
      to: ["joe@example.org"],
      recipients: 1,
      subject: "Your code",
      size: 27,
      received: "2026-01-01T12:00:00.000Z",
      attachments: 1,
      preview: "Hi",
      seen: false,
    }],
    next: "1",
  });
  const last = await ask(world, `/api/messages?limit=1&cursor=${json.next}`);
  assertEquals(last.json.messages[0].id, OTHER);
  assertEquals("next" in last.json, false);
  const found = await ask(world, "/api/messages?to=eve@example.org");
  assertEquals(found.json.messages.length, 1);
  assertEquals(world.inbox.searches.at(-1), { to: "eve@example.org" });
});

Deno.test("cursor that is none is refused by its name", async () => {
  await using world = start();
  const { status, json } = await ask(world, "/api/messages?cursor=nonsense");
  assertEquals(status, 400);
  assertEquals(json, {
    error: {
      code: "bad-request",
      message: 'Cannot use "nonsense" for cursor: give `next` of the page before',
    },
  });
});

Deno.test("message is read with all that it says", async () => {
  await using world = start([FULL]);
  const { json } = await ask(world, `/api/messages/${ID}`);
  assertEquals(json.headerFrom, [{ name: "Ann", address: "ann@example.net" }]);
  assertEquals(json.text, "Hi\n");
  assertEquals(json.html, FULL.content!.html);
  assertEquals(json.parts, [PNG, SVG]);
  assertEquals(json.codes, ["123456"]);
  assertEquals(json.problem, "too deep");
  assertEquals(json.envelope, [{
    to: "joe@example.org",
    state: "failed",
    attempts: 1,
    lastReply: { code: 550, enhanced: "5.1.1", lines: ["Nobody here"] },
  }]);
});

Deno.test("message is given as it was accepted", async () => {
  await using world = start([FULL]);
  const { text, headers } = await ask(world, `/api/messages/${ID}/raw`);
  assertEquals(text, FULL.raw);
  assertEquals(headers.get("content-type"), "message/rfc822");
  assertEquals(headers.get("content-length"), "27");
  assertEquals(headers.get("content-disposition"), `attachment; filename="${ID}.eml"`);
  const view = await ask(world, `/api/messages/${ID}/raw?view=1`);
  assertEquals(view.headers.get("content-type"), "text/plain; charset=utf-8");
  assertEquals(view.headers.get("content-disposition"), null);
  assertEquals((await ask(world, `/api/messages/${ID}/raw?view=yes`)).status, 400);
});

Deno.test("header fields are listed in order, unfolded", async () => {
  await using world = start([FULL]);
  const { json } = await ask(world, `/api/messages/${ID}/headers`);
  assertEquals(json.headers, [
    { name: "Subject", value: "Your code" },
    { name: "X-Odd", value: "<script>" },
    { name: "Subject", value: "again" },
  ]);
});

Deno.test("ledger tells the attempts", async () => {
  await using world = start([FULL]);
  const { json } = await ask(world, `/api/messages/${ID}/ledger`);
  assertEquals(json.attempts[0].host, "mx.example.org");
  assertEquals(json.attempts[0].outcomes, [{
    to: "joe@example.org",
    state: "failed",
    reply: { code: 550, enhanced: "5.1.1", lines: ["Nobody here"] },
  }]);
});

Deno.test("HTML is shown without rights, with its own images", async () => {
  await using world = start([FULL, { id: OTHER }]);
  const { text, headers } = await ask(world, `/api/messages/${ID}/html`);
  assertEquals(
    text,
    `<!DOCTYPE html><base target="_blank"><img src="/api/messages/${ID}/parts/0"><script>x</script>`,
  );
  const host = new URL(world.server.url).host;
  const policy = headers.get("content-security-policy")!;
  assertMatch(policy, /^sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';/);
  assertEquals(policy.includes(`data: http://${host}/api/messages/${ID}/parts/;`), true, policy);
  const open = await ask(world, `/api/messages/${ID}/html?images=1`);
  assertMatch(open.headers.get("content-security-policy")!, / http: https:;/);
  assertEquals((await ask(world, `/api/messages/${OTHER}/html`)).status, 404);
});

Deno.test("parts are given as octets", async () => {
  await using world = start([FULL]);
  const png = await ask(world, `/api/messages/${ID}/parts/0`);
  assertEquals(png.text, "\x01\x02\x03");
  assertEquals(png.headers.get("content-type"), "image/png");
  const svg = await ask(world, `/api/messages/${ID}/parts/1`);
  assertEquals(svg.headers.get("content-type"), "application/octet-stream");
  assertEquals(svg.headers.get("content-disposition"), "attachment; filename*=UTF-8''x.svg");
  assertEquals((await ask(world, `/api/messages/${ID}/parts/2`)).status, 404);
});

Deno.test("counts tell how many there are in each state", async () => {
  await using world = start([FULL, { id: OTHER }]);
  assertEquals((await ask(world, "/api/counts")).json, {
    total: 2,
    unseen: 2,
    states: { held: 1, queued: 0, failed: 1, delivered: 0, removed: 0 },
  });
});

Deno.test("message that is not there is 404 everywhere", async (t) => {
  await using world = start();
  for (const rest of ["", "/raw", "/headers", "/html", "/parts/0", "/ledger"]) {
    await t.step(rest, async () => {
      const { status, json } = await ask(world, `/api/messages/${MISSING}${rest}`);
      assertEquals([status, json.error.code], [404, "not-found"]);
    });
  }
});

Deno.test("HEAD answers as GET does, without the octets", async (t) => {
  await using world = start([FULL]);
  for (const path of ["/", "/api/messages", `/api/messages/${ID}/raw`, "/api/events", "/healthz"]) {
    await t.step(path, async () => {
      const { status, headers, text } = await ask(world, path, { method: "HEAD" });
      assertEquals([status, text], [200, ""]);
      assertEquals(headers.get("cache-control"), "no-store");
    });
  }
  assertEquals(world.inbox.watchers, 0);
});
