import { assert, assertEquals } from "@std/assert";
import type { Outlet } from "../../lib/relay/outlet.ts";
import { reply } from "../../lib/smtp/reply.ts";
import type { Records } from "./dns_table.ts";
import { FakeHosts, type Script } from "./fake_hosts.ts";
import { FakeStore } from "./fake_store.ts";
import { entry, octets, queueWorld, SimClock } from "./queue_world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const CONTENT = octets("Subject: x\r\n\r\nHello\r\n");

/** A world of domains with a host each: `d0.test` at `192.0.0.0`, and so on. */
function domains(count: number, scriptOf: (i: number) => Script) {
  const records: Record<string, Records> = {};
  const hosts: Record<string, Script> = {};
  const address = (i: number) => `192.0.${i >> 8}.${i & 255}`;
  for (let i = 0; i < count; i++) {
    records[`d${i}.test`] = { mx: [[10, `mx.d${i}.test`]] };
    records[`mx.d${i}.test`] = { a: [`198.51.${i >> 8}.${i & 255}`] };
    hosts[`198.51.${i >> 8}.${i & 255}`] = scriptOf(i);
  }
  return { records, hosts, address: (i: number) => address(i).replace("192.0", "198.51") };
}

Deno.test("scheduler empties 10,000 messages to 1,000 domains, half of which are down", async (t) => {
  const down: Script[] = [
    { connect: "refuse" },
    { connect: "hang" },
    { greeting: "hang" },
    { greeting: "421 4.3.2 busy" },
    { greeting: "drop" },
  ];
  const isDown = (i: number) => i % 2 === 1;
  const made = domains(1000, (i) => isDown(i) ? down[(i >> 1) % down.length] : {});
  const world = queueWorld({
    ...made,
    schedule: { jitter: 0.1 },
    random: generator(),
    timeouts: { open: 60_000 },
  });
  const { clock, store, scheduler, hosts } = world;
  const begun = clock.now();
  for (let i = 0; i < 10_000; i++) {
    const to = `user${i}@d${i % 1000}.test`;
    store.put(entry(`m${i}`, [to], begun), CONTENT);
  }
  scheduler.start();

  await t.step("each healthy domain's mail leaves within its first attempt", async () => {
    await clock.advance(10 * MINUTE);
    let latest = 0;
    for (let i = 0; i < 10_000; i++) {
      if (isDown(i % 1000)) continue;
      const [{ state, attempts }] = store.recipients(`m${i}`);
      assertEquals([state, attempts], ["delivered", 1]);
      latest = Math.max(latest, store.attempts(`m${i}`)[0].ended);
    }
    // 500 dead next hops of which some hang for a minute, 200 deliveries at once.
    assert(latest - begun <= 5 * MINUTE, `the last one left after ${latest - begun} ms`);
    for (let i = 0; i < 1000; i += 2) {
      assertEquals(hosts.seen(made.address(i)).messages.length, 10);
    }
  });

  await t.step("memory is bounded", () => {
    assert(store.mostLeased <= 520, `${store.mostLeased} leases at once`);
  });

  await t.step("the number of connections to dead next hops is bounded", async () => {
    const count = () => {
      const tried = new Map<string, number>();
      for (const address of hosts.tried) tried.set(address, (tried.get(address) ?? 0) + 1);
      return (i: number) => tried.get(made.address(i)) ?? 0;
    };
    const dead = Array.from({ length: 500 }, (_, i) => 2 * i + 1);
    const first = Math.max(...dead.map(count()));
    assert(first <= 4, `${first} connections in ten minutes`);
    await clock.advance(4 * HOUR);
    const later = Math.max(...dead.map(count()));
    // Ten messages, each of which is due six times in the time: 60 without any bound.
    assert(later <= 30, `${later} connections in four hours`);
    for (let i = 1; i < 10_000; i += 2) {
      assertEquals(store.recipients(`m${i}`)[0].state, "queued");
    }
  });
});

Deno.test("scheduler makes 10,000 messages to one dead next hop a few connections", async () => {
  const made = domains(1, () => ({ connect: "refuse" }));
  const { clock, store, scheduler, hosts } = queueWorld(made);
  for (let i = 0; i < 10_000; i++) {
    store.put(entry(`m${i}`, ["x@d0.test"], clock.now()), CONTENT);
  }
  scheduler.start();
  await clock.advance(4 * MINUTE);
  assert(hosts.tried.length <= 4, `${hosts.tried.length} connections`);
  assertEquals(store.recipients("m9999")[0].attempts, 1);
  assert(store.recipients("m9999")[0].lastReply?.lines[0].startsWith("Not tried, mx:d0.test"));
});

