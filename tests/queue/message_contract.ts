/** The part of the contract that is about messages: commit, read back, finish, sweep. @module */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { NewEntry } from "../../lib/queue/store.ts";
import { joinOctets } from "../../lib/smtp/octets.ts";
import {
  idsOf,
  leaseOf,
  newEntry,
  NOON,
  octets,
  put,
  readAll,
  recipient,
  recordAll,
  SENT,
  stage,
} from "./fixture.ts";
import type { ContractTest } from "./store_contract.ts";

const SIZES = [0, 1, 4096, 64 * 1024, 256 * 1024, 256 * 1024 + 1, 3_000_001];

export function messageContract(test: ContractTest): void {
  test("reads every body back byte for byte, whatever its size and slices", async (store) => {
    for (const size of SIZES) {
      const bytes = octets(size, size + 1);
      for (const slice of [1000, 65_536, size || 1].filter((slice) => size / slice < 10_000)) {
        const entry = newEntry();
        await store.commit(entry, await stage(store, bytes, slice));
        assert(
          equal(await readAll(store, entry.id), bytes),
          `${size} octets in slices of ${slice}`,
        );
        assertEquals((await store.show(entry.id))?.size, size);
      }
    }
  });

  test("counts the octets that were written to a staged body", async (store) => {
    const body = store.stage();
    assertEquals(body.size, 0);
    await body.write(octets(200_000));
    await body.write(octets(200_000));
    assertEquals(body.size, 400_000);
    body.abort();
  });

  test("reads a staged body back from any octet on, before it is committed", async (store) => {
    for (const size of [0, 10, 256 * 1024, 700_001]) {
      const bytes = octets(size, size + 1);
      for (const start of new Set([0, 1, size >> 1, size])) {
        const body = await stage(store, bytes);
        const parts: Uint8Array[] = [];
        for await (const slice of body.read(start)) parts.push(slice.slice());
        assert(equal(joinOctets(parts), bytes.slice(start)), `${size} from ${start} on`);
        const entry = newEntry();
        await store.commit(entry, body);
        assert(equal(await readAll(store, entry.id), bytes), "the octets are what they were");
      }
    }
  });

  test("shows a message as it was committed, with all that was known of it", async (store) => {
    const entry: NewEntry = newEntry({
      mail: {
        reversePath: { localPart: 'a "b"\\c', domain: "Example.ORG" },
        size: 123,
        body: "8BITMIME",
        smtpUtf8: true,
        ret: "headers",
        envid: "QQ+2B314159",
        requireTls: true,
        tlsRequiredNo: true,
      },
      origin: { client: "2001:db8::1", heloName: "h", protocol: "ESMTPS", session: "s1" },
      headerChanges: ["added X-A", "removed X-B"],
      recipients: [
        recipient("Ümläut@bücher.example", {
          domain: "xn--bcher-kva.example",
          notify: ["failure", "delay"],
          orcpt: "utf-8;x+2By@z",
        }),
        recipient("quiet@example.com", { notify: "never", due: NOON + 5 }),
        recipient("held@example.com", { held: true }),
        recipient("other@example.com", { route: "discard", rewrittenFrom: '"a b"@example.com' }),
        { mailbox: { localPart: "Postmaster", domain: "" }, domain: "", due: NOON, held: false },
      ],
    });
    await store.commit(entry, await stage(store, octets(20)));
    assertEquals(await store.show(entry.id), {
      ...entry,
      size: 20,
      recipients: entry.recipients.map(({ held, ...rest }, index) => ({
        ...rest,
        index,
        state: held ? "held" as const : "queued" as const,
        attempts: 0,
        delayTold: false,
      })),
    });
  });

  test("keeps a null reverse-path", async (store) => {
    const { id } = await put(store, { mail: { reversePath: null, smtpUtf8: false } });
    assertEquals((await store.show(id))?.mail, { reversePath: null, smtpUtf8: false });
  });

  test("knows nothing of a message that there is none of", async (store) => {
    assertEquals(await store.show("0000000000000000"), undefined);
    assertEquals(await store.attempts("0000000000000000"), []);
    await assertRejects(() => readAll(store, "0000000000000000"), Error, "Cannot read message");
  });

  test("refuses a second message of the same name and keeps the first", async (store) => {
    for (const size of [10, 300_000]) {
      const entry = newEntry();
      await store.commit(entry, await stage(store, octets(size, 1)));
      await assertRejects(
        async () => await store.commit(entry, await stage(store, octets(size, 2))),
        Error,
        "Cannot",
      );
      assert(equal(await readAll(store, entry.id), octets(size, 1)));
    }
    assertEquals((await store.stats()).messages, 2);
  });

  test("lets the others of a group in when one of them is refused", async (store) => {
    const double = newEntry();
    const entries = [newEntry(), double, newEntry(), double, newEntry({ recipients: [] })];
    const bodies = await Promise.all(entries.map((_, i) => stage(store, octets(10, i))));
    const settled = await Promise.allSettled(
      entries.map((entry, i) => store.commit(entry, bodies[i])),
    );
    assertEquals(settled.map(({ status }) => status), [
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    assertEquals(await idsOf(store), entries.slice(0, 3).map(({ id }) => id).sort());
    assertEquals((await store.stats()).recipients.queued, 3);
  });

  test("keeps nothing of a body that was aborted, before or after its commit", async (store) => {
    for (const size of [10, 300_000]) {
      const body = await stage(store, octets(size));
      body.abort();
      body.abort();
      assertThrows(() => body.write(octets(1)), Error, "Cannot write");
      await assertRejects(() => store.commit(newEntry(), body), Error, "Cannot commit");
    }
    assertEquals(await idsOf(store), []);
    for (const size of [10, 300_000]) {
      const body = await stage(store, octets(size));
      const entry = newEntry();
      await store.commit(entry, body);
      body.abort();
      assertEquals((await readAll(store, entry.id)).length, size);
      await assertRejects(() => store.commit(newEntry(), body), Error, "Cannot commit");
    }
    assertEquals((await store.stats()).messages, 2);
  });

  test("has room for an ordinary message", (store) => {
    assert(store.hasRoom());
    assert(store.hasRoom(4096));
    return Promise.resolve();
  });

  test("answers a probe, which changes nothing", async (store) => {
    await put(store);
    const before = await store.stats();
    assertEquals(await store.probe(), undefined);
    assertEquals(await store.stats(), before);
  });

  test("takes messages from many at once and loses none", async (store) => {
    const committers = Array.from({ length: 50 }, async (_, i) => {
      const ids: string[] = [];
      for (let n = 0; n < 6; n++) {
        const size = n === 3 ? 270_000 : 100 + n;
        const { id } = await put(store, {}, octets(size, i * 10 + n));
        ids.push(id);
      }
      return ids;
    });
    const ids = await Promise.all(committers);
    assertEquals((await idsOf(store)).sort(), ids.flat().sort());
    for (const [i, own] of ids.entries()) {
      for (const [n, id] of own.entries()) {
        const size = n === 3 ? 270_000 : 100 + n;
        assert(equal(await readAll(store, id), octets(size, i * 10 + n)));
      }
    }
  });

  test("counts recipients by state, and open messages with their octets", async (store) => {
    const none = { queued: 0, held: 0, delivered: 0, failed: 0, removed: 0 };
    assertEquals(await store.stats(), { recipients: none, messages: 0, octets: 0 });
    await put(store, { accepted: NOON + 2 }, octets(7));
    const two = [recipient("a@example.net"), recipient("b@example.net", { held: true })];
    const second = await put(store, { accepted: NOON + 1, recipients: two }, octets(5));
    assertEquals(await store.stats(), {
      recipients: { ...none, queued: 2, held: 1 },
      messages: 2,
      octets: 12,
      oldest: NOON + 1,
    });
    const [lease] = await leaseOf(store, { domain: "example.net" });
    await recordAll(store, lease, { state: "delivered", reply: SENT });
    assertEquals((await store.stats()).messages, 2);
    await store.remove({ ids: [second.id] }, NOON + 20);
    assertEquals(await store.stats(), {
      recipients: { ...none, queued: 1, delivered: 1, removed: 1 },
      messages: 1,
      octets: 7,
      oldest: NOON + 2,
    });
  });

  test("sweeps what was finished before a time, some at once, and nothing else", async (store) => {
    const sizes = [10, 300_000, 20];
    const entries: NewEntry[] = [];
    for (const size of sizes) {
      entries.push(await put(store, { expires: NOON + entries.length }, octets(size)));
    }
    const open = await put(store);
    for (const [i, { id }] of entries.entries()) await store.remove({ ids: [id] }, NOON + i);
    assertEquals(await store.sweep({ before: NOON, limit: 10 }), 0);
    assertEquals(await store.sweep({ before: NOON + 2, limit: 1 }), 1);
    assertEquals(await store.sweep({ before: NOON + 2, limit: 10 }), 1);
    assertEquals(await store.sweep({ before: NOON + 2, limit: 10 }), 0);
    assertEquals(await idsOf(store), [entries[2].id, open.id]);
    assertEquals((await store.stats()).recipients.removed, 1);
    assertEquals(await store.show(entries[0].id), undefined);
    await assertRejects(() => readAll(store, entries[1].id));
    assertEquals((await readAll(store, entries[2].id)).length, 20);
  });

  test("does not sweep a message that somebody still works on", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store, { until: NOON + 1000 });
    await store.remove({ ids: [id] }, NOON);
    assertEquals(await store.sweep({ before: NOON + 500, limit: 10 }), 0);
    assertEquals((await readAll(store, id)).length, 10);
    assert(await recordAll(store, lease, { state: "delivered", reply: SENT }));
    assertEquals((await store.show(id))?.recipients[0].state, "delivered");
    assertEquals(await store.sweep({ before: NOON + 500, limit: 10 }), 1);
  });
}

/** Compares octets; assertEquals would take minutes to tell megabytes apart. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}
