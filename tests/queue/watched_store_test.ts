import { assertEquals, assertRejects } from "@std/assert";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import { StoreError, type StoreErrorKind } from "../../lib/queue/store_error.ts";
import { type StoreEvent, type WatchedStore, watchedStore } from "../../lib/queue/watched_store.ts";
import {
  leaseOf,
  NEVER,
  newEntry,
  NOON,
  octets,
  put,
  recipient,
  recordAll,
  SENT,
  stage,
} from "./fixture.ts";
import { storeContract } from "./store_contract.ts";

storeContract("watched store", () => Promise.resolve(watchedStore(createMemoryStore())));

/** Notes what a store tells, in a few words. */
function heard(store: WatchedStore): { readonly told: string[]; readonly events: StoreEvent[] } {
  const told: string[] = [];
  const events: StoreEvent[] = [];
  store.watch((event) => {
    events.push(event);
    switch (event.type) {
      case "arrived":
        told.push(`arrived ${event.entry.id} ${event.size}`);
        break;
      case "changed":
        told.push(`changed ${event.ids ?? "any"}`);
        break;
      case "swept":
        told.push(`swept ${event.before - NOON}`);
    }
  });
  return { told, events };
}

Deno.test("a watched store tells of a message once it is committed", async () => {
  const inner = createMemoryStore();
  const { promise: flushed, resolve: flush } = Promise.withResolvers<void>();
  const commit = inner.commit.bind(inner);
  inner.commit = async (entry, body) => {
    await commit(entry, body);
    await flushed;
  };
  await using store = watchedStore(inner);
  const { told } = heard(store);
  const entry = newEntry();
  const committed = store.commit(entry, await stage(store, octets(10)));
  assertEquals([told, store.isArriving(entry.id)], [[], true]);
  flush();
  await committed;
  assertEquals([told, store.isArriving(entry.id)], [[`arrived ${entry.id} 10`], false]);
});

Deno.test("a watched store tells what is done to messages", async () => {
  await using store = watchedStore(createMemoryStore());
  const entry = await put(store, { recipients: [recipient("a@b.example", { held: true })] });
  const ids = [entry.id];
  const { told } = heard(store);
  const changed = `changed ${entry.id}`;
  const table: [what: string, act: () => Promise<unknown>, expected: string[]][] = [
    ["hold what is held", () => store.hold({ ids }), []],
    ["release", () => store.release({ ids }, NOON), [changed]],
    ["retry", () => store.retry({ ids }, NOON), [changed]],
    ["hold", () => store.hold({ to: "a@" }), ["changed any"]],
    ["release by a route", () => store.release({ ids }, NOON, "discard"), [changed]],
    ["remove", () => store.remove({ ids }, NOON), [changed]],
    [
      "add",
      () => store.add(entry.id, { recipients: [recipient("c@d.example")], expires: NOON }),
      [changed],
    ],
    ["add to none", () => store.add("none", { recipients: [], expires: NOON }), []],
    ["remove again", () => store.remove({}, NOON), ["changed any"]],
    ["sweep nothing", () => store.sweep({ before: NOON, limit: 9 }), []],
    ["sweep", () => store.sweep({ before: NOON + 1, limit: 9 }), ["swept 1"]],
  ];
  for (const [what, act, expected] of table) {
    await act();
    assertEquals(told.splice(0), expected, what);
  }
});

Deno.test("a watched store tells of an attempt and of the notices that are committed with it", async () => {
  await using store = watchedStore(createMemoryStore());
  const entry = await put(store);
  const { told } = heard(store);
  const [lease] = await leaseOf(store);
  const notice = { entry: newEntry(), body: await stage(store, octets(3)) };
  const attempt = {
    begun: NOON,
    ended: NOON,
    outcomes: [{ index: 0, state: "failed" as const, reply: NEVER }],
  };
  await store.record(lease, attempt, [notice]);
  assertEquals(told.splice(0), [`arrived ${notice.entry.id} 3`, `changed ${entry.id}`]);
  assertEquals(await recordAll(store, lease, { state: "delivered", reply: SENT }), false);
  assertEquals(told, []);
});

Deno.test("a watched store tells of what may have been done", async () => {
  const table: [StoreErrorKind, arrived: number, changed: number][] = [
    ["uncertain", 1, 1],
    ["failed", 0, 1],
  ];
  for (const [kind, arrived, changed] of table) {
    const inner = createMemoryStore();
    const fail = () => Promise.reject(new StoreError(kind, "Cannot write: EIO"));
    await using store = watchedStore(Object.assign(inner, { commit: fail, hold: fail }));
    const { told, events } = heard(store);
    const entry = newEntry();
    const body = await stage(store, octets(10));
    await assertRejects(() => store.commit(entry, body), StoreError);
    assertEquals([told.length, store.isArriving(entry.id)], [arrived, false], kind);
    await assertRejects(() => store.hold({ ids: [entry.id] }), StoreError);
    assertEquals(events.filter(({ type }) => type === "changed").length, changed, kind);
  }
});

Deno.test("a listener of a store that throws harms neither the others nor the one who commits", async () => {
  await using store = watchedStore(createMemoryStore());
  const errors: unknown[] = [];
  const note = (event: ErrorEvent) => {
    event.preventDefault();
    errors.push(event.error);
  };
  globalThis.addEventListener("error", note);
  try {
    const bug = new Error("a bug");
    using _listener = store.watch(() => {
      throw bug;
    });
    const { told } = heard(store);
    await put(store);
    assertEquals([told.length, errors], [1, [bug]]);
  } finally {
    globalThis.removeEventListener("error", note);
  }
});

Deno.test("a listener of a store is told nothing once it has left", async () => {
  await using store = watchedStore(createMemoryStore());
  let told = 0;
  {
    using _listener = store.watch(() => told++);
    await put(store);
  }
  await put(store);
  assertEquals(told, 1);
});
