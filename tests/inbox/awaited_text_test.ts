import { assertEquals } from "@std/assert";
import { notArrivedText } from "../../lib/inbox/awaited_text.ts";
import type { Search, Summary } from "../../lib/inbox/message_index.ts";
import { summaryOf } from "../../lib/inbox/summary.ts";
import { message } from "./index_messages.ts";

function arrived(subject: string, ...to: string[]): Summary {
  return summaryOf(message("id", { subject, to, recipients: to.length }), false);
}

Deno.test("a wait in vain is told by what was waited for", () => {
  const table: [search: Search, timeout: number, expected: string][] = [
    [{}, 0, "no message by now"],
    [{}, 10_000, "no message within 10s"],
    [{}, 90_000, "no message within 90s"],
    [{}, 120_000, "no message within 2m"],
    [{}, 1, "no message within 1ms"],
    [{}, 1500, "no message within 1500ms"],
    [{ from: "" }, 0, "no message from <> by now"],
    [{ from: "a@b.test" }, 0, "no message from a@b.test by now"],
    [{ to: "a@b.test" }, 0, "no message to a@b.test by now"],
    [{ subject: "" }, 0, 'no message with "" in its subject by now'],
    [{ subject: 'say "yes"\n' }, 0, 'no message with "say \\"yes\\"\\n" in its subject by now'],
    [{ text: "x".repeat(100) }, 0, `no message with "${"x".repeat(100)}" in its text by now`],
    [{ text: "x".repeat(101) }, 0, `no message with "${"x".repeat(100)}..." in its text by now`],
    [
      { from: "a@b.test", to: "c@d.test", subject: "code", text: "new" },
      1000,
      'no message from a@b.test to c@d.test with "code" in its subject with "new" in its text within 1s',
    ],
    // What is left is seen in what was asked.
    [{ state: "held", since: 5, minSize: 3, seen: false }, 0, "no message by now"],
  ];
  for (const [search, timeout, expected] of table) {
    const text = notArrivedText(search, timeout, []);
    assertEquals(text, `${expected}; nothing arrived meanwhile`);
  }
});

Deno.test("a wait in vain tells what came instead, and not too much of it", () => {
  const many = Array.from({ length: 6 }, (_, i) => arrived(`${i}`, "a@b.test"));
  const five =
    '"0" to a@b.test, "1" to a@b.test, "2" to a@b.test, "3" to a@b.test, "4" to a@b.test';
  const table: [came: readonly Summary[], expected: string][] = [
    [[], "nothing arrived meanwhile"],
    [[arrived("Hello", "a@b.test")], '1 arrived meanwhile: "Hello" to a@b.test'],
    [[arrived("", "a@b.test")], '1 arrived meanwhile: "" to a@b.test'],
    [[arrived("Hello")], '1 arrived meanwhile: "Hello" to nobody'],
    [
      [arrived("Hello", "a@b.test", "c@d.test", "e@f.test")],
      '1 arrived meanwhile: "Hello" to a@b.test and 2 more',
    ],
    [
      [arrived("x".repeat(200), "a@b.test")],
      `1 arrived meanwhile: "${"x".repeat(100)}..." to a@b.test`,
    ],
    [[arrived('"\u0007\n', "a@b.test")], '1 arrived meanwhile: "\\"\\u0007\\n" to a@b.test'],
    [many.slice(0, 5), `5 arrived meanwhile: ${five}`],
    [many, `6 arrived meanwhile: ${five}, ...`],
  ];
  for (const [came, expected] of table) {
    assertEquals(notArrivedText({}, 0, came), `no message by now; ${expected}`);
  }
});
