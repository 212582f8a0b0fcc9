/** The part of the contract that is about work: what is due, leases, attempts and notices. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Attempt, Filter, Lease } from "../../lib/queue/store.ts";
import {
  claimOf,
  idsOf,
  LATER,
  leaseOf,
  NEVER,
  newEntry,
  NOON,
  octets,
  OWNER,
  put,
  readAll,
  recipient,
  recordAll,
  SENT,
  stage,
} from "./fixture.ts";
import type { ContractTest } from "./store_contract.ts";

const REMOTE = { host: "mx.example.com", address: "192.0.2.25" };

export function leaseContract(test: ContractTest): void {
  test("pages through the domains that are due, in order", async (store) => {
    for (const name of ["d", "b", "a", "c", "b"]) {
      await put(store, { recipients: [recipient(`x@${name}.test`)] });
    }
    await put(store, { recipients: [recipient("x@later.test", { due: NOON + 1 })] });
    await put(store, { recipients: [recipient("x@held.test", { held: true })] });
    await put(store, { recipients: [{ ...recipient("x@y"), domain: "" }] });
    const now = NOON;
    assertEquals(await store.dueDomains({ now: now - 1, limit: 9 }), []);
    assertEquals(await store.dueDomains({ now, limit: 3 }), ["", "a.test", "b.test"]);
    assertEquals(await store.dueDomains({ now, limit: 2, after: "" }), ["a.test", "b.test"]);
    assertEquals(await store.dueDomains({ now, limit: 9, after: "b.test" }), ["c.test", "d.test"]);
    assertEquals(await store.dueDomains({ now, limit: 9, after: "d.test" }), []);
    assertEquals(
      await store.dueDomains({ now: now + 1, limit: 9, after: "c.test" }),
      ["d.test", "later.test"],
    );
  });

  test("reaches every domain although one has far more than the others", async (store) => {
    for (let i = 0; i < 30; i++) await put(store, { recipients: [recipient("x@big.test")] });
    for (const name of ["a", "z"]) await put(store, { recipients: [recipient(`x@${name}.test`)] });
    const seen: string[] = [];
    let after: string | undefined;
    for (;;) {
      const domains = await store.dueDomains({ now: NOON, limit: 1, after });
      if (domains.length === 0) break;
      seen.push(after = domains[0]);
    }
    assertEquals(seen, ["a.test", "big.test", "z.test"]);
  });

  test("says when there will be something to do", async (store) => {
    assertEquals(await store.nextDue(), undefined);
    await put(store, { recipients: [recipient("a@x.test", { held: true, due: NOON - 9 })] });
    assertEquals(await store.nextDue(), undefined);
    await put(store, { recipients: [recipient("a@x.test", { due: NOON + 7 })] });
    await put(store, { recipients: [recipient("a@y.test", { due: NOON + 3 })] });
    assertEquals(await store.nextDue(), NOON + 3);
    const [lease] = await leaseOf(store, { domain: "y.test", now: NOON + 3, until: NOON + 5 });
    assertEquals(await store.nextDue(), NOON + 5, "the end of the lease");
    await store.renew(lease, NOON + 50);
    assertEquals(await store.nextDue(), NOON + 7);
    await recordAll(store, lease, { state: "delivered", reply: SENT });
    assertEquals(await store.nextDue(), NOON + 7);
  });

  test("leases the recipients of a message and domain that are due, and no others", async (store) => {
    const entry = await put(store, {
      recipients: [
        recipient("a@example.com"),
        recipient("b@example.com", { due: NOON + 1 }),
        recipient("c@example.net"),
        recipient("d@example.com", { held: true }),
        recipient("e@example.com"),
      ],
    });
    const leases = await leaseOf(store);
    assertEquals(leases.length, 1);
    const [{ entry: leased, owner, until }] = leases;
    assertEquals([leased.id, owner, until], [entry.id, OWNER, NOON + 1000]);
    assertEquals(leased.recipients.map(({ index }) => index), [0, 4]);
    assertEquals(leased.size, 10);
    assertEquals(leased.mail, entry.mail);
    assertEquals(await leaseOf(store), []);
    assertEquals(await store.dueDomains({ now: NOON, limit: 9 }), ["example.net"]);
    const [later] = await leaseOf(store, { now: NOON + 1, until: NOON + 900 });
    assertEquals(later.entry.recipients.map(({ index }) => index), [1]);
  });

  test("leases recipients of other domains along, if their message is found", async (store) => {
    const one = await put(store, {
      recipients: [
        recipient("a@example.com"),
        recipient("b@example.net"),
        recipient("c@example.org"),
        recipient("d@example.net", { due: NOON + 1 }),
      ],
    });
    await put(store, { recipients: [recipient("e@example.net")] });
    const along = ["example.net", "example.edu"];
    const [lease, ...others] = await leaseOf(store, { along });
    assertEquals(others, []);
    assertEquals(lease.entry.id, one.id);
    assertEquals(lease.entry.recipients.map(({ index }) => index), [0, 1]);
    assertEquals(await store.dueDomains({ now: NOON, limit: 9 }), ["example.net", "example.org"]);
    await recordAll(store, lease, { state: "delivered", reply: SENT });
    const states = (await store.show(one.id))!.recipients.map(({ state }) => state);
    assertEquals(states, ["delivered", "delivered", "queued", "queued"]);
  });

  test("leases the oldest due messages first, as many as are asked for", async (store) => {
    const ids: string[] = [];
    for (const due of [5, 1, 4, 2, 3]) {
      const { id } = await put(store, {
        recipients: [recipient("a@example.com", { due: NOON + due })],
      });
      ids[due] = id;
    }
    const now = NOON + 9;
    const until = NOON + 99;
    const first = await leaseOf(store, { now, until, limit: 2 });
    const second = await leaseOf(store, { now, until, limit: 9 });
    assertEquals(first.map(({ entry }) => entry.id), [ids[1], ids[2]]);
    assertEquals(second.map(({ entry }) => entry.id), [ids[3], ids[4], ids[5]]);
    assertEquals(await leaseOf(store, { now, until, limit: 9 }), []);
  });

  test("leases of a sender with few messages as well as of one with many", async (store) => {
    const from = (localPart: string) => ({
      mail: { reversePath: { localPart, domain: "a.test" }, smtpUtf8: false },
    });
    for (let i = 0; i < 60; i++) {
      await put(store, {
        ...from("many"),
        recipients: [recipient("a@example.com", { due: NOON - 9 })],
      });
    }
    const few = [await put(store, from("few")), await put(store, from("few"))];
    const leased = (await leaseOf(store, { limit: 20 })).map(({ entry }) => entry.id);
    assertEquals(leased.length, 20);
    assertEquals(few.every(({ id }) => leased.includes(id)), true);
    // All of it is had in the end, each message once.
    const rest = (await leaseOf(store, { limit: 100 })).map(({ entry }) => entry.id);
    assertEquals(new Set([...leased, ...rest]).size, 62);
    assertEquals(await leaseOf(store), []);
  });

  test("gives a message and domain to one worker only, however many ask at once", async (store) => {
    for (let i = 0; i < 40; i++) await put(store);
    const all = await Promise.all(
      Array.from({ length: 10 }, (_, i) => leaseOf(store, { owner: `w${i}`, limit: 7 })),
    );
    const ids = all.flat().map(({ entry }) => entry.id);
    assertEquals(ids.length, 40);
    assertEquals(new Set(ids).size, 40);
    assertEquals(new Set(all.flat().map(({ token }) => token)).size, 40);
  });

  test("leases nothing for no time", async (store) => {
    await put(store);
    await assertRejects(() => leaseOf(store, { until: NOON }), RangeError, "Cannot lease");
    assertEquals((await leaseOf(store)).length, 1);
  });

  test("makes a recipient due again when its lease is over", async (store) => {
    await put(store);
    await leaseOf(store);
    assertEquals(await store.dueDomains({ now: NOON + 999, limit: 9 }), []);
    assertEquals(await leaseOf(store, { now: NOON + 999, until: NOON + 2000 }), []);
    assertEquals(await store.dueDomains({ now: NOON + 1000, limit: 9 }), ["example.com"]);
    assertEquals((await leaseOf(store, { now: NOON + 1000, until: NOON + 2000 })).length, 1);
  });

  test("records nothing for a lease that somebody else has by now", async (store) => {
    for (const owner of ["worker-2", OWNER]) {
      const { id } = await put(store, { recipients: [recipient(`a@${owner}.test`)] });
      const domain = `${owner}.test`;
      const [lost] = await leaseOf(store, { domain });
      const [held] = await leaseOf(store, { domain, owner, now: NOON + 1000, until: NOON + 2000 });
      const before = [await store.show(id), await store.stats()];
      const notice = { entry: newEntry(), body: await stage(store, octets(10)) };
      assertEquals(await store.renew(lost, NOON + 9000), false);
      assertEquals(
        await store.record(lost, attemptOf(lost, { state: "delivered", reply: SENT }), [notice]),
        false,
      );
      await store.giveBack(lost);
      assertEquals([await store.show(id), await store.stats()], before);
      assertEquals(await store.attempts(id), []);
      assertEquals(await leaseOf(store, { domain, now: NOON + 1000, until: NOON + 2000 }), []);
      assert(await recordAll(store, held, { state: "delivered", reply: SENT }));
    }
  });

  test("records for a lease that is over but that nobody else has taken", async (store) => {
    await put(store);
    const [lease] = await leaseOf(store);
    assert(await recordAll(store, lease, { state: "delivered", reply: SENT }, NOON + 99_999));
  });

  test("records an attempt once", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    const outcome = { state: "queued", due: NOON + 60, reply: LATER } as const;
    const twice = await Promise.all([
      recordAll(store, lease, outcome),
      recordAll(store, lease, outcome),
    ]);
    assertEquals(twice, [true, false]);
    assertEquals((await store.show(id))?.recipients[0].attempts, 1);
    assertEquals((await store.attempts(id)).length, 1);
  });

  test("keeps a lease when it is renewed, and knows it by its old value", async (store) => {
    await put(store);
    const [lease] = await leaseOf(store);
    assert(await store.renew(lease, NOON + 5000));
    assertEquals(await leaseOf(store, { now: NOON + 4999, until: NOON + 9000 }), []);
    assert(await store.renew(lease, NOON + 6000));
    assertEquals(await store.dueDomains({ now: NOON + 5999, limit: 9 }), []);
    assert(await recordAll(store, lease, { state: "delivered", reply: SENT }));
  });

  test("gives a lease back with nothing changed", async (store) => {
    const { id } = await put(store);
    const before = await store.show(id);
    const [lease] = await leaseOf(store);
    await store.giveBack(lease);
    assertEquals(await store.show(id), before);
    assertEquals(await store.nextDue(), NOON);
    const [again] = await leaseOf(store);
    assertEquals(again.entry.id, id);
    await store.giveBack(lease);
    assert(await store.renew(again, NOON + 5000), "giving an old lease back does no harm");
  });

  test("ends the leases of an owner and nobody else's", async (store) => {
    for (let i = 0; i < 3; i++) await put(store);
    const recipients = [recipient("a@example.com"), recipient("b@example.com")];
    await put(store, { recipients });
    await leaseOf(store, { owner: "other", limit: 1 });
    await leaseOf(store, { limit: 3 });
    assertEquals(await store.endLeases(OWNER), 3);
    assertEquals(await store.endLeases(OWNER), 0);
    assertEquals((await leaseOf(store)).length, 3);
  });

  test("claims what is queued or held, due or not, and nobody has leased", async (store) => {
    const recipients = [
      recipient("a@example.com"),
      recipient("b@example.net", { due: NOON + 9000 }),
      recipient("c@example.org", { held: true }),
      recipient("d@leased.test"),
      recipient("e@done.test"),
    ];
    const { id } = await put(store, { recipients });
    const [done] = await leaseOf(store, { domain: "done.test" });
    await recordAll(store, done, { state: "delivered", reply: SENT });
    await leaseOf(store, { domain: "leased.test" });
    assertEquals(await claimOf(store, { state: "delivered" }), []);
    assertEquals(await claimOf(store, { to: "nobody" }), []);
    const leases = await claimOf(store, { ids: [id] });
    assertEquals(leases.length, 1);
    const [{ entry, owner, until }] = leases;
    assertEquals([entry.id, owner, until], [id, OWNER, NOON + 1000]);
    assertEquals(entry.recipients.map(({ index, state }) => [index, state]), [
      [0, "queued"],
      [1, "queued"],
      [2, "held"],
    ]);
    assertEquals(await claimOf(store), [], "all of them are leased by now");
    assertEquals(await leaseOf(store), []);
    const [late] = await claimOf(store, {}, { now: NOON + 1000, until: NOON + 2000 });
    assertEquals(late.entry.recipients.map(({ index }) => index), [0, 1, 2, 3], "they are over");
    assertEquals(await recordAll(store, leases[0], { state: "failed", reply: NEVER }), false);
  });

  test("claims those that a filter means, oldest first, as many as are asked for", async (store) => {
    const ids: string[] = [];
    for (const accepted of [3, 1, 2]) {
      const recipients = [recipient("a@x.test"), recipient("b@y.test", { held: true })];
      const { id } = await put(store, { accepted: NOON + accepted, recipients });
      ids[accepted] = id;
    }
    const claimed = async (filter: Filter, limit: number) =>
      (await claimOf(store, filter, { limit })).map(({ entry }) =>
        `${ids.indexOf(entry.id)}/${entry.recipients.map(({ index }) => index)}`
      );
    assertEquals(await claimed({ state: "held" }, 2), ["1/1", "2/1"]);
    assertEquals(await claimed({ domain: "x.test", before: NOON + 3 }, 9), ["1/0", "2/0"]);
    assertEquals(await claimed({ from: "SENDER@" }, 0), []);
    assertEquals(await claimed({ from: "SENDER@" }, 9), ["3/0,1"]);
    await assertRejects(() => claimOf(store, {}, { until: NOON }), RangeError, "Cannot lease");
  });

  test("claims the few that fit among many", async (store) => {
    await Promise.all(Array.from({ length: 4_100 }, (_, i) => {
      const recipients = [recipient(i % 2_000 === 1_999 ? "rare@x.test" : "often@x.test")];
      return put(store, { recipients, accepted: NOON + i });
    }));
    assertEquals((await claimOf(store, { to: "rare" })).length, 2);
    assertEquals((await claimOf(store, { to: "nobody" })).length, 0);
  });

  test("gives what was claimed back as it was", async (store) => {
    const recipients = [
      recipient("a@example.com"),
      recipient("b@example.net", { due: NOON + 9000 }),
      recipient("c@example.org", { held: true }),
    ];
    const { id } = await put(store, { recipients });
    const before = [await store.show(id), await store.stats(), await store.nextDue()];
    const [lease] = await claimOf(store);
    assertEquals(await store.nextDue(), NOON + 1000);
    assert(await store.renew(lease, NOON + 5000));
    assertEquals(await store.nextDue(), NOON + 5000);
    await store.giveBack(lease);
    assertEquals([await store.show(id), await store.stats(), await store.nextDue()], before);
    await claimOf(store);
    assertEquals(await store.endLeases(OWNER), 1);
    assertEquals([await store.show(id), await store.stats(), await store.nextDue()], before);
    assertEquals(await leaseOf(store, { domain: "example.org", now: NOON + 999 }), []);
  });

  test("ends claimed recipients, held ones as well, with a notice", async (store) => {
    const recipients = [
      recipient("a@example.com"),
      recipient("b@example.net", { due: NOON + 9000 }),
      recipient("c@example.org", { held: true }),
    ];
    const { id } = await put(store, { recipients });
    const [lease] = await claimOf(store);
    const notice = {
      entry: newEntry({ recipients: [recipient("sender@example.org")] }),
      body: await stage(store, octets(10)),
    };
    const failed = { state: "failed", reply: NEVER } as const;
    assert(await store.record(lease, attemptOf(lease, failed), [notice]));
    assertEquals((await store.show(id))!.recipients.map(({ state }) => state), [
      "failed",
      "failed",
      "failed",
    ]);
    const { recipients: counts, messages } = await store.stats();
    assertEquals([counts.queued, counts.held, counts.failed, messages], [1, 0, 3, 1]);
    assertEquals(await idsOf(store, { state: "queued" }), [notice.entry.id]);
    assertEquals(await store.nextDue(), NOON, "the notice");
    assertEquals(await store.release({ ids: [id] }, NOON), 0);
  });

  test("keeps a claimed recipient held unless its attempt has ended it", async (store) => {
    const { id } = await put(store, { recipients: [recipient("a@x.test", { held: true })] });
    const [lease] = await claimOf(store);
    assert(await recordAll(store, lease, { state: "queued", due: NOON + 5, reply: LATER }));
    assertEquals((await store.show(id))?.recipients[0].state, "held");
    await claimOf(store);
    assertEquals(await store.release({ ids: [id] }, NOON), 1);
    assertEquals(await store.nextDue(), NOON + 1000, "when the lease is over");
    assertEquals(await leaseOf(store, { domain: "x.test" }), []);
  });

  test("records what an attempt came to for each recipient", async (store) => {
    const recipients = ["a", "b", "c", "d"].map((name) => recipient(`${name}@example.com`));
    const { id } = await put(store, { recipients });
    const [lease] = await leaseOf(store);
    const attempt: Attempt = {
      begun: NOON + 5,
      ended: NOON + 10,
      host: "mx.example.com",
      address: "192.0.2.25",
      outcomes: [
        { index: 0, state: "delivered", reply: SENT, remote: REMOTE, success: "relayed" },
        { index: 1, state: "failed", reply: NEVER, remote: REMOTE },
        { index: 2, state: "queued", due: NOON + 60, reply: LATER, delayTold: true },
      ],
    };
    assert(await store.record(lease, attempt, []));
    const shown = (await store.show(id))!.recipients;
    assertEquals(shown.map(({ state }) => state), ["delivered", "failed", "queued", "queued"]);
    assertEquals(shown.map(({ attempts }) => attempts), [1, 1, 1, 0]);
    assertEquals(shown.map(({ lastReply }) => lastReply), [SENT, NEVER, LATER, undefined]);
    assertEquals(shown.map(({ delayTold }) => delayTold), [false, false, true, false]);
    assertEquals(shown[2].due, NOON + 60);
    assertEquals(await store.attempts(id), [attempt]);
    assertEquals(await store.nextDue(), NOON, "the one without an outcome is due as before");

    const [rest] = await leaseOf(store, { now: NOON + 60, until: NOON + 90 });
    assertEquals(rest.entry.recipients.map(({ index }) => index), [2, 3]);
    await recordAll(store, rest, { state: "queued", due: NOON + 99, reply: LATER });
    assertEquals((await store.show(id))!.recipients[2].delayTold, true);
    assertEquals((await store.attempts(id)).length, 2);
    assertEquals((await store.attempts(id))[0], attempt);
  });

  test("records no outcome for a recipient that is not leased", async (store) => {
    const recipients = [recipient("a@example.com"), recipient("a@example.net")];
    const { id } = await put(store, { recipients });
    const [lease] = await leaseOf(store);
    const outcomes = [0, 1].map((index) => ({ index, state: "failed" as const, reply: NEVER }));
    const attempt = { begun: NOON, ended: NOON, outcomes };
    await assertRejects(() => store.record(lease, attempt, []), RangeError, "Cannot record");
    assertEquals((await store.show(id))!.recipients.map(({ state }) => state), [
      "queued",
      "queued",
    ]);
    assert(await recordAll(store, lease, { state: "failed", reply: NEVER }));
  });

  test("commits the notices of an attempt with it", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    const small = newEntry({ recipients: [recipient("sender@example.org")] });
    const large = newEntry({ recipients: [recipient("other@example.org")] });
    const notices = [
      { entry: small, body: await stage(store, octets(10, 3)) },
      { entry: large, body: await stage(store, octets(300_000, 4)) },
    ];
    const failed = { state: "failed", reply: NEVER } as const;
    assert(await store.record(lease, attemptOf(lease, failed), notices));
    assertEquals((await store.show(id))?.recipients[0].state, "failed");
    assertEquals(await idsOf(store, { state: "queued" }), [small.id, large.id]);
    assertEquals(await readAll(store, small.id), octets(10, 3));
    assertEquals((await readAll(store, large.id)).length, 300_000);
    assertEquals((await leaseOf(store, { domain: "example.org" })).length, 2);
  });

  test("records nothing if one of the notices cannot be committed", async (store) => {
    const { id } = await put(store);
    const [lease] = await leaseOf(store);
    const good = { entry: newEntry(), body: await stage(store, octets(10)) };
    const bad = { entry: newEntry({ id }), body: await stage(store, octets(10)) };
    const before = [await store.show(id), await store.stats()];
    const failed = { state: "failed", reply: NEVER } as const;
    await assertRejects(() => store.record(lease, attemptOf(lease, failed), [good, bad]), Error);
    assertEquals([await store.show(id), await store.stats()], before);
    assertEquals(await store.attempts(id), []);
    assert(await recordAll(store, lease, failed), "the lease still stands");
  });
}

function attemptOf(lease: Lease, outcome: Omit<Attempt["outcomes"][number], "index">): Attempt {
  return {
    begun: NOON + 5,
    ended: NOON + 10,
    outcomes: lease.entry.recipients.map(({ index }) => ({ index, ...outcome })),
  };
}
