import { assert, assertEquals, assertRejects } from "@std/assert";
import type { FaultAction, FaultPoint } from "../../lib/queue/fault.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { StoreFullError } from "../../lib/queue/store.ts";
import {
  idsOf,
  leaseOf,
  NEVER,
  newEntry,
  NOON,
  octets,
  put,
  readAll,
  recordAll,
  SENT,
  stage,
} from "./fixture.ts";
import { assertInvariants } from "./invariants.ts";
import { stateDirectory } from "./state_directory.ts";

const BLOB_POINTS: FaultPoint[] = [
  "blob-created",
  "blob-written",
  "blob-synced",
  "blob-directory-synced",
];
const POINTS: FaultPoint[] = [...BLOB_POINTS, "transaction-begun", "transaction-filled"];
const ACTIONS: FaultAction[] = ["EIO", "ENOSPC", "SQLITE_BUSY"];

for (const point of POINTS) {
  for (const action of ACTIONS) {
    Deno.test(`store changes nothing after ${action} at ${point}, and recovers`, async () => {
      await using directory = await stateDirectory();
      const isBlob = BLOB_POINTS.includes(point);
      // The first pass is the message that is there before.
      const faults = [{ point, action, skip: 1, times: 2 }];
      {
        await using store = await directory.open({ faults: isBlob ? faults : [] });
        await put(store, {}, octets(300_000));
        if (isBlob) {
          for (let i = 0; i < 2; i++) {
            const error = await assertRejects(() => put(store, {}, octets(300_000)));
            assert(error instanceof (action === "ENOSPC" ? StoreFullError : StoreError));
          }
          assertEquals((await store.stats()).messages, 1);
          await put(store, {}, octets(300_000));
        }
      }
      if (!isBlob) {
        await using store = await directory.open({ faults: [{ ...faults[0], skip: 2 }] });
        const [lease] = await leaseOf(store);
        const before = [await store.show(lease.entry.id), await store.stats()];
        const error = await assertRejects(() => put(store));
        assert(error instanceof (action === "ENOSPC" ? StoreFullError : StoreError));
        const notice = { entry: newEntry(), body: await stage(store, octets(10)) };
        const attempt = {
          begun: NOON,
          ended: NOON,
          outcomes: [{ index: 0, state: "failed" as const, reply: NEVER }],
        };
        await assertRejects(() => store.record(lease, attempt, [notice]));
        assertEquals([await store.show(lease.entry.id), await store.stats()], before);
        assert(await recordAll(store, lease, { state: "delivered", reply: SENT }));
        await put(store);
      }
      {
        await using store = await directory.open();
        const ids = await idsOf(store);
        assertEquals(ids.length, 2);
        assertEquals((await readAll(store, ids[0])).length, 300_000);
        assertEquals(directory.files("blobs").length, isBlob ? 2 : 1);
      }
      assertInvariants(directory.path);
    });
  }
}

/** What becomes of a message where its transaction fails at a point. */
const FATES = {
  "transaction-begun": "refused",
  "transaction-filled": "refused",
  "transaction-flushed": "uncertain",
  "transaction-committed": "taken",
} as const;

/** How the store puts it that a message was not taken. */
function fateOf(error: unknown): "refused" | "uncertain" {
  if (error instanceof StoreFullError) return "refused";
  assert(error instanceof StoreError, String(error));
  return error.kind === "uncertain" ? "uncertain" : "refused";
}

for (const [point, fate] of Object.entries(FATES) as [FaultPoint, string][]) {
  for (const action of ACTIONS) {
    for (const size of [10, 300_000]) {
      for (const isNotice of [false, true]) {
        const what = `a ${isNotice ? "notice" : "message"} of ${size} octets`;
        Deno.test(`store has ${what} whole or not at all after ${action} at ${point}`, async () => {
          await using directory = await stateDirectory();
          const entry = newEntry();
          const body = octets(size, 7);
          const other = newEntry();
          {
            // The start of the store, the message before and its lease are transactions as well.
            const faults = [{ point, action, skip: 3, times: 1 }];
            await using store = await directory.open({ faults });
            await put(store);
            const [lease] = await leaseOf(store);
            const attempt = {
              begun: NOON,
              ended: NOON,
              outcomes: [{ index: 0, state: "failed" as const, reply: NEVER }],
            };
            const staged = await stage(store, body);
            const done = isNotice
              ? store.record(lease, attempt, [{ entry, body: staged }])
              : store.commit(entry, staged);
            assertEquals(await done.then(() => "taken", fateOf), fate);
            // Where it is not known, asking again tells: the lease is over if it was recorded.
            if (isNotice) assertEquals(await store.record(lease, attempt, []), fate === "refused");
            // It goes on.
            await store.commit(other, await stage(store, octets(300_000)));
          }
          {
            await using store = await directory.open();
            const isThere = fate !== "refused";
            assertEquals((await idsOf(store)).includes(entry.id), isThere);
            if (isThere) assertEquals(await readAll(store, entry.id), body);
            assertEquals((await readAll(store, other.id)).length, 300_000);
            const files = isThere && size === 300_000 ? 2 : 1;
            assertEquals(directory.files("blobs").length, files);
          }
          assertInvariants(directory.path);
        });
      }
    }
  }
}

