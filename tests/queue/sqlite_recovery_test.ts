/** The store goes on by itself when the worker of it ends. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { FaultPoint } from "../../lib/queue/fault.ts";
import { StoreError, type StoreErrorKind } from "../../lib/queue/store_error.ts";
import type { Store } from "../../lib/queue/store.ts";
import {
  idsOf,
  leaseOf,
  newEntry,
  octets,
  put,
  readAll,
  recordAll,
  SENT,
  stage,
} from "./fixture.ts";
import { assertInvariants } from "./invariants.ts";
import { stateDirectory } from "./state_directory.ts";

/** Waits until the store takes messages again. */
async function recovery(store: Store): Promise<void> {
  for (let i = 0; i < 500 && !store.hasRoom(); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert(store.hasRoom(), "it takes messages again");
}

const POINTS: FaultPoint[] = [
  "transaction-begun",
  "transaction-filled",
  "transaction-flushed",
  "transaction-committed",
];

for (const point of POINTS) {
  Deno.test(`store recovers when its writer ends at ${point}, and keeps what it acknowledged`, async () => {
    await using directory = await stateDirectory();
    const taken: string[] = [];
    {
      // Each writer ends in its fourth transaction; the first one is that of its start.
      await using store = await directory.open({ faults: [{ point, skip: 3, action: "end" }] });
      let ends = 0;
      while (ends < 3) {
        try {
          taken.push((await put(store)).id);
        } catch (error) {
          assert(error instanceof StoreError, String(error));
          ends++;
          // The one that ends may still be about to, and be at work on the next.
          let kind: StoreErrorKind | undefined;
          while (kind !== "closed") {
            const refused = await assertRejects(async () => {
              for (;;) taken.push((await put(store)).id);
            }, StoreError);
            kind = refused.kind;
            assert(kind === "closed" || kind === "uncertain", refused.message);
          }
          assert(!store.hasRoom(), "nothing is taken meanwhile");
          await assertRejects(() => store.probe(), StoreError, "its worker ended");
          assertEquals((await store.stats()).messages >= taken.length, true, "it can be read");
          await recovery(store);
        }
      }
      assert(taken.length > 3);
    }
    {
      await using store = await directory.open();
      const ids = await idsOf(store);
      assertEquals(taken.filter((id) => !ids.includes(id)), []);
      for (const id of taken) assertEquals((await readAll(store, id)).length, 10);
    }
    assertInvariants(directory.path);
  });
}

Deno.test("store keeps leases, and bodies that are under way, when its writer ends", async () => {
  await using directory = await stateDirectory();
  {
    await using store = await directory.open({
      faults: [{ point: "transaction-begun", skip: 3, action: "end" }],
    });
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    const body = await stage(store, octets(300_000));
    for (let isUp = true; isUp;) {
      await put(store).catch((error) => assert(error instanceof StoreError));
      isUp = store.hasRoom();
    }
    await recovery(store);
    assert(await recordAll(store, lease, { state: "delivered", reply: SENT }));
    assertEquals((await store.show(id))?.recipients[0].state, "delivered");
    const entry = newEntry();
    await store.commit(entry, body);
    assertEquals((await readAll(store, entry.id)).length, 300_000);
  }
  assertInvariants(directory.path);
});

Deno.test("store says of what its writer was at work on that it is uncertain", async () => {
  await using directory = await stateDirectory();
  const entries = [newEntry(), newEntry()];
  let fates: string[];
  {
    await using store = await directory.open({
      faults: [{ point: "transaction-committed", skip: 1, action: "end" }],
    });
    const bodies = await Promise.all(entries.map(() => stage(store, octets(10))));
    // The writer ends behind its first answer, when it was sent the second.
    const commits: Promise<void>[] = [];
    for (const [i, entry] of entries.entries()) {
      commits.push(store.commit(entry, bodies[i]));
      await Promise.resolve();
    }
    fates = await Promise.all(
      commits.map((commit) => commit.then(() => "taken", ({ kind }) => kind)),
    );
  }
  // Whether the answer or the end is heard of first is up to the runtime.
  assert([["taken", "uncertain"], ["uncertain", "closed"]].some((may) => `${may}` === `${fates}`));
  await using store = await directory.open();
  assertEquals(await idsOf(store), [entries[0].id]);
});

Deno.test("store can be closed while its writer is down", async () => {
  await using directory = await stateDirectory();
  const store = await directory.open({
    faults: [{ point: "transaction-begun", skip: 1, action: "end" }],
  });
  while (store.hasRoom()) await put(store).catch((error) => assert(error instanceof StoreError));
  await store[Symbol.asyncDispose]();
  await assertRejects(() => put(store), StoreError);
  await using _again = await directory.open();
});

Deno.test("store says what was committed also where it cannot be seen how full the disk is", async () => {
  await using directory = await stateDirectory();
  const elsewhere = `${directory.path}-moved`;
  await using store = await directory.open({ freeOctets: () => 1e12 });
  // The files stay open, but nothing can be asked of a directory that has another name.
  await Deno.rename(directory.path, elsewhere);
  try {
    const ids: string[] = [];
    // The disk is asked about five times a second.
    for (const end = performance.now() + 500; performance.now() < end;) {
      ids.push((await put(store)).id);
    }
    assertEquals((await store.stats()).messages, ids.length);
  } finally {
    await Deno.rename(elsewhere, directory.path);
  }
});
