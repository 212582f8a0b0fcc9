import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Indexer } from "../../lib/inbox/indexer.ts";
import type { Search } from "../../lib/inbox/message_index.ts";
import { Waiting, type WaitOptions } from "../../lib/inbox/waiting.ts";
import { newEntry, recipient, stage } from "../queue/fixture.ts";
import { turn } from "../net/fake_clock.ts";
import { InboxWorld } from "./inbox_world.ts";

/** A world with waiters in it. */
class WaitingWorld extends InboxWorld implements AsyncDisposable {
  readonly indexing: Indexer = this.indexer().indexer;
  readonly waiting: Waiting = new Waiting({ ...this, indexer: this.indexing });

  /** Waits for one message; what comes of it, once there is something. */
  wait(search: Search, options: WaitOptions = { timeout: 10_000 }): { readonly ids: string[] } {
    const ids: string[] = [];
    const waiter = this.waiting.begin(search, options);
    waiter.next().then((id) => {
      ids.push(id ?? "nothing");
      waiter[Symbol.dispose]();
    }, (error) => ids.push(String(error)));
    return { ids };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.waiting[Symbol.dispose]();
    await this.indexing[Symbol.asyncDispose]();
  }
}

Deno.test("a waiter gets the next message that fits", async () => {
  await using world = new WaitingWorld();
  await world.send("code 1");
  const { ids } = world.wait({ subject: "code" });
  await world.send("other");
  await turn();
  assertEquals(ids, []);
  const id = await world.send("CODE 2");
  await world.send("code 3");
  await turn();
  assertEquals([ids, world.clock.waiting], [[id], 0]);
});

Deno.test("a waiter gets the newest message since a time, if there is one", async () => {
  await using world = new WaitingWorld();
  const start = world.clock.now();
  const first = await world.send("code 1");
  await world.clock.advance(10);
  const second = await world.send("code 2");
  const table: [since: number, expected: string[]][] = [
    [start, [second]],
    [start + 10, [second]],
    [start + 11, []],
  ];
  for (const [since, expected] of table) {
    const { ids } = world.wait({ subject: "code", since });
    await turn();
    assertEquals(ids, expected);
  }
  assert(world.index.messages.has(first));
});

Deno.test("a waiter looks at once where it has no time, and else until that is up", async () => {
  await using world = new WaitingWorld();
  const start = world.clock.now();
  const id = await world.send();
  await turn();
  assertEquals(world.clock.waiting, 0);
  const table: [search: Search, timeout: number, expected: string[]][] = [
    [{}, 0, ["nothing"]],
    [{ since: start }, 0, [id]],
    [{ since: start + 1 }, 0, ["nothing"]],
    [{}, 50, []],
    [{ since: start + 1 }, 50, []],
  ];
  const waits = table.map(([search, timeout]) => world.wait(search, { timeout }));
  await turn();
  assertEquals(waits.map(({ ids }) => ids), table.map(([, , expected]) => expected));
  await world.clock.advance(49);
  assertEquals(waits.at(-1)!.ids, []);
  await world.clock.advance(1);
  await turn();
  assertEquals(waits.map(({ ids }) => ids.length), [1, 1, 1, 1, 1]);
  assertEquals(world.clock.waiting, 0);
});

Deno.test("a waiter is told what has come in the meantime, newest first", async () => {
  await using world = new WaitingWorld();
  const start = world.clock.now();
  const before = await world.send("before");
  using waiter = world.waiting.begin({ subject: "x" }, { timeout: 10 });
  using since = world.waiting.begin({ subject: "x", since: start }, { timeout: 10 });
  assertEquals(await waiter.meanwhile(), []);
  const ids: string[] = [before];
  for (let i = 0; i < 25; i++) ids.unshift(await world.send("other"));
  await turn();
  const idsOf = async (one: typeof waiter) => (await one.meanwhile()).map(({ id }) => id);
  assertEquals(await idsOf(waiter), ids.slice(0, 20));
  assertEquals(await idsOf(since), ids.slice(0, 20));
  using late = world.waiting.begin({}, { timeout: 10 });
  const last = await world.send("last");
  await turn();
  assertEquals(await idsOf(late), [last]);
});

Deno.test("a waiter leaves when it is told to, for the reason that is given", async () => {
  await using world = new WaitingWorld();
  const left = new AbortController();
  const { ids } = world.wait({}, { timeout: 10_000, signal: left.signal });
  const looking = world.wait({ since: 0 }, { timeout: 10_000, signal: left.signal });
  await turn();
  left.abort(new Error("the client has gone"));
  await turn();
  assertEquals([ids, looking.ids], [["Error: the client has gone"], [
    "Error: the client has gone",
  ]]);
  const gone = AbortSignal.abort(new Error("gone before"));
  using waiter = world.waiting.begin({}, { timeout: 10, signal: gone });
  await assertRejects(() => waiter.next(), Error, "gone before");
});

Deno.test("a waiter goes on to the next message, and gets none twice", async () => {
  await using world = new WaitingWorld();
  const start = world.clock.now();
  const first = await world.send("a");
  using waiter = world.waiting.begin({ since: start }, { timeout: 10 });
  const second = await world.send("b");
  assertEquals(await waiter.next(), first);
  assertEquals(await waiter.next(), second);
  await world.clock.advance(10);
  assertEquals(await waiter.next(), undefined);
});

Deno.test("no more wait than there may, and those that do are told when the inbox closes", async () => {
  const world = new WaitingWorld();
  const waiters = Array.from({ length: 10_000 }, () => world.waiting.begin({}, { timeout: 10 }));
  assertThrows(() => world.waiting.begin({}, { timeout: 10 }), RangeError, "Cannot wait");
  waiters.pop()![Symbol.dispose]();
  using last = world.waiting.begin({}, { timeout: 10 });
  await world[Symbol.asyncDispose]();
  await assertRejects(() => last.next(), Error, "the inbox is closed");
  for (const waiter of waiters) waiter[Symbol.dispose]();
  assertThrows(() => world.waiting.begin({}, { timeout: 10 }), Error, "the inbox is closed");
  assertEquals(world.clock.waiting, 1, "only the last one has its timer");
});

