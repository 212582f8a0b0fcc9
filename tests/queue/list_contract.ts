/** The part of the contract that is about lists. @module */
import { assertEquals, assertRejects } from "@std/assert";
import { idsOf, NOON, put, recipient } from "./fixture.ts";
import type { ContractTest } from "./store_contract.ts";

export function listContract(test: ContractTest): void {
  test("lists oldest first, page by page, whatever the size of a page", async (store) => {
    const entries = [];
    for (let i = 0; i < 10; i++) {
      entries.push(await put(store, { accepted: NOON + [3, 1, 4, 1, 5, 9, 2, 6, 5, 3][i] }));
    }
    const ids = entries
      .toSorted((a, b) => a.accepted - b.accepted || (a.id < b.id ? -1 : 1))
      .map(({ id }) => id);
    for (const limit of [1, 2, 3, 5, 10, 11]) assertEquals(await idsOf(store, {}, limit), ids);
  });

  test("answers an empty page for an empty queue", async (store) => {
    assertEquals(await store.list({}, { limit: 10 }), { entries: [] });
  });

  test("lists what stays once, while messages come and go between pages", async (store) => {
    const stays = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const { id } = await put(store, { accepted: NOON + i });
      if (i % 3 > 0) stays.add(id);
    }
    const all = (await store.list({}, { limit: 60 })).entries.map(({ id }) => id);
    const goes = all.filter((id) => !stays.has(id));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.list({}, { after, limit: 7 });
      seen.push(...page.entries.map(({ id }) => id));
      after = page.next;
      await store.remove({ ids: goes.splice(0, 4) }, NOON);
      await store.sweep({ before: NOON + 1, limit: 100 });
      await put(store, { accepted: NOON - 5 });
      if (seen.length < 100) await put(store, { accepted: NOON + 1000 });
    } while (after !== undefined && seen.length < 200);
    assertEquals(new Set(seen).size, seen.length, "nothing is listed twice");
    assertEquals(seen.filter((id) => stays.has(id)), [...stays]);
  });

  test("lists only the recipients that fit", async (store) => {
    const recipients = [
      recipient("a@x.test"),
      recipient("b@y.test"),
      recipient("c@x.test", { held: true }),
    ];
    const { id } = await put(store, { recipients });
    const indexes = async (filter: Parameters<typeof store.list>[0]) =>
      (await store.list(filter, { limit: 1 })).entries.map(({ recipients }) =>
        recipients.map(({ index }) => index)
      );
    assertEquals(await indexes({}), [[0, 1, 2]]);
    assertEquals(await indexes({ domain: "x.test" }), [[0, 2]]);
    assertEquals(await indexes({ domain: "x.test", state: "held" }), [[2]]);
    assertEquals(await indexes({ ids: [id], to: "b@" }), [[1]]);
    assertEquals(await indexes({ domain: "z.test" }), []);
  });

  test("finds the few that fit among many, and ends", async (store) => {
    const many = Array.from({ length: 4_500 }, (_, i) => {
      const recipients = [recipient(i % 2_000 === 1_999 ? "rare@x.test" : "often@x.test")];
      return put(store, { recipients, accepted: NOON + i });
    });
    await Promise.all(many);
    assertEquals((await idsOf(store, { to: "rare" }, 1)).length, 2);
    assertEquals((await idsOf(store, { to: "rare" })).length, 2);
    assertEquals((await store.list({ to: "nobody" }, { limit: 5 })).entries, []);
  });

  test("lists a domain with few recipients, and one with many, in order", async (store) => {
    const many = Array.from({ length: 5_200 }, (_, i) => {
      const domain = i % 1_000 === 7 ? "few.test" : "many.test";
      return put(store, { recipients: [recipient(`a@${domain}`)], accepted: NOON - i });
    });
    const entries = (await Promise.all(many)).toReversed();
    for (const domain of ["few.test", "many.test"]) {
      const ids = entries.filter(({ recipients }) => recipients[0].domain === domain)
        .map(({ id }) => id);
      assertEquals(
        await idsOf(store, { domain, state: "queued" }, domain === "few.test" ? 2 : 900),
        ids,
      );
      assertEquals(
        await store.hold({ domain, before: NOON - 5_000 }),
        domain === "few.test" ? 1 : 198,
      );
    }
  });

  test("counts what waits for a domain, up to a limit", async (store) => {
    const recipients = [
      recipient("a@x.test"),
      recipient("b@x.test", { held: true }),
      recipient("c@x.test"),
      recipient("d@y.test"),
    ];
    const { id } = await put(store, { recipients });
    assertEquals(await store.waiting("x.test", 9), 3);
    assertEquals(await store.waiting("x.test", 2), 2);
    assertEquals(await store.waiting("z.test", 9), 0);
    await store.remove({ ids: [id], to: "c@" }, NOON);
    assertEquals(await store.waiting("x.test", 9), 2);
  });

  test("finds ids by how they begin", async (store) => {
    const ids = ["0000000000000abc", "0000000000000abd", "0000000000000b00"];
    for (const id of ids.toReversed()) await put(store, { id });
    assertEquals(await store.find("0000000000000ab", 5), ids.slice(0, 2));
    assertEquals(await store.find("0000000000000ab", 1), ids.slice(0, 1));
    assertEquals(await store.find("0000000000000b00", 5), ids.slice(2));
    assertEquals(await store.find("", 5), ids);
    assertEquals(await store.find("zz", 5), []);
  });

  test("refuses to go on behind what is no page's end", async (store) => {
    await assertRejects(
      () => store.list({}, { after: "nonsense", limit: 1 }),
      RangeError,
      "Cannot",
    );
  });
}
