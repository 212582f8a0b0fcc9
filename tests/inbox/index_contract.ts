/** What every index of an inbox has to do, sentence by sentence of its interface. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type {
  IndexedMessage,
  MessageIndex,
  MessageState,
  Search,
} from "../../lib/inbox/message_index.ts";
import { summaryOf } from "../../lib/inbox/summary.ts";
import { NOON } from "../queue/fixture.ts";
import { findAll, idsOf, message } from "./index_messages.ts";
import { searchContract } from "./index_search_contract.ts";

/** Opens an index that is empty, in a place that is removed behind it, if it has one. */
export type OpenIndex = () => Promise<
  { readonly index: MessageIndex; readonly place?: Disposable }
>;

/** Registers a test of the index with this name. */
export type IndexContractTest = (
  name: string,
  run: (index: MessageIndex) => Promise<void>,
) => void;

/** Runs the suite against one implementation. */
export function indexContract(name: string, open: OpenIndex): void {
  const test: IndexContractTest = (sentence, run) => {
    Deno.test(`${name} ${sentence}`, async () => {
      const { index, place } = await open();
      using _ = place;
      await using _open = index;
      await run(index);
    });
  };
  messageContract(test);
  pageContract(test);
  searchContract(test);
  Deno.test(`${name} takes no calls once it is disposed of, which may be done twice`, async () => {
    const { index, place } = await open();
    using _ = place;
    await index.put([message("a")]);
    await index.counts();
    for (let i = 0; i < 2; i++) await index[Symbol.asyncDispose]();
    const calls = [
      () => index.put([message("b")]),
      () => index.setStates(new Map([["a", "queued"]])),
      () => index.setSeen(["a"], true),
      () => index.remove(["a"]),
      () => index.known(["a"]),
      () => index.search({}, { limit: 1 }),
      () => index.counts(),
    ];
    for (const call of calls) {
      await assertRejects(call, Error, "Cannot use the index: it was closed");
    }
  });
}

function messageContract(test: IndexContractTest): void {
  test("gives back what was put", async (index) => {
    const put = message("a", {
      state: "failed",
      from: "",
      to: ['"odd\\" one"@example.com', "Jürgen@exämple.de"],
      recipients: 300,
      subject: 'Grüße "\u{1f600}"\u2028',
      size: 2 ** 40,
      attachments: 3,
      preview: "First words",
    });
    await index.put([put]);
    assertEquals(await findAll(index, {}), [summaryOf(put, false)]);
  });

  test("replaces what it knows of a message, but neither its place nor that it was seen", async (index) => {
    await index.put([message("a"), message("b"), message("c")]);
    assertEquals(await index.setSeen(["b"], true), 1);
    const anew = message("b", {
      state: "queued",
      from: "other@example.org",
      to: ["ann@example.com"],
      subject: "Anew",
      text: "Goodbye",
      attachments: 1,
    });
    await index.put([anew]);
    assertEquals(await idsOf(index, {}), ["c", "b", "a"]);
    assertEquals(await findAll(index, { ids: ["b"] }), [summaryOf(anew, true)]);
    const table: [search: Search, expected: string[]][] = [
      [{ to: "joe@example.com" }, ["c", "a"]],
      [{ to: "ann@example.com" }, ["b"]],
      [{ from: "sender@example.org" }, ["c", "a"]],
      [{ text: "hello" }, ["c", "a"]],
      [{ text: "goodbye" }, ["b"]],
      [{ subject: "Subject of" }, ["c", "a"]],
      [{ state: "queued" }, ["b"]],
      [{ hasAttachment: true }, ["b"]],
    ];
    for (const [search, expected] of table) {
      assertEquals(await idsOf(index, search), expected, JSON.stringify(search));
    }
    assertEquals(await index.counts(), {
      total: 3,
      unseen: 2,
      states: { held: 2, queued: 1, failed: 0, delivered: 0, removed: 0 },
    });
  });

  test("tells how messages stand, and passes over those that it does not know", async (index) => {
    await index.put([message("a"), message("b")]);
    const states: [string, MessageState][] = [["a", "delivered"], ["x", "failed"], ["b", "held"]];
    await index.setStates(new Map(states));
    await index.setStates(new Map());
    const found = await findAll(index, {});
    assertEquals(found.map(({ id, state }) => [id, state]), [["b", "held"], ["a", "delivered"]]);
    assertEquals(await index.counts(), {
      total: 2,
      unseen: 2,
      states: { held: 1, queued: 0, failed: 0, delivered: 1, removed: 0 },
    });
  });

  test("counts those that were not seen before, each once", async (index) => {
    await index.put([message("a"), message("b"), message("c", { state: "removed" })]);
    const table: [ids: string[], seen: boolean, expected: number, unseen: number][] = [
      [["a", "a", "x"], true, 1, 1],
      [["a", "b"], true, 1, 0],
      [["a", "b"], true, 0, 0],
      [["c"], true, 1, 0],
      [[], true, 0, 0],
      [["b", "c"], false, 2, 1],
      [["x"], false, 0, 1],
    ];
    for (const [ids, seen, expected, unseen] of table) {
      assertEquals(await index.setSeen(ids, seen), expected, `${ids} ${seen}`);
      assertEquals((await index.counts()).unseen, unseen, `${ids} ${seen}`);
    }
    assertEquals(await idsOf(index, { seen: true }), ["a"]);
    assertEquals(await idsOf(index, { seen: false }), ["b"]);
  });

  test("forgets messages with all that is known of them", async (index) => {
    await index.put([message("a"), message("b")]);
    await index.setSeen(["a"], true);
    await index.remove(["a", "x"]);
    await index.remove([]);
    for (const search of [{}, { text: "hello" }, { to: "joe@example.com" }, { ids: ["a", "b"] }]) {
      assertEquals(await idsOf(index, search), ["b"], JSON.stringify(search));
    }
    assertEquals((await index.counts()).total, 1);
    // One that comes again is another one, which nobody has seen.
    await index.put([message("a")]);
    assertEquals(await idsOf(index, { seen: false }), ["a", "b"]);
  });

  test("says which of some messages it knows", async (index) => {
    await index.put([message("a"), message("b", { state: "removed" })]);
    assertEquals(await index.known(["a", "b", "x", "a"]), new Set(["a", "b"]));
    assertEquals(await index.known([]), new Set());
  });

  test("counts all but the removed ones, and how many are in each state", async (index) => {
    const none = { held: 0, queued: 0, failed: 0, delivered: 0, removed: 0 };
    assertEquals(await index.counts(), { total: 0, unseen: 0, states: none });
    const states: MessageState[] = ["held", "queued", "queued", "failed", "delivered", "removed"];
    await index.put(states.map((state, i) => message(`${i}`, { state })));
    await index.setSeen(["1", "5"], true);
    assertEquals(await index.counts(), {
      total: 5,
      unseen: 4,
      states: { held: 1, queued: 2, failed: 1, delivered: 1, removed: 1 },
    });
  });
}

