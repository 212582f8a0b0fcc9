import { assertEquals, assertThrows } from "@std/assert";
import type { Search } from "../../lib/inbox/message_index.ts";
import {
  limitOf,
  LIST_PARAMETERS,
  parseQuery,
  searchOf,
  timeoutOf,
  WAIT_PARAMETERS,
} from "../../lib/web/query.ts";
import { WebError } from "../../lib/web/responses.ts";
import { NOON } from "./fake_inbox.ts";

const good: readonly (readonly [string, Search])[] = [
  ["", {}],
  ["to=joe@example.org&from=ann%40example.net", { to: "joe@example.org", from: "ann@example.net" }],
  ["from=", { from: "" }],
  ["subject=a+b%26c&text=%C3%BC", { subject: "a b&c", text: "ü" }],
  ["state=held", { state: "held" }],
  ["since=10m", { since: NOON - 600_000 }],
  ["since=2026-01-01T12:00:00Z", { since: NOON }],
  ["before=2026-01-01T14:00:00.5%2B02:00", { before: NOON + 500 }],
  ["size=%3E100KiB", { minSize: 102_401 }],
  ["size=%3C1MiB", { maxSize: 1_048_575 }],
  ["size=5000", { minSize: 5000 }],
  ["has=attachment&seen=false", { hasAttachment: true, seen: false }],
  ["seen=true&limit=7&cursor=x", { seen: true }],
];

Deno.test("query says what is looked for", async (t) => {
  for (const [text, search] of good) {
    await t.step(text, () => {
      assertEquals(searchOf(parseQuery(text, LIST_PARAMETERS), NOON), search);
    });
  }
});

const bad: readonly (readonly [string, string])[] = [
  ["q=x", "q"],
  ["To=x", "To"],
  ["__proto__=x", "__proto__"],
  ["to=a&to=b", "to"],
  ["to=", "to"],
  ["subject=", "subject"],
  ["state=Held", "state"],
  ["state=constructor", "state"],
  ["since=yesterday", "since"],
  ["since=2026-01-01", "since"],
  ["since=2026-13-01T00:00:00Z", "since"],
  ["before=25d", "before"],
  ["size=%3E", "size"],
  ["size=0", "size"],
  ["size=1TB", "size"],
  ["size=%3E%3E1", "size"],
  ["has=everything", "has"],
  ["seen=1", "seen"],
  ["limit=0", "limit"],
  ["limit=201", "limit"],
  ["limit=1e2", "limit"],
];

Deno.test("query that cannot be used is refused by the name of its parameter", async (t) => {
  for (const [text, name] of bad) {
    await t.step(text, () => {
      const error = assertThrows(() => {
        const query = parseQuery(text, LIST_PARAMETERS);
        searchOf(query, NOON);
        limitOf(query);
      }, WebError);
      assertEquals(error.status, 400);
      assertEquals(error.message.includes(name), true, error.message);
    });
  }
});

Deno.test("timeout is from nothing to five minutes", () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ["", 10_000],
    ["timeout=0", 0],
    ["timeout=0s", 0],
    ["timeout=250ms", 250],
    ["timeout=5m", 300_000],
    ["timeout=301s", undefined],
    ["timeout=10", undefined],
    ["timeout=-1s", undefined],
    ["timeout=", undefined],
  ];
  for (const [text, timeout] of table) {
    const query = parseQuery(text, WAIT_PARAMETERS);
    if (timeout === undefined) assertThrows(() => timeoutOf(query), WebError, "timeout");
    else assertEquals(timeoutOf(query), timeout, text);
  }
});
