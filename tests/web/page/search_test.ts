import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseSearch, withState } from "../../../lib/web/page/search.js";

function paramsOf(text: string): Record<string, string> {
  const parsed = parseSearch(text);
  assert("params" in parsed, `${text}: ${JSON.stringify(parsed)}`);
  return Object.fromEntries(parsed.params);
}

const understood: [text: string, params: Record<string, string>][] = [
  ["", {}],
  ["   ", {}],
  ["hello", { text: "hello" }],
  ["hello  big world", { text: "hello big world" }],
  ['"from: nobody"', { text: "from: nobody" }],
  ["from:a@b.test", { from: "a@b.test" }],
  ["FROM:<a@b.test>", { from: "a@b.test" }],
  ["from:<>", { from: "" }],
  ['from:""', { from: "" }],
  ["to:c@d.test", { to: "c@d.test" }],
  ['subject:"your order" code', { subject: "your order", text: "code" }],
  ["has:attachment", { has: "attachment" }],
  ["is:held", { state: "held" }],
  ["is:Delivered is:unseen", { state: "delivered", seen: "false" }],
  ["is:seen", { seen: "true" }],
  ["size:>1MB", { size: ">1MB" }],
  ["size:<10kb", { size: "<10KB" }],
  ["size:5000", { size: "5000B" }],
  ["size:1gib", { size: "1GiB" }],
  ["since:1h before:10m", { since: "1h", before: "10m" }],
  ["since:2026-01-31T12:00:00Z", { since: "2026-01-31T12:00:00.000Z" }],
  ["since:2026-01-31", { since: new Date(2026, 0, 31).toISOString() }],
  ["https://example.com/a", { text: "https://example.com/a" }],
  ["Re: hello", { text: "Re: hello" }],
  ["12:30", { text: "12:30" }],
  ["to:c@d.test one from:a@b.test two", { to: "c@d.test", from: "a@b.test", text: "one two" }],
];

Deno.test("a search is understood", async (t) => {
  for (const [text, params] of understood) {
    await t.step(JSON.stringify(text), () => assertEquals(paramsOf(text), params));
  }
});

const notUnderstood: [text: string, problem: RegExp][] = [
  ["foo:bar", /“foo:” is not known. There are from, to, subject/],
  ["constructor:x", /is not known/],
  ['subject:"open', /not closed/],
  ["from:", /wants a value/],
  ["from: a@b.test", /wants a value/],
  ["to:<>", /whole address/],
  ["from:ann", /whole address/],
  ['subject:""', /wants a value/],
  ["from:a@b.test from:c@d.test", /twice/],
  ["is:held is:failed", /twice/],
  ["is:open", /held, queued/],
  ["has:wings", /attachment/],
  ["size:big", /a size such as/],
  ["size:>1XB", /a size such as/],
  ["since:yesterday", /a time such as/],
  ["since:2026-13-45", /a time such as/],
];

Deno.test("what is not understood in a search is said", async (t) => {
  for (const [text, problem] of notUnderstood) {
    await t.step(JSON.stringify(text), () => {
      const parsed = parseSearch(text);
      assert("problem" in parsed, JSON.stringify(parsed));
      assertMatch(parsed.problem, problem);
    });
  }
});

const chosen: [text: string, state: string | undefined, result: string][] = [
  ["", "held", "is:held"],
  ["is:held", undefined, ""],
  ["is:held code", "failed", "is:failed code"],
  ["code is:unseen", "queued", "is:queued code"],
  ['"is:held" x', "failed", 'is:failed "is:held" x'],
  ['subject:" is:held "', undefined, 'subject:" is:held "'],
];

Deno.test("a state takes the place of another in a search", async (t) => {
  for (const [text, state, result] of chosen) {
    await t.step(`${text} and ${state}`, () => assertEquals(withState(text, state), result));
  }
});
