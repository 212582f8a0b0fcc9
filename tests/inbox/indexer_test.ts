import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../../lib/queue/store_error.ts";
import { newEntry, octets, put, stage } from "../queue/fixture.ts";
import { turn } from "../net/fake_clock.ts";
import { heldRecipient, InboxWorld } from "./inbox_world.ts";

Deno.test("the indexer puts messages into the index in the order in which they arrive", async () => {
  const world = new InboxWorld();
  const { indexer, told } = world.indexer();
  await using _ = indexer;
  const accepted = world.clock.now();
  const ids = [
    await world.send("one", { accepted: accepted + 2 }),
    await world.send("two", { accepted: accepted + 1 }),
    await world.send("three", { accepted }),
  ];
  await turn();
  assertEquals(world.index.puts.flat(), ids);
  assertEquals(
    told.map((event) => event.type === "indexed" && [event.message.subject, event.number]),
    [["one", 1], ["two", 2], ["three", 3]],
  );
});

Deno.test("the indexer reads no more of a message than its beginning", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  const { id } = await put(world.store, {}, octets(300_000));
  await turn();
  // Under a name of its own: it is not what others are to get who ask for the message.
  assertEquals(world.reader.reads, [[`${id} beginning`, 256 * 1024]]);
});

Deno.test("the indexer takes what has gathered together, in batches", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  await turn();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.reader.before = () => opened;
  for (let i = 0; i < 121; i++) await world.send();
  open();
  await turn();
  assertEquals(world.index.puts.map(({ length }) => length), [1, 50, 50, 20]);
});

Deno.test("the indexer rests while much comes in, unless somebody waits", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  await turn();
  // Each message takes 10 ms.
  world.reader.before = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    world.clock.after(10, resolve);
    await promise;
  };
  for (let i = 0; i < 250; i++) await world.send();
  const sizes = () => world.index.puts.map(({ length }) => length);
  // The first one was begun alone.
  await world.pass(10);
  assertEquals(sizes(), [1]);
  await world.pass(30);
  assertEquals(world.reader.reads.length, 1, "it rests for 40 ms behind 10 ms of work");
  // Four are read at once, so that 50 of them take 130 ms.
  await world.pass(10 + 130);
  assertEquals(sizes(), [1, 50]);
  await world.pass(500);
  assertEquals(sizes(), [1, 50]);
  {
    using _hurry = indexer.hurry();
    await world.pass(260);
    assertEquals(sizes(), [1, 50, 50, 50]);
  }
  await world.pass(1_000);
  // By now they have come long ago.
  assertEquals(sizes(), [1, 50, 50, 50, 50, 49]);
});

Deno.test("the indexer says when what had happened is in the index", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  await turn();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  await world.send();
  world.index.gate = () => opened;
  await world.send();
  let isReached = false;
  using reaching = indexer.reach();
  reaching.reached.then(() => isReached = true);
  await turn();
  assertEquals(isReached, false);
  open();
  await turn();
  assertEquals([isReached, world.index.messages.size], [true, 2]);
});

Deno.test("the indexer begins with what is in the queue, and forgets what is not", async () => {
  const world = new InboxWorld();
  const first = world.indexer();
  const kept = await world.send("kept");
  const delivered = await world.send("delivered");
  const removed = await world.send("removed");
  const swept = await world.send("swept");
  await turn();
  await first.indexer.hide([removed]);
  await first.indexer[Symbol.asyncDispose]();
  // Nobody looks while this happens.
  await world.deliver(removed, world.clock.now() + 10);
  await world.deliver(delivered, world.clock.now() + 10);
  await world.deliver(swept);
  await world.store.sweep({ before: world.clock.now() + 1, limit: 9 });
  const added: string[] = [];
  for (let i = 0; i < 120; i++) added.push(await world.send(`new ${i}`));
  const { indexer, told } = world.indexer();
  await using _ = indexer;
  await turn();
  assertEquals(world.index.states(), {
    [kept]: "queued",
    [delivered]: "delivered",
    [removed]: "removed",
    ...Object.fromEntries(added.map((id) => [id, "queued"])),
  });
  const events = told.flatMap((event) =>
    event.type === "indexed"
      ? [`indexed ${event.number}`]
      : event.type === "forgotten"
      ? []
      : [`${event.type} ${event.ids}`]
  );
  assertEquals([...new Set(events)], [
    "indexed undefined",
    `changed ${delivered}`,
    `gone ${swept}`,
  ]);
});

