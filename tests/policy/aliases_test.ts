import { assert, assertEquals } from "@std/assert";
import { expandAlias, MOST_DEPTH, MOST_EXPANDED } from "../../lib/policy/aliases.ts";
import { parseAliases, parseIncluded } from "../../lib/policy/aliases_file.ts";
import { isLocal, relayingRules } from "../../lib/policy/relaying.ts";

const rules = relayingRules(["a.test", "b.test"]);

/** The mailboxes with a space between them, the code and status of a refusal, or `none`. */
function expand(text: string, address: string, files: Record<string, string> = {}): string {
  const [localPart, domain = ""] = address.split("@");
  const found = expandAlias(parseAliases(text, "aliases"), { localPart, domain }, {
    isLocal: (mailbox) => isLocal(rules, mailbox),
    mainDomain: "a.test",
    include: (path) => parseIncluded(files[path], path),
  });
  if (found === undefined) return "none";
  if ("code" in found) return `${found.code} ${found.enhanced}`;
  return found.map(({ localPart, domain }) => `${localPart}@${domain}`).join(" ");
}

const cases: [text: string, address: string, expected: string][] = [
  ["joe: ann", "bob@a.test", "none"],
  ["joe: ann", "joe@a.test", "ann@a.test"],
  ["joe: ann", "joe@b.test", "ann@b.test"],
  ["joe: ann", "JOE@B.test", "ann@B.test"],
  ["Joe: ann", "joe@a.test", "ann@a.test"],
  ["joe: ann", "joe@other.test", "none"],
  ["postmaster: ann", "Postmaster", "ann@a.test"],
  ["postmaster: \\postmaster, ann", "postmaster", "postmaster@a.test ann@a.test"],
  ["joe: x@other.test", "joe@a.test", "x@other.test"],
  ["joe: ann\nann: x@other.test, bob", "joe@a.test", "x@other.test bob@a.test"],
  ["joe: ann@b.test\nann: bob", "joe@a.test", "bob@b.test"],
  ["joe: ann@other.test\nann: bob", "joe@a.test", "ann@other.test"],
  [
    "joe: ann, bob, ANN, ann@a.test, x@o.test, X@O.test, x@O.TEST",
    "joe@a.test",
    "ann@a.test bob@a.test x@o.test X@O.test",
  ],
  // An alias that names itself means the mailbox, with and without its domain.
  ["joe: joe, ann", "joe@a.test", "joe@a.test ann@a.test"],
  ["joe: JOE@a.test, ann", "joe@a.test", "JOE@a.test ann@a.test"],
  ["joe: \\joe, ann", "joe@a.test", "joe@a.test ann@a.test"],
  ["ann: joe\njoe: joe, bob", "ann@a.test", "joe@a.test bob@a.test"],
  ["joe: \\ann\nann: bob", "joe@a.test", "ann@a.test"],
  // Circles.
  ["joe: ann\nann: joe", "joe@a.test", "554 5.4.6"],
  ["joe: x@o.test, ann\nann: bob\nbob: joe@b.test", "joe@a.test", "554 5.4.6"],
  ["joe: ann\nann: bob\nbob: ann", "joe@a.test", "554 5.4.6"],
  ["joe: ann\nann: \\joe", "joe@a.test", "joe@a.test"],
  // Two ways to one alias are no circle.
  ["joe: ann, bob\nann: cid\nbob: cid\ncid: dan", "joe@a.test", "dan@a.test"],
];

Deno.test("a mailbox is expanded to those that its alias stands for", () => {
  for (const [text, address, expected] of cases) {
    assertEquals(expand(text, address), expected, `${address} in ${text}`);
  }
});

Deno.test("an included file is expanded where it is named", () => {
  const files = { "/list": "ann\nx@o.test, bob\n", "/empty": "# nobody\n" };
  const text = "list: :include:/list, cid\nbob: bob, dan\nempty: :include:/empty";
  assertEquals(
    expand(text, "list@b.test", files),
    "ann@b.test x@o.test bob@b.test dan@b.test cid@b.test",
  );
  assertEquals(expand(text, "empty@b.test", files), "554 5.2.4");
});

Deno.test("a mailbox may stand for so many and no more", () => {
  const list = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`).join(", ");
  assertEquals(expand(`joe: ${list(MOST_EXPANDED)}`, "joe@a.test").split(" ").length, 1000);
  assertEquals(expand(`joe: ${list(MOST_EXPANDED + 1)}`, "joe@a.test"), "554 5.2.4");
});

Deno.test("aliases may follow one another so deep and no deeper", () => {
  const chain = (depth: number) =>
    Array.from({ length: depth }, (_, i) => `u${i}: u${i + 1}`).join("\n");
  assertEquals(expand(chain(MOST_DEPTH), "u0@a.test"), `u${MOST_DEPTH}@a.test`);
  assertEquals(expand(chain(MOST_DEPTH + 1), "u0@a.test"), "554 5.4.6");
});

Deno.test("aliases that would multiply are looked at once each", () => {
  const level = (i: number) => `u${i}: ` + Array(50).fill(`u${i + 1}`).join(", ");
  const text = Array.from({ length: 19 }, (_, i) => level(i)).join("\n");
  assertEquals(expand(text, "u0@a.test"), "u19@a.test");
  const begun = performance.now();
  const same = `joe: ${Array(200_000).fill("ann").join(",")}`;
  assertEquals(expand(same, "joe@a.test"), "554 5.2.4");
  assert(performance.now() - begun < 10_000);
});
