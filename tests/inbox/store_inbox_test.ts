import { assert, assertEquals, assertRejects } from "@std/assert";
import { storeOperator } from "../../lib/cli/operator.ts";
import type { Inbox, InboxAction, InboxEvent } from "../../lib/inbox/inbox.ts";
import type { MessageState } from "../../lib/inbox/message_index.ts";
import { storeInbox } from "../../lib/inbox/store_inbox.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { put } from "../queue/fixture.ts";
import { turn } from "../net/fake_clock.ts";
import { heldRecipient, InboxWorld } from "./inbox_world.ts";

const LIFETIME = 86_400_000;

/** A world with an inbox. */
class FullWorld extends InboxWorld implements AsyncDisposable {
  /** How often the scheduler was woken. */
  woken = 0;
  readonly inbox: Inbox = storeInbox({
    ...this,
    act: (action, filter) =>
      storeOperator({
        store: this.store,
        isHeld: () => false,
        wake: () => this.woken++,
        forgive: () => {},
        notices: () => Promise.resolve([]),
        lifetime: LIFETIME,
        clock: this.clock,
      }).act(action, filter),
    wake: () => this.woken++,
    lifetime: LIFETIME,
  });

  sendHeld(text?: string): Promise<string> {
    return this.send(text, { recipients: [heldRecipient("a@b.example")] });
  }