Deno.test("the indexer reads no message again that the index knows", async () => {
  const world = new InboxWorld();
  const first = world.indexer();
  for (let i = 0; i < 60; i++) await world.send();
  await turn();
  await first.indexer[Symbol.asyncDispose]();
  assertEquals(world.reader.reads.length, 60);
  const { indexer } = world.indexer();
  await using _ = indexer;
  await turn();
  assertEquals([world.reader.reads.length, world.index.messages.size], [60, 60]);
});

Deno.test("the indexer follows how messages stand", async () => {
  const world = new InboxWorld();
  const { indexer, told } = world.indexer();
  await using _ = indexer;
  const id = await world.send("x", { recipients: [heldRecipient("a@b.example")] });
  const other = await world.send("y");
  const ids = [id];
  const now = world.clock.now();
  const table: [what: string, act: () => Promise<unknown>, state: string][] = [
    ["at first", () => Promise.resolve(), "held"],
    ["release", () => world.store.release({ ids }, now), "queued"],
    ["hold by address", () => world.store.hold({ to: "a@b" }), "held"],
    ["release all", () => world.store.release({}, now), "queued"],
    ["deliver", () => world.deliver(id), "delivered"],
  ];
  for (const [what, act, state] of table) {
    await act();
    await turn();
    assertEquals(world.index.states(), { [id]: state, [other]: "queued" }, what);
  }
  const changed = told.flatMap((event) => event.type === "changed" ? event.ids : []);
  assertEquals(new Set(changed), new Set(ids), "the other message was not changed");
});

Deno.test("the indexer forgets what was finished and swept, and nothing else", async () => {
  const world = new InboxWorld();
  const { indexer, told } = world.indexer();
  await using _ = indexer;
  const early = [await world.send("a"), await world.send("b")];
  const late = await world.send("c");
  const queued = await world.send("d");
  await world.clock.advance(1_000);
  for (const id of early) await world.deliver(id);
  await world.clock.advance(1_000);
  await world.deliver(late);
  await turn();
  await world.store.sweep({ before: world.clock.now(), limit: 9 });
  await turn();
  assertEquals(world.index.states(), { [late]: "delivered", [queued]: "queued" });
  const gone = told.flatMap((event) => event.type === "gone" ? [...event.ids] : []);
  assertEquals(gone.sort(), early);
});

Deno.test("the indexer passes over a message that cannot be read, and says so", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  await turn();
  const read = world.inner.read.bind(world.inner);
  const faults: StoreError[] = [
    new StoreError("busy", "Cannot read the queue: something else holds it"),
    new StoreError("damaged", "Cannot read message: its octets are not what was committed"),
    new StoreError("missing", "Cannot read message: there is none"),
  ];
  world.inner.read = (id) => {
    const fault = faults.shift();
    if (fault !== undefined) throw fault;
    return read(id);
  };
  const damaged = await world.send("damaged");
  await turn();
  assertEquals(world.logged.splice(0), ["index-failed "]);
  await world.clock.advance(1_000);
  await turn();
  await world.send("missing");
  await turn();
  const good = await world.send("good");
  await turn();
  assertEquals(Object.keys(world.index.states()), [good]);
  assertEquals(world.logged, [`not-indexed ${damaged}`]);
  using reaching = indexer.reach();
  await reaching.reached;
});

Deno.test("the indexer tries again, later each time, what fails through no fault of a message", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  await turn();
  let failures = 2;
  world.index.gate = (call) => {
    if (call === "put" && failures-- > 0) throw new Error("Cannot write: EIO");
  };
  const id = await world.send();
  await turn();
  assertEquals(world.logged.length, 1);
  await world.clock.advance(999);
  assertEquals(world.logged.length, 1);
  await world.clock.advance(1);
  await turn();
  assertEquals(world.logged.length, 2);
  await world.clock.advance(1_999);
  assertEquals(world.index.messages.size, 0);
  await world.clock.advance(1);
  await turn();
  assertEquals(Object.keys(world.index.states()), [id]);
});

Deno.test("the indexer remembers a bounded number of messages and finds the others in the queue", async () => {
  const world = new InboxWorld();
  const { indexer, told } = world.indexer(10);
  await using _ = indexer;
  await world.send("first");
  await turn();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.reader.before = () => opened;
  const ids = [];
  for (let i = 0; i < 34; i++) ids.push(await world.send(`${i}`));
  open();
  await turn();
  assertEquals(new Set(world.index.puts.slice(1).flat()), new Set(ids));
  assertEquals(world.index.puts.flat().length, 35, "none was put twice");
  const forgotten = told.flatMap((event) =>
    event.type === "forgotten" ? event.arrivals.map(({ number }) => number) : []
  );
  assertEquals(forgotten, Array.from({ length: 33 }, (_, i) => i + 2));
  const numbers = told.flatMap((event) => event.type === "indexed" ? [event.number] : []);
  // The first was being read when it was forgotten, and the last came behind all that were.
  assertEquals(numbers.filter((number) => number !== undefined), [1, 2, 35]);
});

