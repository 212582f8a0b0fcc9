import { assertEquals } from "@std/assert";
import { entry, octets, queueWorld } from "./queue_world.ts";

Deno.test("scheduler keeps to the rate of a next hop, and lets no other wait for it", async () => {
  const made = queueWorld({
    hosts: { "192.0.2.3": {}, "192.0.2.4": {} },
    pool: { rates: new Map([["mx:y.test", { count: 10, period: 60_000 }]]) },
  });
  const now = made.clock.now();
  for (let i = 0; i < 30; i++) {
    made.store.put(entry(`y${i}`, ["bob@y.test"], now), octets("Subject: x\r\n\r\n"));
    made.store.put(entry(`z${i}`, ["bob@z.test"], now), octets("Subject: x\r\n\r\n"));
  }
  made.scheduler.start();
  const sent = (address: string) => made.hosts.seen(address).messages.length;
  const counts: [number, number][] = [];
  for (let minute = 0; minute <= 2; minute++) {
    await made.clock.advance(minute === 0 ? 5_000 : 60_000);
    counts.push([sent("192.0.2.3"), sent("192.0.2.4")]);
  }
  assertEquals(counts, [[10, 30], [20, 30], [30, 30]]);
  assertEquals(made.pool.isDown("mx:y.test"), false);
  assertEquals(made.store.recipients("y29")[0].attempts, 1);
  assertEquals(made.scheduler.held, 0);
});