  /** The ids that are found, and how they stand. */
  async found(state?: MessageState): Promise<[string, MessageState][]> {
    const search = state === undefined ? {} : { state };
    const { messages } = await this.inbox.search(search, { limit: 1_000 });
    return messages.map(({ id, state }) => [id, state]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.inbox[Symbol.asyncDispose]() as Promise<void>;
  }
}

Deno.test("the inbox finds a message that was sent before it is asked", async () => {
  await using world = new FullWorld();
  const one = await world.send("one");
  await world.clock.advance(1);
  const two = await world.send("two");
  assertEquals(await world.found(), [[two, "queued"], [one, "queued"]]);
  assertEquals((await world.inbox.counts()).total, 2);
  await world.deliver(two);
  assertEquals(await world.found(), [[two, "delivered"], [one, "queued"]]);
});

Deno.test("the inbox answers within two seconds, whatever is not in the index by then", async () => {
  await using world = new FullWorld();
  const first = await world.send();
  await world.found();
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  world.reader.before = () => opened;
  await world.send();
  const found = world.found();
  await world.clock.advance(2_000);
  assertEquals(await found, [[first, "queued"]]);
  const behind = await world.inbox.condition();
  open();
  assertEquals((await world.found()).length, 2);
  // The comparison with the whole queue that each start begins with waits for what is new.
  assertEquals(behind, { messages: 1, waiting: 1, isComparing: true });
  const upToDate = { messages: 2, waiting: 0, isComparing: false };
  assertEquals(await world.inbox.condition(), upToDate);
});

Deno.test("the inbox shows a message as it stands, in the index or not", async () => {
  await using world = new FullWorld();
  const id = await world.send("Welcome");
  const { summary, entry, content } = (await world.inbox.show(id))!;
  assertEquals([summary.subject, summary.state, summary.seen], ["Welcome", "queued", false]);
  assertEquals([entry.id, content.text], [id, "This is Welcome."]);
  await world.inbox.act("seen", { ids: [id] });
  await world.deliver(id);
  const after = (await world.inbox.show(id))!.summary;
  assertEquals([after.state, after.seen], ["delivered", true]);
  await world.inbox.act("remove", { ids: [id] });
  assertEquals((await world.inbox.show(id))!.summary.state, "removed");
});

Deno.test("the inbox answers nothing for a message that is not there", async () => {
  await using world = new FullWorld();
  const { inbox } = world;
  const id = "0000000000000000";
  assertEquals(
    [
      await inbox.show(id),
      await inbox.ledger(id),
      await inbox.raw(id),
      await inbox.header(id),
      await inbox.part(id, 0),
    ],
    Array(5).fill(undefined),
  );
  assertEquals([await inbox.release(id), await inbox.act("hold", { ids: [id] })], [false, 0]);
  assertEquals(await inbox.release(id, { to: ["a@b.example"] }), false);
  assertEquals(await inbox.release(id, { route: "discard" }), false);
});

Deno.test("the inbox passes on that a message cannot be read", async () => {
  await using world = new FullWorld();
  const id = await world.send();
  world.inner.read = () => {
    throw new StoreError("damaged", "Cannot read message: its octets are missing");
  };
  await assertRejects(() => world.inbox.show(id), StoreError, "its octets are missing");
  await assertRejects(() => world.inbox.header(id), StoreError, "its octets are missing");
});

Deno.test("the inbox tells the way of a message without reading it", async () => {
  await using world = new FullWorld();
  const id = await world.send();
  await world.deliver(id);
  await world.found();
  const reads = world.reader.reads.length;
  const { entry, attempts } = (await world.inbox.ledger(id))!;
  assertEquals([entry.recipients[0].state, attempts.length], ["delivered", 1]);
  assertEquals(world.reader.reads.length, reads);
});

Deno.test("the inbox streams the octets of a message as they are asked for, and lets go of them", async () => {
  await using world = new FullWorld();
  const { id } = await put(world.store, {}, new Uint8Array(30));
  await world.found();
  const slice = new Uint8Array(10);
  const log: string[] = [];
  world.inner.read = async function* () {
    try {
      for (let i = 1; i <= 3; i++) {
        log.push(`slice ${i}`);
        slice.fill(i);
        yield slice;
      }
    } finally {
      log.push("closed");
    }
  };
  const { size, octets } = (await world.inbox.raw(id))!;
  assertEquals([size, log], [30, []]);
  const reader = octets.getReader();
  const first = (await reader.read()).value!;
  await turn();
  assertEquals(log, ["slice 1"]);
  await reader.read();
  assertEquals([first[0], log], [1, ["slice 1", "slice 2"]]);
  await reader.cancel();
  assertEquals(log, ["slice 1", "slice 2", "closed"]);
});

Deno.test("the inbox shows the header section of a message as text", async () => {
  await using world = new FullWorld();
  const table: [octets: string, expected: string][] = [
    ["A: b\r\n c\r\nD: e\r\n\r\nbody\r\n\r\nbody\r\n", "A: b\n c\nD: e\n"],
    ["A: \u00fc\ufeff\r\n\r\n", "A: \u00fc\ufeff\n"],
    ["A: b\r\n", "A: b\n"],
    ["A: b", "A: b"],
    ["\r\nbody", ""],
    ["no header at all\r\n", ""],
    // What is beyond a mebioctet is left out.
    [`A: b\r\n${"C: d\r\n".repeat(200_000)}`, `A: b\n${"C: d\n".repeat(2 ** 20 / 6 - 1)}C: d`],
  ];
  for (const [octets, expected] of table) {
    const { id } = await put(world.store, {}, new TextEncoder().encode(octets));
    const header = (await world.inbox.header(id))!;
    assert(header === expected, `${octets.slice(0, 50)} became ${header.slice(-50)}`);
  }
  const { id } = await put(world.store, {}, Uint8Array.of(65, 58, 255, 13, 10, 13, 10));
  assertEquals(await world.inbox.header(id), "A:\ufffd\n");
});

Deno.test("the inbox gives the parts of a message", async () => {
  await using world = new FullWorld();
  const { id } = await put(world.store, {}, Uint8Array.of(65, 66));
  const { octets } = (await world.inbox.part(id, 0))!;
  assertEquals([...octets], [65, 66]);
  assertEquals(await world.inbox.part(id, 1), undefined);
});

Deno.test("the inbox answers who waits with the message, or with what has come", async () => {
  await using world = new FullWorld();
  const found = world.inbox.wait({ subject: "code" }, { timeout: 100 });
  const missed = world.inbox.wait({ subject: "other" }, { timeout: 100 });
  const id = await world.send("Your code");
  const awaited = await found;
  assert(awaited.kind === "found");
  assertEquals([awaited.message.entry.id, awaited.message.content.subject], [id, "Your code"]);
  await world.clock.advance(100);
  const nothing = await missed;
  assert(nothing.kind === "nothing");
  assertEquals(nothing.arrived.map(({ id, subject }) => [id, subject]), [[id, "Your code"]]);
});

Deno.test("the inbox goes on waiting where a message is gone before it can be read", async () => {
  await using world = new FullWorld();
  await turn();
  const show = world.inner.show.bind(world.inner);
  let isGone = true;
  world.inner.show = async (id) => {
    const entry = await show(id);
    if (!isGone) return entry;
    isGone = false;
    return undefined;
  };
  const waiting = world.inbox.wait({}, { timeout: 100 });
  await world.send("one");
  const two = await world.send("two");
  const awaited = await waiting;
  assertEquals(awaited.kind === "found" && awaited.message.entry.id, two);
});

Deno.test("the inbox reads a message once for all who are answered with it", async () => {
  await using world = new FullWorld();
  await turn();
  const waiting = Array.from({ length: 50 }, () => world.inbox.wait({}, { timeout: 100 }));
  const id = await world.send();
  const found = await Promise.all(waiting);
  assert(found.every((one) => one.kind === "found" && one.message.entry.id === id));
  assertEquals(world.reader.reads.length, 2, "once for the index, and once for them");
});

Deno.test("who waits may leave before and while it waits", async () => {
  await using world = new FullWorld();
  const reason = new Error("the client has gone");
  const signal = AbortSignal.abort(reason);
  await assertRejects(() => world.inbox.wait({}, { timeout: 10, signal }), Error, "has gone");
  const left = new AbortController();
  const waiting = world.inbox.wait({}, { timeout: 10, signal: left.signal });
  left.abort(reason);
  await assertRejects(() => waiting, Error, "has gone");
  assertEquals(world.clock.waiting, 0);
});

Deno.test("the inbox does to all messages that are found what is asked", async () => {
  const table: [from: MessageState, action: InboxAction, to: MessageState][] = [
    ["queued", "hold", "held"],
    ["held", "release", "queued"],
    ["queued", "retry", "queued"],
    ["held", "bounce", "failed"],
    ["queued", "remove", "removed"],
  ];
  for (const [from, action, to] of table) {
    await using world = new FullWorld();
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      ids.unshift(from === "held" ? await world.sendHeld("some") : await world.send("some"));
    }
    const other = from === "held" ? await world.sendHeld("other") : await world.send("other");
    assertEquals(await world.inbox.act(action, { subject: "some" }), 3);
    // Whoever asks next sees it done.
    assertEquals(ids.map((id) => world.index.states()[id]), [to, to, to]);
    assertEquals(
      new Set(await world.found(to)),
      new Set([
        ...ids.map((id): [string, MessageState] => [id, to]),
        ...from === to ? [[other, to] as [string, MessageState]] : [],
      ]),
      action,
    );
    assert(world.woken > 0);
  }
});