Deno.test("the indexer goes through all of the queue, whatever is forgotten on the way", async () => {
  for (const late of [-1_000, 1_000]) {
    const world = new InboxWorld();
    const accepted = world.clock.now();
    for (let i = 0; i < 120; i++) await world.send(`${i}`);
    const { indexer } = world.indexer(3);
    await using _ = indexer;
    world.reader.before = async () => {
      world.reader.before = () => {};
      for (let i = 0; i < 5; i++) await world.send(`late ${i}`, { accepted: accepted + late });
    };
    await turn();
    assertEquals([world.index.messages.size, world.index.puts.flat().length], [125, 125]);
  }
});

Deno.test("the indexer goes through the queue where too many messages have changed", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer(10);
  await using _ = indexer;
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) ids.push(await world.send());
  await turn();
  await world.store.hold({ ids });
  await world.store.hold({ ids: [...ids, "another"] });
  await turn();
  assert(Object.values(world.index.states()).every((state) => state === "held"));
});

Deno.test("the indexer leaves a message alone that the store has and nobody was told of", async () => {
  const world = new InboxWorld();
  const commit = world.inner.commit.bind(world.inner);
  const { promise: flushed, resolve: flush } = Promise.withResolvers<void>();
  world.inner.commit = async (entry, body) => {
    await commit(entry, body);
    await flushed;
  };
  const entry = newEntry();
  const committed = world.store.commit(entry, await stage(world.store, octets(10)));
  const { indexer, told } = world.indexer();
  await using _ = indexer;
  await turn();
  assertEquals(told, []);
  flush();
  await committed;
  await turn();
  assertEquals(told.map((event) => event.type === "indexed" && event.number), [1]);
});

Deno.test("the indexer puts a message once that arrives while it looks at the queue", async () => {
  const world = new InboxWorld();
  const list = world.inner.list.bind(world.inner);
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.inner.list = async (filter, options) => {
    await opened;
    return await list(filter, options);
  };
  const { indexer, told } = world.indexer();
  await using _ = indexer;
  await turn();
  const id = await world.send();
  open();
  await turn();
  assertEquals(world.index.puts, [[id]]);
  assertEquals(told.map((event) => event.type === "indexed" && event.number), [1]);
});

Deno.test("the indexer looks again at a message that changes while it does so", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  const id = await world.send();
  await turn();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.index.gate = (call) => call === "setStates" ? opened : undefined;
  await world.store.hold({ ids: [id] });
  await turn();
  await world.store.release({ ids: [id] }, world.clock.now());
  open();
  await turn();
  assertEquals(world.index.states(), { [id]: "queued" });
});

Deno.test("what was taken out of the inbox stays out of it, whatever the queue tells", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await using _ = indexer;
  const id = await world.send();
  await world.deliver(id);
  await turn();
  await indexer.hide([id]);
  assertEquals(world.index.states(), { [id]: "removed" });
  await world.store.hold({});
  await world.store.retry({ ids: [id] }, world.clock.now());
  await turn();
  assertEquals(world.index.states(), { [id]: "removed" });
  const recipients = [heldRecipient("c@d.example")];
  await world.store.add(id, { recipients, expires: world.clock.now() });
  await turn();
  assertEquals(world.index.states(), { [id]: "held" });
});

Deno.test("the indexer ends behind what it is doing", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await turn();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.index.gate = () => opened;
  await world.send();
  let isOver = false;
  const ending = indexer[Symbol.asyncDispose]().then(() => isOver = true);
  await turn();
  assertEquals(isOver, false);
  open();
  await ending;
  await world.send();
  await turn();
  assertEquals([world.index.messages.size, world.clock.waiting], [1, 0]);
});

Deno.test("the indexer lets nobody wait for what it does not come to any more", async () => {
  const world = new InboxWorld();
  const { indexer } = world.indexer();
  await turn();
  world.index.gate = (call) => {
    if (call === "put") throw new Error("Cannot write: EIO");
  };
  await world.send();
  await turn();
  using before = indexer.reach();
  await indexer[Symbol.asyncDispose]();
  await before.reached;
  using after = indexer.reach();
  await after.reached;
  assertEquals(world.index.messages.size, 0);
});