/** Numbers that look random and are always the same. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 0x7fffffff;
    return state / 0x7fffffff;
  };
}

/** A domain that is delivered here, each message taking some time. */
function slowOutlet(clock: SimClock, time: number, log: string[]): Outlet {
  return () => ({
    rcpt: ({ forwardPath: { localPart } }) => {
      log.push(localPart);
      return reply(250, "2.1.5", "ok");
    },
    data: () => {},
    write: () => {},
    end: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      clock.after(time, resolve);
      await promise;
      return reply(250, "2.0.0", "ok");
    },
    abort: () => {},
  });
}

Deno.test("scheduler lets a slow domain with many messages delay no other", async () => {
  const made = domains(21, (i) => i === 0 ? { greeting: "hang" } : {});
  const world = queueWorld({ ...made, pool: { total: 10 }, scheduler: { most: 30 } });
  const { clock, store, scheduler } = world;
  for (let i = 0; i < 5_000; i++) {
    store.put(entry(`slow${i}`, ["x@d0.test"], clock.now() - 1), CONTENT);
  }
  for (let i = 1; i <= 200; i++) {
    store.put(entry(`m${i}`, [`x@d${1 + i % 20}.test`], clock.now()), CONTENT);
  }
  scheduler.start();
  await clock.advance(1_000);
  for (let i = 1; i <= 200; i++) assertEquals(store.recipients(`m${i}`)[0].state, "delivered");
  assert(store.mostLeased <= 50);
});

Deno.test("scheduler lets senders of one domain take turns as far as it sees them", async () => {
  const clock = new SimClock();
  const order: string[] = [];
  const local = slowOutlet(clock, 100, order);
  const { store, scheduler } = queueWorld({ clock, local, pool: { perHop: 2 } });
  for (let i = 0; i < 3; i++) {
    store.put(entry(`m${i}`, [`a${i}@local.test`], clock.now(), { from: "a@us.test" }), CONTENT);
  }
  store.put(entry("m9", ["b@local.test"], clock.now(), { from: "b@us.test" }), CONTENT);
  scheduler.start();
  await clock.advance(10_000);
  assertEquals(order, ["a0", "b", "a1", "a2"]);
});

Deno.test("scheduler works on what is committed while it sleeps, and asks for nothing meanwhile", async () => {
  const { clock, store, scheduler } = queueWorld({ route: "discard" });
  scheduler.start();
  await clock.advance(9 * MINUTE);
  const asked = () => store.calls.get("dueDomains");
  assertEquals(asked(), 1);
  store.put(entry("m1", ["x@y.test"], clock.now()), CONTENT);
  scheduler.wake();
  await clock.advance(1);
  assertEquals(store.recipients("m1")[0].state, "delivered");
  const before = asked();
  await clock.advance(9 * MINUTE);
  assertEquals(asked(), before);
});

Deno.test("scheduler wakes when the next one is due", async () => {
  const { clock, store, scheduler } = queueWorld({ route: "discard" });
  const due = clock.now() + 5 * MINUTE;
  const later = entry("m1", ["x@y.test"], due);
  store.put(later, CONTENT);
  scheduler.start();
  await clock.advance(5 * MINUTE - 1);
  assertEquals(store.recipients("m1")[0].state, "queued");
  await clock.advance(1);
  assertEquals(store.recipients("m1")[0].state, "delivered");
  assertEquals(store.attempts("m1")[0].begun, due);
});

Deno.test("scheduler takes over what an owner left that crashed", async (t) => {
  const lease = async (owner: string) => {
    const clock = new SimClock();
    const store = new FakeStore(() => clock.now());
    store.put(entry("m1", ["x@y.test"], clock.now()), CONTENT);
    const now = clock.now();
    await store.lease({ domain: "y.test", owner, now, until: now + 5 * MINUTE, limit: 1 });
    const world = queueWorld({ clock, store, route: "discard" });
    world.scheduler.start();
    return world;
  };
  await t.step("at once where it was itself", async () => {
    const { clock, store } = await lease("us");
    await clock.advance(1);
    assertEquals(store.recipients("m1")[0].state, "delivered");
  });
  await t.step("when the lease ends where it was another", async () => {
    const { clock, store } = await lease("them");
    await clock.advance(5 * MINUTE - 1);
    assertEquals(store.recipients("m1")[0].state, "queued");
    await clock.advance(10 * MINUTE);
    assertEquals(store.recipients("m1")[0].state, "delivered");
  });
});

