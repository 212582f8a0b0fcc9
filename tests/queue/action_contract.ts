/** The part of the contract that is about what an operator does: hold, release, retry, remove. @module */
import { assert, assertEquals } from "@std/assert";
import type { Filter } from "../../lib/queue/store.ts";
import { LATER, leaseOf, NEVER, NOON, put, recipient, recordAll, SENT } from "./fixture.ts";
import type { ContractTest } from "./store_contract.ts";

export function actionContract(test: ContractTest): void {
  test("stops queued recipients and makes them due again", async (store) => {
    const { id } = await put(store, {
      recipients: [recipient("a@example.com"), recipient("b@example.net")],
    });
    assertEquals(await store.hold({ domain: "example.com" }), 1);
    assertEquals(await store.hold({ domain: "example.com" }), 0);
    assertEquals(await leaseOf(store), []);
    assertEquals(await store.dueDomains({ now: NOON, limit: 9 }), ["example.net"]);
    assertEquals((await store.stats()).recipients.held, 1);
    assertEquals(await store.release({ ids: [id] }, NOON + 3), 1);
    assertEquals(await store.release({ ids: [id] }, NOON + 3), 0);
    assertEquals((await store.show(id))?.recipients[0].due, NOON + 3);
    assertEquals(await leaseOf(store), []);
    assertEquals((await leaseOf(store, { now: NOON + 3 })).length, 1);
  });

  test("releases held recipients by a route, which they keep", async (store) => {
    const recipients = ["a", "b"].map((name) => recipient(`${name}@example.com`, { held: true }));
    const { id } = await put(store, { recipients });
    assertEquals(await store.release({ to: "a@" }, NOON, "smtp://192.0.2.1"), 1);
    assertEquals(await store.hold({ ids: [id] }), 1);
    assertEquals(await store.release({ ids: [id] }, NOON), 2);
    const routes = (await store.show(id))!.recipients.map(({ route }) => route);
    assertEquals(routes, ["smtp://192.0.2.1", undefined]);
    const [lease] = await leaseOf(store);
    assertEquals(lease.entry.recipients.map(({ route }) => route), routes);
  });

  test("adds recipients to a message, which is unfinished again", async (store) => {
    const { id, expires } = await put(store, { recipients: [recipient("a@example.com")] });
    const [lease] = await leaseOf(store);
    await recordAll(store, lease, { state: "delivered", reply: SENT });
    const before = await store.stats();
    assertEquals(before.messages, 0);
    const added = [
      { ...recipient("b@example.net", { due: NOON + 5 }), route: "smtp://192.0.2.1" },
      recipient("c@example.net", { held: true }),
    ];
    assert(await store.add(id, { recipients: added, expires: expires + 1 }));
    const shown = (await store.show(id))!;
    assertEquals(shown.expires, expires + 1);
    assertEquals(
      shown.recipients.map(({ index, state, route }) => [index, state, route]),
      [[0, "delivered", undefined], [1, "queued", "smtp://192.0.2.1"], [2, "held", undefined]],
    );
    const stats = await store.stats();
    assertEquals([stats.messages, stats.octets], [1, shown.size]);
    assertEquals(stats.recipients, { ...before.recipients, queued: 1, held: 1 });
    assertEquals(await store.sweep({ before: NOON + 99, limit: 9 }), 0);
    assertEquals(await store.nextDue(), NOON + 5);
    const [again] = await leaseOf(store, { domain: "example.net", now: NOON + 5 });
    assertEquals(again.entry.recipients.map(({ index }) => index), [1]);
    // An earlier end does not shorten what was promised.
    assert(await store.add(id, { recipients: [recipient("d@example.net")], expires: 1 }));
    assertEquals((await store.show(id))!.expires, expires + 1);
    assertEquals(await store.add("0".repeat(16), { recipients: added, expires }), false);
  });

  test("makes queued recipients due at once and leaves held ones", async (store) => {
    const recipients = [
      recipient("a@example.com", { due: NOON + 900 }),
      recipient("b@example.com", { due: NOON + 900, held: true }),
    ];
    await put(store, { recipients });
    assertEquals(await store.retry({}, NOON), 1);
    assertEquals(await store.nextDue(), NOON);
    const [lease] = await leaseOf(store);
    assertEquals(lease.entry.recipients.map(({ index }) => index), [0]);
  });

  test("ends queued and held recipients, and those alone", async (store) => {
    const recipients = ["a", "b", "c"].map((name) => recipient(`${name}@example.com`));
    const { id } = await put(store, { recipients });
    const [lease] = await leaseOf(store);
    await store.record(lease, {
      begun: NOON,
      ended: NOON,
      outcomes: [{ index: 0, state: "delivered", reply: SENT }],
    }, []);
    await store.hold({ to: "b@" });
    assertEquals(await store.remove({ ids: [id] }, NOON + 1), 2);
    assertEquals(await store.remove({ ids: [id] }, NOON + 1), 0);
    const states = (await store.show(id))!.recipients.map(({ state }) => state);
    assertEquals(states, ["delivered", "removed", "removed"]);
    assertEquals(await store.nextDue(), undefined);
    assertEquals(await store.dueDomains({ now: NOON + 9999, limit: 9 }), []);
    assertEquals(await store.sweep({ before: NOON + 2, limit: 9 }), 1);
  });

  test("stops a leased recipient once its attempt is recorded as queued", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    assertEquals(await store.hold({ ids: [id] }), 1);
    assert(await recordAll(store, lease, { state: "queued", due: NOON + 50, reply: LATER }));
    const [shown] = (await store.show(id))!.recipients;
    assertEquals([shown.state, shown.attempts, shown.due], ["held", 1, NOON + 50]);
    assertEquals(await leaseOf(store, { now: NOON + 9999, until: NOON + 99999 }), []);
    assertEquals(await store.nextDue(), undefined);
  });

  test("settles a recipient that was held or removed during its attempt", async (store) => {
    for (const change of ["hold", "remove"] as const) {
      for (const state of ["delivered", "failed"] as const) {
        const { id } = await put(store);
        const [lease] = await leaseOf(store);
        assertEquals(await store[change]({ ids: [id] }, NOON), 1);
        assert(await store.renew(lease, NOON + 5000));
        assert(await recordAll(store, lease, { state, reply: state === "failed" ? NEVER : SENT }));
        assertEquals((await store.show(id))?.recipients[0].state, state);
        assertEquals((await store.stats()).messages, 0);
      }
    }
  });

  test("keeps a removed recipient so when its attempt is recorded as queued", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    await store.remove({ ids: [id] }, NOON);
    assert(await recordAll(store, lease, { state: "queued", due: NOON + 50, reply: LATER }));
    assertEquals((await store.show(id))?.recipients[0].state, "removed");
    assertEquals(await store.nextDue(), undefined);
  });

  test("does not lease a held recipient when the lease it had is over or ended", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    await store.hold({ ids: [id] });
    assertEquals(await leaseOf(store, { now: NOON + 5000, until: NOON + 6000 }), []);
    await store.giveBack(lease);
    assertEquals(await store.nextDue(), undefined);
    assertEquals((await store.show(id))?.recipients[0].state, "held");
  });

  test("does not let two have a recipient that was held and released in between", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    await store.hold({ ids: [id] });
    await store.release({ ids: [id] }, NOON);
    await store.retry({ ids: [id] }, NOON);
    assertEquals(await leaseOf(store, { now: NOON + 1 }), []);
    assert(await recordAll(store, lease, { state: "queued", due: NOON + 60, reply: LATER }));
    assertEquals(await store.nextDue(), NOON + 60);
  });

  test("does to those that a filter means what is asked, and to no others", async (store) => {
    const at = (accepted: number) => ({ accepted: NOON + accepted });
    const from = { mail: { reversePath: { localPart: "Ann", domain: "A.test" }, smtpUtf8: false } };
    const entries = [
      await put(store, { ...at(1), recipients: [recipient("Joe.One@X.test")] }),
      await put(store, { ...at(2), ...from, recipients: [recipient("joe.two@y.test")] }),
      await put(store, {
        ...at(3),
        recipients: [recipient("jim@x.test"), recipient("joe@y.test", { held: true })],
      }),
    ];
    const [first, second, third] = entries.map(({ id }) => id);
    const cases: [Filter, string[]][] = [
      [{}, [`${first}/0`, `${second}/0`, `${third}/0`, `${third}/1`]],
      [{ ids: [third, first] }, [`${first}/0`, `${third}/0`, `${third}/1`]],
      [{ ids: [] }, []],
      [{ ids: ["unknown"] }, []],
      [{ to: "JOE" }, [`${first}/0`, `${second}/0`, `${third}/1`]],
      [{ to: "one@x.TEST" }, [`${first}/0`]],
      [{ to: "%" }, []],
      [{ from: "ann@a" }, [`${second}/0`]],
      [{ from: "_" }, []],
      [{ domain: "x.test" }, [`${first}/0`, `${third}/0`]],
      [{ state: "held" }, [`${third}/1`]],
      [{ state: "failed" }, []],
      [{ before: NOON + 3 }, [`${first}/0`, `${second}/0`]],
      [{ before: NOON + 3, domain: "y.test", to: "joe" }, [`${second}/0`]],
    ];
    for (const [filter, wanted] of cases) {
      const { entries: listed } = await store.list(filter, { limit: 9 });
      const found = listed.flatMap(({ id, recipients }) =>
        recipients.map(({ index }) => `${id}/${index}`)
      );
      assertEquals(found, wanted, JSON.stringify(filter));
      const queued = wanted.filter((name) => name !== `${third}/1`);
      assertEquals(await store.retry(filter, NOON), queued.length, JSON.stringify(filter));
    }
  });

  test("does nothing where the filter's state is none that it changes", async (store) => {
    const recipients = [recipient("a@example.com"), recipient("b@example.com", { held: true })];
    await put(store, { recipients });
    assertEquals(await store.hold({ state: "held" }), 0);
    assertEquals(await store.release({ state: "queued" }, NOON), 0);
    assertEquals(await store.retry({ state: "delivered" }, NOON), 0);
    assertEquals(await store.remove({ state: "failed" }, NOON), 0);
    assertEquals(await store.remove({ state: "held" }, NOON), 1);
  });

  test("acts on more messages than it changes at once", async (store) => {
    await Promise.all(Array.from({ length: 1_203 }, () => put(store)));
    const held = store.hold({ to: "someone" });
    const late = await put(store, { accepted: NOON + 1_000 });
    assertEquals(await held, 1_203);
    assertEquals((await store.show(late.id))?.recipients[0].state, "queued", "it came too late");
    assertEquals(await store.remove({ ids: [late.id] }, NOON), 1);
    assertEquals((await store.stats()).recipients.held, 1_203);
    assertEquals(await store.release({}, NOON), 1_203);
    assertEquals(await store.remove({}, NOON), 1_203);
    assertEquals((await store.stats()).messages, 0);
    assertEquals(await store.dueDomains({ now: NOON, limit: 1 }), []);
  });
}
