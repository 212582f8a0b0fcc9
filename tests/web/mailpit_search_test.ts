import { assertEquals, assertRejects } from "@std/assert";
import type { IndexedMessage, Search, Summary } from "../../lib/inbox/message_index.ts";
import { memoryIndex } from "../../lib/inbox/sqlite_index.ts";
import { parseMailpitQuery } from "../../lib/web/mailpit_query.ts";
import {
  countMailpit,
  EVERYTHING,
  type Finder,
  findMailpit,
  listMailpit,
  MOST_FOUND,
} from "../../lib/web/mailpit_search.ts";
import { WebError } from "../../lib/web/responses.ts";

const DAY = Date.UTC(2026, 0, 31);

function indexed(n: number, like: Partial<IndexedMessage> = {}): IndexedMessage {
  return {
    id: String(n).padStart(16, "0"),
    state: "held",
    from: "shop@client.test",
    to: ["joe@example.org"],
    recipients: 1,
    subject: `Number ${n}`,
    size: 1000 * n,
    received: DAY + n,
    attachments: 0,
    preview: "",
    text: "",
    ...like,
  };
}

const signal = new AbortController().signal;

/** The numbers of messages, from their ids. */
function numbersOf(summaries: readonly Summary[]): number[] {
  return summaries.map(({ id }) => Number(id));
}

Deno.test("messages are found by what Mailpit is asked for", async (t) => {
  await using index = memoryIndex();
  await index.put([
    indexed(1, { subject: "Your new code", text: "It is 123456, see below" }),
    indexed(2, { subject: "Your new order", to: ["ann@example.org", "joe@Example.net"] }),
    indexed(3, { from: "news@other.test", attachments: 1, text: "The code of the new door" }),
    indexed(4, { from: "", subject: "Undelivered", text: "Mail to joe@example.org was new code" }),
    indexed(5, { state: "removed", subject: "Your new code" }),
  ]);
  await index.setSeen([indexed(2).id], true);
  const table: readonly (readonly [query: string, found: readonly number[]])[] = [
    ["subject:Your new code", [1]],
    ["subject:Your subject:order", [2]],
    ["code new", [4, 3, 1]],
    ["code -below", [4, 3]],
    ["code !subject:undelivered", [3, 1]],
    ["to:example.org", [4, 3, 2, 1]],
    ["to:joe@example.org", [4, 3, 1]],
    ["to:JOE@EXAMPLE.NET", [2]],
    ["to:joe -to:example.net", [4, 3, 1]],
    ["to:jo from:client", [2, 1]],
    ["from:other.test", [3]],
    ["-from:client.test", [4, 3]],
    ["is:unread subject:your", [1]],
    ["-is:unread", [2]],
    ["is:read is:unread", []],
    ["has:attachment", [3]],
    ["-has:attachment is:unread", [4, 1]],
    ["larger:1500 smaller:3500", [3, 2]],
    ["after:2026-01-31T00:00:00.002Z before:2026-01-31T00:00:00.003Z", [3, 2]],
    ["after:2026-01-31 after:2026-01-31T00:00:00.004Z", [4]],
    ["nowhere", []],
  ];
  for (const [query, numbers] of table) {
    await t.step(query, async () => {
      const page = { start: 0, limit: 50 };
      const found = await countMailpit(index, parseMailpitQuery(query), page, signal);
      assertEquals(numbersOf(found.messages), numbers);
      assertEquals(found.count, numbers.length);
      assertEquals(found.unread, numbers.filter((n) => n !== 2).length);
    });
  }
});

Deno.test("list begins where it is asked to, and counts what fits on either side", async (t) => {
  await using index = memoryIndex();
  await index.put(Array.from({ length: 2500 }, (_, n) => indexed(n + 1)));
  // The hundreds, which have two zeros next to each other, and 1000 to 1009, 2000 to 2009.
  const query = parseMailpitQuery("subject:00");
  const hundreds = Array.from({ length: 25 }, (_, n) => 2500 - 100 * n);
  const others = [2, 1].flatMap((k) => Array.from({ length: 9 }, (_, n) => 1000 * k + 9 - n));
  const fitting = [...hundreds, ...others].toSorted((a, b) => b - a);
  for (const [start, limit] of [[0, 50], [0, 2], [3, 2], [42, 9], [43, 9]]) {
    await t.step(`${start} ${limit}`, async () => {
      const found = await countMailpit(index, query, { start, limit }, signal);
      assertEquals(numbersOf(found.messages), fitting.slice(start, start + limit));
      assertEquals([found.count, found.unread], [43, 43]);
    });
  }
  const every = Array.from({ length: 2500 }, (_, n) => 2500 - n);
  for (const [start, limit] of [[0, 50], [10, 3], [990, 20], [2490, 50], [2500, 1]]) {
    await t.step(`all ${start} ${limit}`, async () => {
      const found = await listMailpit(index, { start, limit }, signal);
      assertEquals(numbersOf(found), every.slice(start, start + limit));
    });
  }
});

/** Finds messages without end, a thousand at a time. */
class EndlessFinder implements Finder {
  steps = 0;

  search(_: Search, { limit }: { limit: number }) {
    const first = this.steps++ * limit;
    const messages = Array.from({ length: limit }, (_, i) => {
      const { text: _text, ...summary } = indexed(first + i);
      return { ...summary, seen: false };
    });
    return Promise.resolve({ messages, next: String(this.steps) });
  }
}

Deno.test("no more than the first ten thousand are counted", async () => {
  const finder = new EndlessFinder();
  const page = { start: MOST_FOUND - 1, limit: 1000 };
  const found = await countMailpit(finder, EVERYTHING, page, signal);
  assertEquals([found.count, numbersOf(found.messages)], [MOST_FOUND, [MOST_FOUND - 1]]);
  assertEquals(finder.steps, 10);
});

Deno.test("search that nobody waits for is given up", async () => {
  const leaving = new AbortController();
  const finder = new EndlessFinder();
  const steps = findMailpit(finder, EVERYTHING, leaving.signal);
  await steps.next();
  leaving.abort();
  const error = await assertRejects(() => steps.next(), WebError);
  assertEquals([error.status, finder.steps], [503, 1]);
});
