import { assert, assertEquals, assertRejects } from "@std/assert";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import { StoreFullError } from "../../lib/queue/store.ts";
import { NOON, octets, put } from "./fixture.ts";
import { storeContract } from "./store_contract.ts";

storeContract("memory store", () => Promise.resolve(createMemoryStore()));

Deno.test("memory store refuses what is above its limits and recovers", async () => {
  await using store = createMemoryStore({ maxMessages: 2, maxOctets: 100 });
  const { id } = await put(store, {}, octets(10));
  await assertRejects(() => put(store, {}, octets(91)), StoreFullError, "Cannot");
  await put(store, {}, octets(10));
  assert(!store.hasRoom());
  assertEquals(await store.probe(), "messages");
  await assertRejects(() => put(store), StoreFullError, "Cannot");
  await store.remove({ ids: [id] }, NOON);
  assert(store.hasRoom());
  await put(store);
  assertEquals((await store.stats()).messages, 2);
});