Deno.test("scheduler renews the lease of an attempt that takes long", async () => {
  const clock = new SimClock();
  const taken: string[] = [];
  const local = slowOutlet(clock, HOUR, taken);
  const { store, scheduler } = queueWorld({ clock, local });
  store.put(entry("m1", ["x@local.test"], clock.now()), CONTENT);
  scheduler.start();
  await clock.advance(HOUR + MINUTE);
  assertEquals(store.recipients("m1")[0].state, "delivered");
  assertEquals(taken, ["x"]);
  assert(store.calls.get("renew")! >= 12);
});

Deno.test("scheduler survives a store that fails, at each call", async (t) => {
  for (const method of ["endLeases", "dueDomains", "lease", "record", "nextDue", "read", "renew"]) {
    await t.step(method, async () => {
      const clock = new SimClock();
      const local = slowOutlet(clock, 10 * MINUTE, []);
      const { store, scheduler, events } = queueWorld({ clock, local });
      store.failures.set(method, 5);
      for (let i = 0; i < 5; i++) {
        store.put(entry(`m${i}`, ["x@local.test"], clock.now()), CONTENT);
      }
      scheduler.start();
      await clock.advance(2 * HOUR);
      for (let i = 0; i < 5; i++) assertEquals(store.recipients(`m${i}`)[0].state, "delivered");
      assert(events.includes(method === "read" ? "delivery-broken" : "store-failed"));
      assertEquals(scheduler.held, 0);
    });
  }
});

Deno.test("scheduler drains: it finishes what is under way and gives back the rest", async () => {
  const clock = new SimClock();
  const taken: string[] = [];
  const local = slowOutlet(clock, MINUTE, taken);
  const { store, scheduler } = queueWorld({ clock, local });
  for (let i = 0; i < 100; i++) {
    store.put(entry(`m${i}`, [`u${i}@local.test`], clock.now()), CONTENT);
  }
  scheduler.start();
  await clock.advance(1_000);
  const begun = taken.length;
  assert(begun > 0 && scheduler.held > begun);
  await clock.run(scheduler.drain());
  assertEquals([taken.length, scheduler.held], [begun, 0]);
  const states = Array.from({ length: 100 }, (_, i) => store.recipients(`m${i}`)[0].state);
  assertEquals(states.filter((state) => state === "delivered").length, begun);
  assert(store.calls.get("giveBack")! > 0);
  // Nobody holds anything: another takes all of the rest.
  const again = queueWorld({ clock, store, route: "discard", scheduler: { owner: "them" }, local });
  again.scheduler.start();
  await clock.advance(HOUR);
  for (let i = 0; i < 100; i++) assertEquals(store.recipients(`m${i}`)[0].state, "delivered");
});

Deno.test("scheduler drains while the store fails", async () => {
  const { clock, store, scheduler } = queueWorld({ hosts: { "192.0.2.3": {} } });
  store.put(entry("m1", ["x@y.test"], clock.now()), CONTENT);
  store.failures.set("record", 1_000);
  scheduler.start();
  await clock.advance(MINUTE);
  await clock.run(scheduler.drain());
  assertEquals(scheduler.held, 0);
});

Deno.test("scheduler sends everything to one next hop without looking at every domain each time", async () => {
  const fakeHosts = new FakeHosts({ "192.0.2.9": {} });
  const { clock, store, scheduler } = queueWorld({ fakeHosts, route: "smtp://192.0.2.9:25" });
  for (let i = 0; i < 2_000; i++) {
    store.put(entry(`m${i}`, [`x@d${i}.test`], clock.now()), CONTENT);
  }
  scheduler.start();
  await clock.advance(MINUTE);
  assertEquals(fakeHosts.seen("192.0.2.9").messages.length, 2_000);
  const calls = store.calls.get("dueDomains")!;
  assert(calls < 4_000, `${calls} questions`);
});
