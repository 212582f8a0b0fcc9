import { assertEquals } from "@std/assert";
import type { Content } from "../../lib/inbox/content.ts";
import type { IndexedMessage, MessageState, Search } from "../../lib/inbox/message_index.ts";
import {
  foldedMessage,
  indexedMessage,
  searchFits,
  stateAfter,
  stateOf,
  summaryOf,
} from "../../lib/inbox/summary.ts";
import type { Entry, RecipientState } from "../../lib/queue/store.ts";
import { newEntry, NOON, recipient } from "../queue/fixture.ts";

const CONTENT: Content = {
  subject: "Welcome",
  from: [],
  to: [],
  cc: [],
  replyTo: [],
  text: "  Hello\r\n\r\n\tyou  there  ",
  parts: [
    { index: 0, type: "image/png", inline: true, size: 1 },
    { index: 1, type: "text/csv", inline: false, size: 1 },
  ],
  links: [],
  codes: [],
};

function entryFor(addresses: readonly string[], more: Partial<Entry> = {}): Entry {
  const { recipients: _, ...entry } = newEntry();
  const recipients = addresses.map((address, index) => {
    const { held: _, ...rest } = recipient(address);
    return { ...rest, index, state: "held" as const, attempts: 0, delayTold: false };
  });
  return { ...entry, size: 77, recipients, ...more };
}

Deno.test("a message stands as those of its recipients do for whom there is most to do", () => {
  const table: [states: RecipientState[], expected: MessageState][] = [
    [["delivered"], "delivered"],
    [["delivered", "removed"], "delivered"],
    [["removed", "removed"], "removed"],
    [["delivered", "failed", "removed"], "failed"],
    [["failed", "queued"], "queued"],
    [["queued", "held", "delivered"], "held"],
  ];
  for (const [states, expected] of table) {
    assertEquals(stateOf(states.map((state) => ({ state }))), expected, states.join());
  }
});

Deno.test("a message that was removed comes back only if somebody is to get it again", () => {
  const table: [known: MessageState, now: MessageState, expected: MessageState][] = [
    ["removed", "delivered", "removed"],
    ["removed", "failed", "removed"],
    ["removed", "removed", "removed"],
    ["removed", "queued", "queued"],
    ["removed", "held", "held"],
    ["queued", "delivered", "delivered"],
    ["held", "removed", "removed"],
  ];
  for (const [known, now, expected] of table) {
    assertEquals(stateAfter(known, now), expected, `${known} ${now}`);
  }
});

Deno.test("a summary says what a message is", () => {
  const entry = entryFor(["a@b.example", "c d@e.example"]);
  const { text, ...rest } = indexedMessage(entry, CONTENT);
  assertEquals(text, CONTENT.text);
  assertEquals(rest, {
    id: entry.id,
    state: "held",
    from: "sender@example.org",
    to: ["a@b.example", '"c d"@e.example'],
    recipients: 2,
    subject: "Welcome",
    size: 77,
    received: NOON,
    attachments: 1,
    preview: "Hello you there",
  });
  assertEquals(summaryOf({ ...rest, text }, true), { ...rest, seen: true });
});

Deno.test("a summary has bounds, and cuts no character in two", () => {
  const addresses = Array.from({ length: 101 }, (_, i) => `a${i}@b.example`);
  const mail = { reversePath: null, smtpUtf8: false };
  const long = "x".repeat(159) + "\u{1f600}" + " y".repeat(20_000);
  const message = indexedMessage(entryFor(addresses, { mail }), { ...CONTENT, text: long });
  const { from, to, recipients, preview, text } = message;
  assertEquals([from, to.length, recipients], ["", 100, 101]);
  assertEquals(preview, "x".repeat(159));
  assertEquals(text, long.slice(0, 16 * 1024));
});

Deno.test("a summary has nothing that a database could not keep", () => {
  const content = { ...CONTENT, subject: "a\0b", text: "c\0\ud83d d" };
  const { subject, text, preview } = indexedMessage(entryFor(["a@b.example"]), content);
  assertEquals([subject, text, preview], ["a\ufffdb", "c\ufffd\ufffd d", "c\ufffd\ufffd d"]);
});

Deno.test("a search fits a message if all of it does", () => {
  const message: IndexedMessage = {
    ...indexedMessage(entryFor(["Ann@Example.com", "bob@example.net"]), CONTENT),
    subject: "Grüße aus Köln",
  };
  const { id, received, size } = message;
  const table: [search: Search, expected: boolean][] = [
    [{}, true],
    [{ ids: [id] }, true],
    [{ ids: ["other"] }, false],
    [{ from: "SENDER@example.org" }, true],
    [{ from: "sender" }, false],
    [{ from: "" }, false],
    [{ to: "ann@example.COM" }, true],
    [{ to: "bob@example.net" }, true],
    [{ to: "bob" }, false],
    [{ subject: "GRÜSSE" }, false],
    [{ subject: "GRÜßE AUS" }, true],
    [{ subject: "hello" }, false],
    [{ subject: "\0" }, false],
    [{ text: "köln" }, true],
    [{ text: "HELLO" }, true],
    [{ text: "example.net" }, true],
    [{ text: "example.org" }, true],
    [{ text: "example.info" }, false],
    [{ state: "held" }, true],
    [{ state: "queued" }, false],
    [{ since: received }, true],
    [{ since: received + 1 }, false],
    [{ before: received }, false],
    [{ before: received + 1 }, true],
    [{ minSize: size, maxSize: size }, true],
    [{ minSize: size + 1 }, false],
    [{ maxSize: size - 1 }, false],
    [{ hasAttachment: true }, true],
    [{ hasAttachment: false }, false],
    [{ seen: false }, true],
    [{ seen: true }, false],
    [{ to: "ann@example.com", subject: "köln" }, true],
    [{ to: "ann@example.com", subject: "bonn" }, false],
  ];
  for (const [search, expected] of table) {
    assertEquals(searchFits(search)(foldedMessage(message)), expected, JSON.stringify(search));
  }
});

Deno.test("a search finds the null reverse-path, and what is removed only if it asks for it", () => {
  const mail = { reversePath: null, smtpUtf8: false };
  const message = indexedMessage(entryFor(["a@b.example"], { mail }), CONTENT);
  const removed = foldedMessage({ ...message, state: "removed" });
  assertEquals(searchFits({ from: "" })(foldedMessage(message)), true);
  assertEquals(searchFits({})(removed), false);
  assertEquals(searchFits({ state: "removed" })(removed), true);
});
