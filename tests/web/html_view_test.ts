import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import type { ContentPart } from "../../lib/inbox/content.ts";
import { htmlFields, shownHtml } from "../../lib/web/html_view.ts";

function image(index: number, contentId: string): ContentPart {
  return { index, type: "image/png", inline: true, contentId, size: 1 };
}

const parts = [image(0, "logo@x"), image(1, "a&b c"), image(2, "logo@x")];

const table: readonly (readonly [string, string])[] = [
  ['<img src="cid:logo@x">', '<img src="/p/0">'],
  ["<img src='CID:logo%40x'>", "<img src='/p/0'>"],
  ["<img src=cid:logo@x>", "<img src=/p/0>"],
  ['<td background="cid:a&amp;b%20c">', '<td background="/p/1">'],
  ["<p style='background:url(cid:logo@x)'>", "<p style='background:url(/p/0)'>"],
  ['<img src="cid:other@x">', '<img src="cid:other@x">'],
  ['<img src="cid:%zz">', '<img src="cid:%zz">'],
  ["<p>acid:logo@x</p>", "<p>acid:logo@x</p>"],
];

Deno.test("HTML finds its own images", () => {
  for (const [html, shown] of table) {
    assertEquals(shownHtml(html, parts, "/p/"), `<!DOCTYPE html><base target="_blank">${shown}`);
  }
});

Deno.test("HTML has no element by which a browser connects to another host", () => {
  const links = [
    "<link rel=x>",
    "<LINK/rel=x>",
    "<svg><lInK\n>",
    "<!--><link\f>",
    "<link\r\n",
    "<link>",
  ];
  for (const html of links) {
    assertNotMatch(shownHtml(html, [], "/p/"), /<(?:link|i?frame|object|embed)/i);
  }
  for (const html of ["<linked>", "<frameset>", "< link>", "</link>", "<a>link</a>"]) {
    assertEquals(shownHtml(html, [], ""), `<!DOCTYPE html><base target="_blank">${html}`);
  }
});

Deno.test("HTML has no right but to show its own images", () => {
  const view = { host: "localhost:8025", parts: "/api/messages/1/parts/", hasImages: false };
  const policy = (more: Partial<typeof view>) =>
    htmlFields({ ...view, ...more })["content-security-policy"];
  assertEquals(
    policy({}),
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
      "img-src data: http://localhost:8025/api/messages/1/parts/; " +
      "form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
  );
  assertMatch(policy({ hasImages: true }), /img-src data: \S+ http: https:;/);
  assertMatch(policy({ host: "[::1]:8025" }), /img-src data: 'self';/);
  assertNotMatch(policy({ hasImages: true }), /script|allow-(?!popups)|'self' http/);
});