Deno.test("a thousand waiters get a message that is read once", async () => {
  await using world = new WaitingWorld();
  const waits = Array.from({ length: 1_000 }, (_, i) => world.wait({ to: `u${i}@b.example` }));
  const everybody = world.wait({});
  await turn();
  const to7 = await world.send("x", { recipients: [recipient("U7@b.example")] });
  await turn();
  assertEquals(waits.flatMap(({ ids }, i) => ids.map((id) => [i, id])), [[7, to7]]);
  assertEquals([everybody.ids, world.reader.reads.length], [[to7], 1]);
});

Deno.test("nobody who waits has to wait for the indexer to rest", async () => {
  await using world = new WaitingWorld();
  await turn();
  world.reader.before = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    world.clock.after(10, resolve);
    await promise;
  };
  for (let i = 0; i < 100; i++) await world.send();
  await world.pass(20);
  assertEquals(world.index.messages.size, 1);
  const { ids } = world.wait({ subject: "mine" });
  const mine = await world.send("mine");
  // The 99 messages before it take 130 ms each 50.
  await world.pass(260);
  assertEquals(ids, [mine]);
  world.reader.before = () => {};
});

Deno.test("a message is not missed where too many wait to be indexed", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer(10);
  const waiting = new Waiting({ ...world, indexer });
  await turn();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.reader.before = () => opened;
  const early = await world.send("early");
  await world.clock.advance(5);
  using waiter = waiting.begin({ subject: "slow" }, { timeout: 10_000 });
  await world.clock.advance(5);
  using later = waiting.begin({ subject: "slow" }, { timeout: 10_000 });
  // Its commit took long: it was accepted before the first waiter came.
  const slow = await world.send("slow", { accepted: world.clock.now() - 7 });
  for (let i = 0; i < 12; i++) await world.send(`${i}`);
  using last = waiting.begin({}, { timeout: 10_000 });
  const after = await world.send("after");
  open();
  const got = [await waiter.next(), await later.next(), await last.next()];
  assertEquals(got, [slow, slow, after]);
  assert(world.index.messages.has(early));
  waiting[Symbol.dispose]();
  await indexer[Symbol.asyncDispose]();
});

/** What may happen in any order: commits settle, puts and a search of the index happen, waiters come. */
const STEPS = ["settle a", "settle b", "put", "put", "next", "since", "look"] as const;
type Step = typeof STEPS[number];

/** Every order of some steps; those that are alike are not told apart. */
function* orders(steps: readonly Step[]): Generator<Step[]> {
  if (steps.length === 0) yield [];
  for (const first of new Set(steps)) {
    const at = steps.indexOf(first);
    for (const rest of orders(steps.toSpliced(at, 1))) yield [first, ...rest];
  }
}

/** Lets callers through one by one, as often as it was opened. */
function turnstile(): { pass: () => Promise<void>; open: () => void } {
  const waiting: (() => void)[] = [];
  let free = 0;
  return {
    pass() {
      if (free > 0) {
        free--;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    open() {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    },
  };
}

/** Lets all happen in one order, and looks what the waiters get. */
async function check(order: readonly Step[]): Promise<void> {
  await using world = new WaitingWorld();
  await turn();
  const start = world.clock.now();
  const puts = turnstile();
  const looks = turnstile();
  const commits = { a: turnstile(), b: turnstile() };
  world.index.gate = (call) => call === "put" ? puts.pass() : looks.pass();
  const commit = world.inner.commit.bind(world.inner);
  const [a, b] = [newEntry({ accepted: start }), newEntry({ accepted: start })];
  world.inner.commit = async (entry, body) => {
    await commit(entry, body);
    await commits[entry.id === a.id ? "a" : "b"].pass();
  };
  for (const entry of [a, b]) void world.store.commit(entry, await stage(world.store, octets()));
  const settled: string[] = [];
  const expected: Record<"next" | "since", string | undefined> = {
    next: undefined,
    since: undefined,
  };
  const waits: Partial<Record<"next" | "since", { readonly ids: string[] }>> = {};
  for (const step of order) {
    switch (step) {
      case "settle a":
      case "settle b": {
        const { id } = step === "settle a" ? a : b;
        commits[step === "settle a" ? "a" : "b"].open();
        settled.push(id);
        if (waits.next !== undefined) expected.next ??= id;
        if (waits.since !== undefined) expected.since ??= id;
        break;
      }
      case "put":
        puts.open();
        break;
      case "look":
        looks.open();
        break;
      case "next":
        waits.next = world.wait({});
        break;
      case "since":
        // The newest of those that are there already: their ids ascend.
        expected.since = settled.toSorted().at(-1);
        waits.since = world.wait({ since: start });
    }
    await turn();
  }
  world.index.gate = () => {};
  const what = order.join(", ");
  assertEquals(waits.next?.ids, expected.next === undefined ? [] : [expected.next], what);
  assertEquals(waits.since?.ids, [expected.since], what);
  assertEquals(world.reader.reads.length, 2, what);
}

Deno.test("a waiter gets its message once, in whatever order all happens", async () => {
  const all = [...orders(STEPS)];
  assertEquals(all.length, 2520);
  // All at once, since each waits for its turn again and again.
  await Promise.all(all.map(check));
});

function octets(): Uint8Array {
  return new TextEncoder().encode("Subject: x\r\n\r\nx\r\n");
}