function pageContract(test: IndexContractTest): void {
  const many = (count: number, more: (i: number) => Partial<IndexedMessage> = () => ({})) =>
    Array.from({ length: count }, (_, i) => message(`m${i}`, { received: NOON + i, ...more(i) }));

  test("gives the newest first, and of one millisecond what came last", async (index) => {
    await index.put([
      message("b", { received: NOON + 2 }),
      message("a", { received: NOON + 1 }),
      message("c", { received: NOON + 2 }),
      message("d", { received: NOON - 1 }),
    ]);
    assertEquals(await idsOf(index, {}), ["c", "b", "a", "d"]);
    for (const limit of [1, 2, 3, 4]) {
      assertEquals(await idsOf(index, {}, limit), ["c", "b", "a", "d"], `${limit}`);
    }
  });

  test("gives no message twice and leaves none out while others come and go", async (index) => {
    await index.put(many(40));
    const stay = new Set(Array.from({ length: 40 }, (_, i) => `m${i}`).filter((_, i) => i % 4));
    const found: string[] = [];
    let cursor: string | undefined;
    for (let round = 0;; round++) {
      const options = { limit: 3, ...cursor !== undefined && { cursor } };
      const { messages, next } = await index.search({ to: "joe@example.com" }, options);
      found.push(...messages.map(({ id }) => id));
      if (next === undefined) break;
      cursor = next;
      // One goes that the cursor may stand on, one that is yet to be found; newer and older ones come.
      await index.remove([`m${40 - round * 4}`, `m${round * 4}`]);
      await index.put([
        message(`new${round}`, { received: NOON + 100 + round }),
        message(`old${round}`, { received: NOON - 1 - round }),
        message(`m${39 - round}`, { received: NOON + 39 - round, subject: "Replaced" }),
      ].filter(({ id }) => !id.startsWith("m") || stay.has(id)));
    }
    assertEquals(found.length, new Set(found).size);
    assertEquals([...stay].filter((id) => !found.includes(id)), []);
  });

  test("comes to the end of a search for which it has to look at much", async (index) => {
    // More than what is compared for a page, and more than what is looked at in a step.
    await index.put(many(6000, (i) => i % 3000 === 0 ? { text: "needle ü" } : {}));
    await index.put([message("last", { received: NOON + 7000, size: 5 })]);
    const table: [search: Search, expected: string[]][] = [
      [{ text: "needle" }, ["m3000", "m0"]],
      [{ text: "ü" }, ["m3000", "m0"]],
      [{ text: "xyz" }, []],
      [{ text: "z" }, []],
      [{ maxSize: 5 }, ["last"]],
      [{ minSize: 5000 }, []],
      // All its trigrams are in each of them, and it is in none.
      [{ text: "hellhello" }, []],
    ];
    for (const [search, expected] of table) {
      assertEquals(await idsOf(index, search, 2), expected, JSON.stringify(search));
    }
  });

  test("refuses a cursor that is none", async (index) => {
    await index.put(many(3));
    const cursors = ["", " ", "-1", "A", "1.5", "zzzzzzzzzzz", "1".repeat(12), "é", "0_10", "1\n"];
    for (const cursor of cursors) {
      await assertRejects(
        () => index.search({}, { cursor, limit: 1 }),
        SyntaxError,
        "Cannot go on with this cursor",
        JSON.stringify(cursor),
      );
    }
    const { next } = await index.search({}, { limit: 1 });
    assert(next !== undefined && (await index.search({}, { cursor: next, limit: 5 })).messages[1]);
  });

  test("refuses a page or a list of ids of another size than it can give", async (index) => {
    for (const limit of [0, -1, 1001, 1.5, NaN, Infinity]) {
      await assertRejects(() => index.search({}, { limit }), RangeError, "1 to 1000", `${limit}`);
    }
    const ids = Array.from({ length: 1001 }, (_, i) => `${i}`);
    await assertRejects(() => index.search({ ids }, { limit: 1 }), RangeError, "1001 ids");
    assertEquals(await idsOf(index, { ids: ids.slice(1) }), []);
  });
}