for (const point of ["transaction-flushed", "transaction-committed"] as const) {
  Deno.test(`store keeps the body of a message that it has after EIO at ${point}`, async () => {
    await using directory = await stateDirectory();
    const entry = newEntry();
    {
      const faults = [{ point, action: "EIO" as const, skip: 1, times: 1 }];
      await using store = await directory.open({ faults });
      await store.commit(entry, await stage(store, octets(300_000))).catch(() => {});
    }
    await using store = await directory.open();
    assertEquals(await readAll(store, entry.id), octets(300_000));
  });
}

Deno.test("store does nothing again that may be done, also where there is no room", async () => {
  await using directory = await stateDirectory();
  const entries = [newEntry(), newEntry(), newEntry()];
  {
    await using store = await directory.open({
      faults: [{ point: "transaction-flushed", action: "ENOSPC", skip: 1, times: 1 }],
    });
    const bodies = await Promise.all(entries.map(() => stage(store, octets(10))));
    const settled = await Promise.allSettled(
      entries.map((entry, i) => store.commit(entry, bodies[i])),
    );
    for (const one of settled) {
      assert(one.status === "rejected" && one.reason instanceof StoreError);
      assertEquals(one.reason.kind, "uncertain");
    }
    assertEquals((await store.stats()).messages, 3);
  }
  assertInvariants(directory.path);
});

for (const action of ACTIONS) {
  // What is flushed stays, whatever happens to the one who would say so.
  for (const point of ["transaction-flushed", "commit-told", "record-told"] as const) {
    Deno.test(`store has what it could not acknowledge after ${action} at ${point}, and goes on`, async () => {
      await using directory = await stateDirectory();
      {
        await using store = await directory.open();
        for (let i = 0; i < 2; i++) await put(store);
      }
      {
        const skip = point === "transaction-flushed" ? 2 : 0;
        await using store = await directory.open({ faults: [{ point, action, skip, times: 1 }] });
        const [lease] = await leaseOf(store, { limit: 1 });
        const { id } = lease.entry;
        const failing = point === "record-told"
          ? recordAll(store, lease, { state: "delivered", reply: SENT })
          : put(store);
        await assertRejects(() => failing.then(() => {}));
        if (point === "record-told") {
          assertEquals((await store.show(id))?.recipients[0].state, "delivered");
          assertEquals(await recordAll(store, lease, { state: "failed", reply: NEVER }), false);
        } else {
          assertEquals((await store.stats()).messages, 3);
          assert(await recordAll(store, lease, { state: "delivered", reply: SENT }));
        }
        await put(store);
      }
      assertInvariants(directory.path);
    });
  }

  Deno.test(`store goes on after ${action} at blobs-deleted`, async () => {
    await using directory = await stateDirectory();
    const faults = [{ point: "blobs-deleted" as const, action, times: 1 }];
    {
      await using store = await directory.open({ faults });
      const { id } = await put(store, {}, octets(300_000));
      await store.remove({ ids: [id] }, NOON);
      assertEquals(await store.sweep({ before: NOON + 1, limit: 1 }), 1);
      assertEquals(await store.show(id), undefined);
      await put(store, {}, octets(300_000));
    }
    await using store = await directory.open();
    assertEquals((await idsOf(store)).length, 1);
    assertEquals(directory.files("blobs").length, 1);
    await store[Symbol.asyncDispose]();
    assertInvariants(directory.path);
  });
}

Deno.test("a lease that nobody learned of is over at once", async () => {
  await using directory = await stateDirectory();
  // The first passes are the start and the message.
  const faults = [{ point: "transaction-flushed", action: "EIO", skip: 2, times: 1 } as const];
  await using store = await directory.open({ faults });
  const { id } = await put(store);
  const error = await assertRejects(() => leaseOf(store), StoreError);
  assertEquals(error.kind, "uncertain");
  const leased = await leaseOf(store);
  assertEquals(leased.map(({ entry }) => entry.id), [id]);
});
