/** What every index of an inbox finds, and what it must not find. @module */
import { assertEquals } from "@std/assert";
import type { MessageState, Search } from "../../lib/inbox/message_index.ts";
import { NOON } from "../queue/fixture.ts";
import type { IndexContractTest } from "./index_contract.ts";
import { idsOf, message } from "./index_messages.ts";

/** Registers the tests of searches. */
export function searchContract(test: IndexContractTest): void {
  test("finds what fits each thing that is asked for, and all of them together", async (index) => {
    await index.put([
      message("a", { to: ["joe@example.com", "Ann@Example.com"], received: NOON, size: 10 }),
      message("b", { from: "", state: "queued", received: NOON + 1, size: 20, attachments: 2 }),
      message("c", { from: "Jürgen@exämple.de", state: "failed", received: NOON + 2, size: 30 }),
      message("d", { state: "delivered", received: NOON + 3, size: 40, text: "Good morning" }),
      message("e", { state: "removed", received: NOON + 4, size: 50, attachments: 1 }),
    ]);
    await index.setSeen(["a", "c", "e"], true);
    const table: [search: Search, expected: string][] = [
      [{}, "d c b a"],
      [{ ids: ["d", "a", "x", "e", "a"] }, "d a"],
      [{ ids: [] }, ""],
      [{ from: "SENDER@example.ORG" }, "d a"],
      [{ from: "sender@example.or" }, ""],
      [{ from: "" }, "b"],
      [{ from: "JÜRGEN@EXÄMPLE.DE" }, "c"],
      [{ to: "ann@example.com" }, "a"],
      [{ to: "joe@example.com" }, "d c b a"],
      [{ to: "ann" }, ""],
      [{ to: "" }, ""],
      [{ subject: "of b" }, "b"],
      [{ subject: "" }, "d c b a"],
      [{ subject: "joe" }, ""],
      [{ text: "of b" }, "b"],
      [{ text: "HELLO" }, "c b a"],
      [{ text: "ann@" }, "a"],
      [{ text: "EXÄMPLE" }, "c"],
      [{ text: "" }, "d c b a"],
      [{ state: "held" }, "a"],
      [{ state: "queued" }, "b"],
      [{ state: "failed" }, "c"],
      [{ state: "delivered" }, "d"],
      [{ state: "removed" }, "e"],
      [{ state: "removed", from: "sender@example.org" }, "e"],
      [{ since: NOON + 2 }, "d c"],
      [{ since: NOON + 4 }, ""],
      [{ since: -1 }, "d c b a"],
      [{ before: NOON + 2 }, "b a"],
      [{ before: NOON }, ""],
      [{ before: -1 }, ""],
      [{ since: NOON + 1, before: NOON + 3 }, "c b"],
      [{ since: NOON + 3, before: NOON + 1 }, ""],
      [{ minSize: 20 }, "d c b"],
      [{ maxSize: 20 }, "b a"],
      [{ minSize: 20, maxSize: 30 }, "c b"],
      [{ hasAttachment: true }, "b"],
      [{ hasAttachment: false }, "d c a"],
      [{ seen: true }, "c a"],
      [{ seen: false }, "d b"],
      [{ seen: true, state: "removed" }, "e"],
      [{ seen: false, state: "removed" }, ""],
      [{ to: "joe@example.com", from: "sender@example.org" }, "d a"],
      [{ to: "ann@example.com", state: "queued" }, ""],
      [{ ids: ["a", "b"], hasAttachment: true }, "b"],
      [{ ids: ["a", "b"], since: NOON + 1 }, "b"],
      [{ ids: ["a", "b"], text: "hello", subject: "of a" }, "a"],
      [{ text: "hello", seen: false }, "b"],
      [{ text: "hello", minSize: 15, seen: true }, "c"],
      [{ text: "he", from: "" }, "b"],
      [{ text: "morning", state: "delivered", since: NOON + 3, to: "joe@example.com" }, "d"],
      [{ text: "morning", state: "delivered", before: NOON + 3 }, ""],
      [{ subject: "subject", text: "good", maxSize: 40, hasAttachment: false }, "d"],
    ];
    for (const [search, expected] of table) {
      const found = (await idsOf(index, search)).join(" ");
      assertEquals(found, expected, JSON.stringify(search));
    }
  });

  test("finds a part whatever characters it has", async (index) => {
    // What stands in the subject, a part that is in it, and one that is not.
    const table: [text: string, parts: string[], others: string[]][] = [
      ['say "yes" now', ['"yes"', '"', 'Y "YES"', 's" n'], ['"no"', '""', "'"]],
      ["it's 100% of * and ?", ["100%", "%", "* and", "*", "'s 1"], ["%%", "100*", "a * ?"]],
      ["one AND two NOT three", ["and two not", "AND", "NEAR".slice(3)], [
        "AND NOT",
        "NEAR(one two)",
      ]],
      ["col:umn ^start {curly} -minus +plus", ["col:umn", "^st", "{cu", "-minus +"], ["col: umn"]],
      ["under_score back\\slash", ["r_s", "k\\s", "_", "\\"], ["r%s", "under.score"]],
      ["before\0behind it", ["behind", "e\0b", "\0", "before\0behind", "d i"], ["beforebehind"]],
      ["smile \u{1f600}\u{1f601} end", ["\u{1f600}", "\u{1f600}\u{1f601}", "e \u{1f600}"], [
        "\u{1f602}",
        "\u{1f601}\u{1f600}",
        "\ud83d",
      ]],
      ["Grüße aus KÖLN", ["GRÜßE", "köln", "Ö", "ü", "üß", "S KÖ"], ["grüsse", "koln", "o\u0308"]],
      ["ΟΔΟΣ ΑΘΗΝΩΝ οδοσήμανση", ["οδος", "ΟΔΟΣ", "ΟΔΟΣΉ", "αθηνων"], ["αθήνων"]],
      ["ПРИВЕТ мир", ["привет", "МИР", "Т м"], ["мирный"]],
      ["\u{10400}\u{10401}\u{10402} Ꭰꭱꭲ \u1c90\u1c91\u1c92", [
        "\u{10428}\u{10429}\u{1042a}",
        "ꭰꭱꭲ",
        "\u10d0\u10d1\u10d2",
      ], ["\u{10429}\u{10428}"]],
      ["İstanbul ŉ ǰ", ["i̇stanbul", "İSTANBUL", "stan"], ["xistanbul"]],
      ["日本語のメール", ["日本語", "本", "のメール", "日本"], ["日語", "メ一ル"]],
      ["tab\tand  spaces", ["\t", "b\ta", "  s"], ["tab and", "and spaces"]],
      ["x", ["x", "X"], ["xx"]],
      ["ab", ["a", "ab", "B"], ["abc", "ba"]],
    ];
    await index.put(table.map(([subject], i) => message(`${i}`, { subject, text: "" })));
    await index.put(table.map(([text], i) => message(`t${i}`, { subject: "", text })));
    for (const [i, [stands, parts, others]] of table.entries()) {
      for (const [list, expected] of [[parts, true], [others, false]] as const) {
        for (const part of list) {
          const what = `${JSON.stringify(part)} in ${JSON.stringify(stands)}`;
          const inSubject = await idsOf(index, { subject: part });
          assertEquals(inSubject.includes(`${i}`), expected, what);
          assertEquals(inSubject.includes(`t${i}`), false, what);
          const anywhere = await idsOf(index, { text: part });
          assertEquals(anywhere.includes(`${i}`), expected, what);
          assertEquals(anywhere.includes(`t${i}`), expected, what);
        }
      }
    }
  });

  test("finds a long part whole, and none whose trigrams are all there but not in a row", async (index) => {
    const long = Array.from({ length: 40 }, (_, i) => `word${i}`).join(" ");
    await index.put([
      message("long", { subject: long }),
      message("cut", { subject: long.slice(0, 70) + "!" + long.slice(70) }),
      message("apart", { subject: "abc bcd cde", text: "abcd bcde" }),
      message("row", { subject: "abcde" }),
      message("both", { subject: "abc", text: "cde" }),
    ]);
    const table: [search: Search, expected: string[]][] = [
      [{ subject: long }, ["long"]],
      [{ text: long.toUpperCase() }, ["long"]],
      [{ subject: `${long}0` }, []],
      [{ subject: long.slice(10, 77) }, ["long"]],
      [{ subject: long.slice(0, 66) }, ["cut", "long"]],
      [{ subject: "x".repeat(100_000) }, []],
      [{ text: "abcde" }, ["row"]],
      [{ subject: "abcd" }, ["row"]],
      [{ text: "abcd" }, ["row", "apart"]],
      [{ subject: "abc", text: "cde" }, ["both", "row", "apart"]],
    ];
    for (const [search, expected] of table) {
      const what = JSON.stringify(search).slice(0, 100);
      assertEquals(await idsOf(index, search), expected, what);
    }
  });

  test("finds no part that begins in one address and ends in another", async (index) => {
    await index.put([message("a", { to: ["joe@example.com", "ann@example.com"] })]);
    for (const text of ["com\nann", "comann", "com ann", "\n"]) {
      assertEquals(await idsOf(index, { text }), [], JSON.stringify(text));
    }
    assertEquals(await idsOf(index, { text: "N@EXAMPLE.COM" }), ["a"]);
  });

  test("finds what is removed only where that is asked for", async (index) => {
    await index.put([message("a", { state: "removed" }), message("b")]);
    const searches: Search[] = [{}, { ids: ["a", "b"] }, { text: "hello" }, {
      to: "joe@example.com",
    }];
    const moves: MessageState[] = ["removed", "held", "removed"];
    for (const state of moves) {
      await index.setStates(new Map([["a", state]]));
      for (const search of searches) {
        const expected = state === "removed" ? ["b"] : ["b", "a"];
        assertEquals(await idsOf(index, search), expected, JSON.stringify(search));
        const removed = state === "removed" ? ["a"] : [];
        assertEquals(await idsOf(index, { ...search, state: "removed" }), removed);
      }
    }
  });
}