Deno.test("the inbox acts on more messages than it takes at once", async () => {
  await using world = new FullWorld();
  for (let i = 0; i < 450; i++) await world.sendHeld();
  assertEquals(await world.inbox.act("release", { state: "held" }), 450);
  assertEquals((await world.inbox.counts()).states.queued, 450);
  assertEquals(await world.inbox.act("seen", { seen: false }), 450);
  assertEquals((await world.inbox.counts()).unseen, 0);
});

Deno.test("what is removed from the inbox does not come back, finished or not", async () => {
  const world = new FullWorld();
  const delivered = await world.send("delivered");
  await world.deliver(delivered);
  const queued = await world.send("queued");
  assertEquals(await world.inbox.act("remove", {}), 2);
  assertEquals(await world.found(), []);
  assertEquals(
    new Set(await world.found("removed")),
    new Set([
      [delivered, "removed"],
      [queued, "removed"],
    ]),
  );
  assertEquals((await world.inbox.ledger(delivered))!.entry.recipients[0].state, "delivered");
  await world[Symbol.asyncDispose]();
  // The server starts again.
  const inbox = storeInbox({
    ...world,
    act: () => Promise.resolve(0),
    wake: () => {},
    lifetime: LIFETIME,
  });
  assertEquals((await inbox.search({}, { limit: 9 })).messages, []);
  await inbox[Symbol.asyncDispose]();
});

Deno.test("a message is released to those who are held, by a route, or to others", async () => {
  await using world = new FullWorld();
  const { inbox } = world;
  const id = await world.sendHeld();
  const stands = async () =>
    (await inbox.ledger(id))!.entry.recipients.map(({ mailbox, state, route }) =>
      `${mailbox.localPart} ${state} ${route ?? "-"}`
    );
  await assertRejects(() => inbox.release(id, { to: ["nobody"] }), SyntaxError);
  await assertRejects(() => inbox.release(id, { route: "pigeon" }), SyntaxError);
  assertEquals([world.woken, await stands()], [0, ["a held -"]]);
  assertEquals(await inbox.release(id, { to: ["me@b.example"], route: "discard" }), true);
  assertEquals([world.woken, await stands()], [1, ["a held -", "me queued discard"]]);
  assertEquals(await inbox.release(id, { route: "smtp://mail.test" }), true);
  assertEquals(await stands(), ["a queued smtp://mail.test", "me queued discard"]);
  assertEquals(await inbox.release(id), false);
  await inbox.act("hold", { ids: [id] });
  assertEquals(await inbox.release(id), true);
  assertEquals(world.index.states(), { [id]: "queued" });
  const { expires } = (await inbox.ledger(id))!.entry;
  assert(expires >= world.clock.now() + LIFETIME);
});

Deno.test("the inbox tells what happens while somebody watches", async () => {
  await using world = new FullWorld();
  await world.send("before");
  await world.found();
  const told: string[] = [];
  const note = (event: InboxEvent) => {
    told.push(`${event.type} ${event.type === "arrived" ? event.summary.subject : event.ids}`);
  };
  const watch = world.inbox.watch(note);
  const id = await world.send("one");
  await turn();
  assertEquals(told.splice(0), ["arrived one"]);
  await world.inbox.act("seen", { ids: [id] });
  await world.inbox.act("seen", { ids: [id] });
  await world.clock.advance(100);
  assertEquals(told.splice(0), [`changed ${id}`]);
  await world.deliver(id);
  await world.clock.advance(100);
  assertEquals(told.splice(0), [`changed ${id}`]);
  await world.store.sweep({ before: world.clock.now(), limit: 9 });
  await turn();
  assertEquals(told.splice(0), [`gone ${id}`]);
  watch[Symbol.dispose]();
  await world.send("two");
  await turn();
  assertEquals(told, []);
});

Deno.test("the inbox tells nobody that a message has come which was there when it was opened", async () => {
  const world = new InboxWorld();
  await world.send("old");
  await world.clock.advance(1);
  const inbox = storeInbox({
    ...world,
    act: () => Promise.resolve(0),
    wake: () => {},
    lifetime: LIFETIME,
  });
  const told: InboxEvent[] = [];
  inbox.watch((event) => told.push(event));
  assertEquals((await inbox.search({}, { limit: 9 })).messages.length, 1);
  assertEquals(told, []);
  await inbox[Symbol.asyncDispose]();
});
