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

for (const action of ACTIONS) {
  // What is flushed stays, whatever happens to the one who would say so.
  for (const point of ["transaction-committed", "commit-told", "record-told"] as const) {
    Deno.test(`store has what it could not acknowledge after ${action} at ${point}, and goes on`, async () => {
      await using directory = await stateDirectory();
      {
        await using store = await directory.open();
        for (let i = 0; i < 2; i++) await put(store);
      }
      {
        const skip = point === "transaction-committed" ? 2 : 0;
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
