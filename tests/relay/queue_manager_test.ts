import { assert, assertEquals } from "@std/assert";
import type { Log, LogFields } from "../../lib/net/log.ts";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import { DEFAULT_SCHEDULE } from "../../lib/queue/schedule.ts";
import type { Store } from "../../lib/queue/store.ts";
import { type QueueManagerOptions, startQueueManager } from "../../lib/relay/queue_manager.ts";
import { dnsTable, noShuffle } from "./dns_table.ts";
import { FakeHosts, type Script } from "./fake_hosts.ts";
import { WORLD } from "./fake_relay.ts";
import { entry, octets, SimClock } from "./queue_world.ts";

const CONTENT = octets("Subject: x\r\n\r\nHello\r\n");
const HOUR = 3_600_000;

/** A manager over a store in memory, whose mail for y.test goes to a fake host. */
function world(script: Script, options: Partial<QueueManagerOptions> = {}) {
  const clock = new SimClock();
  const store = options.store ?? createMemoryStore();
  const hosts = new FakeHosts({ "192.0.2.3": script });
  const events: string[] = [];
  const manager = startQueueManager({
    hopOf: ({ mailbox: { domain } }) => ({ kind: "mx", domain }),
    remote: {
      heloName: "us.test",
      resolver: { dns: dnsTable(WORLD), random: noShuffle },
      connect: hosts.connect,
      clock,
    },
    notices: () => Promise.resolve([]),
    schedule: DEFAULT_SCHEDULE,
    history: HOUR,
    clock,
    random: () => 0.5,
    log: (_, event) => events.push(event),
    ...options,
    store,
  });
  return { clock, store, hosts, manager, events };
}

async function commit(
  store: Store,
  id: string,
  now: number,
  to: readonly string[] = ["bob@y.test"],
): Promise<void> {
  const body = store.stage();
  await body.write(CONTENT);
  await store.commit(entry(id, to, now), body);
}

Deno.test("queue manager delivers, keeps what is finished for its time, and forgets it then", async () => {
  const { clock, store, hosts, manager } = world({});
  await commit(store, "m000000000000001", clock.now());
  manager.wake();
  await clock.advance(60_000);
  assertEquals(hosts.seen("192.0.2.3").messages.length, 1);
  assert(await store.show("m000000000000001") !== undefined);
  await clock.advance(HOUR + 120_000);
  assertEquals(await store.show("m000000000000001"), undefined);
  await clock.run(manager.drain(1_000));
});

const ATTEMPTS: readonly (readonly [what: string, script: Script, result: string])[] = [
  ["taken", {}, "delivered"],
  ["refused for now", { rcpt: "451 4.3.0 later" }, "deferred"],
  ["refused", { rcpt: "550 5.1.1 no" }, "failed"],
  ["refused for one of them", {
    rcpt: (line) => line.includes("ann") ? "550 5.1.1 no" : "250 2.1.5 ok",
  }, "mixed"],
];

Deno.test("queue manager tells the log what each attempt came to", async (t) => {
  for (const [what, script, result] of ATTEMPTS) {
    await t.step(what, async () => {
      const attempts: LogFields[] = [];
      const log: Log = (_, event, fields) => void (event === "attempted" && attempts.push(fields));
      const { clock, store, manager } = world(script, { log });
      await commit(store, "m000000000000001", clock.now(), ["bob@y.test", "ann@y.test"]);
      manager.wake();
      await clock.advance(60_000);
      assertEquals(attempts, [{
        id: "m000000000000001",
        hop: "mx:y.test",
        kind: "mx",
        result,
        milliseconds: 0,
      }]);
      await clock.run(manager.drain(1_000));
    });
  }
});

Deno.test("queue manager forgets what is finished at once where there is no room", async () => {
  const { clock, store, manager } = world({}, { store: createMemoryStore({ maxOctets: 30 }) });
  await commit(store, "m000000000000001", clock.now());
  manager.wake();
  await clock.advance(10_000);
  assertEquals(store.hasRoom(20), false);
  manager.makeRoom();
  await clock.advance(1);
  assertEquals(store.hasRoom(20), true);
  await clock.run(manager.drain(1_000));
});

Deno.test("queue manager has a next hop that is down probed when it is told to", async () => {
  let isDown = true;
  const { clock, store, hosts, manager } = world({
    get greeting() {
      return isDown ? "421 4.3.2 busy" : "220 fake.test";
    },
  });
  await commit(store, "m000000000000001", clock.now());
  manager.wake();
  await clock.advance(1_000);
  isDown = false;
  await store.retry({}, clock.now());
  manager.forgive();
  await clock.advance(1_000);
  assertEquals(hosts.seen("192.0.2.3").messages.length, 1);
  await clock.run(manager.drain(1_000));
});

Deno.test("queue manager drains: what is under way ends, or is cut off before its end", async (t) => {
  await t.step("it ends", async () => {
    const { clock, store, hosts, manager } = world({});
    await commit(store, "m000000000000001", clock.now());
    manager.wake();
    await clock.advance(0);
    await clock.run(manager.drain(30_000));
    const { recipients } = await store.stats();
    assertEquals(recipients.delivered, hosts.seen("192.0.2.3").messages.length);
  });
  await t.step("it takes too long", async () => {
    const { clock, store, manager } = world({ rcpt: "hang" });
    await commit(store, "m000000000000001", clock.now());
    manager.wake();
    await clock.advance(1_000);
    const begun = clock.now();
    await clock.run(manager.drain(30_000));
    assert(clock.now() - begun <= 40_000, `${clock.now() - begun} ms`);
    const { recipients } = await store.stats();
    assertEquals(recipients.queued, 1);
  });
});
