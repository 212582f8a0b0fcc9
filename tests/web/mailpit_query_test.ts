import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Search } from "../../lib/inbox/message_index.ts";
import { parseMailpitQuery } from "../../lib/web/mailpit_query.ts";
import { WebError } from "../../lib/web/responses.ts";

const DAY = Date.UTC(2026, 0, 31);

const SEARCHES: readonly (readonly [query: string, search: Search])[] = [
  ["code", { text: "code" }],
  ['"Your code"', { text: "Your code" }],
  ["subject:Hello", { subject: "Hello" }],
  ['subject:"Hello there"', { subject: "Hello there" }],
  ['SUBJECT:"unclosed one', { subject: "unclosed one" }],
  ["subject:Re: - code!", { subject: "Re:", text: "code!" }],
  ["https://example.org/ subject:", { text: "https://example.org/" }],
  ["is:read", { seen: true }],
  ["Is:Unread has:attachments", { seen: false, hasAttachment: true }],
  ["after:2026-01-31", { since: DAY }],
  ["after:2026/01/31 before:2026-01-31T12:30", { since: DAY, before: DAY + 45_000_001 }],
  ["after:2026-01-31T01:00:00+01:00", { since: DAY }],
  ['after:"2026-01-31 00:00:01"', { since: DAY + 1000 }],
  ["larger:2k smaller:1.5MB", { minSize: 2049, maxSize: 1_572_863 }],
  ["larger:500", { minSize: 501 }],
  // Whoever has it in an address has it somewhere.
  ["to:JOE@example.org", { text: "joe@example.org" }],
  ["to:joe code", { text: "code" }],
  ["-to:joe subject:x", { subject: "x" }],
];

Deno.test("query of Mailpit is read as a search of the index", async (t) => {
  for (const [query, search] of SEARCHES) {
    await t.step(query, () => assertEquals(parseMailpitQuery(query).search, search));
  }
  const local = parseMailpitQuery("after:2026-01-31", "America/Chicago");
  assertEquals(local.search, { since: DAY + 6 * 3600_000 });
});

Deno.test("what the index cannot find is refused, and so is a query for nothing", async (t) => {
  const table: readonly (readonly [query: string, named: string, zone?: string])[] = [
    ["", "nothing to look for"],
    [" - ! ", "nothing to look for"],
    ["to: from:", "nothing to look for"],
    ["cc:joe", '"cc:joe"'],
    ["!Tag:x", '"Tag:x"'],
    ["is:tagged", '"is:tagged"'],
    ["has:inline", '"has:inline"'],
    ['from:"Joe Doe"', '"Joe Doe"'],
    ["after:yesterday", '"yesterday"'],
    ["before:2026-02-31", '"2026-02-31"'],
    ["before:2026-01-31T12:00:00+99:00", '"2026-01-31T12:00:00+99:00"'],
    ["before:2026-01-31", '"Nowhere/Land"', "Nowhere/Land"],
    ["larger:big", '"big"'],
    [new Array(21).fill("x").join(" "), "20 are the most"],
  ];
  for (const [query, named, zone] of table) {
    await t.step(query, () => {
      const error = assertThrows(() => parseMailpitQuery(query, zone), WebError);
      assertEquals(error.status, 400);
      assertStringIncludes(error.message, named);
    });
  }
});
