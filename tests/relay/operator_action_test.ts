import { assertEquals } from "@std/assert";
import type { Log } from "../../lib/net/log.ts";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import { statusNotices } from "../../lib/relay/notices.ts";
import { actOn } from "../../lib/relay/operator_action.ts";
import { entry, octets, SimClock } from "./queue_world.ts";

Deno.test("the log is told of each recipient that an operator gives up, and of the notice", async () => {
  const clock = new SimClock();
  await using store = createMemoryStore();
  const body = store.stage();
  await body.write(octets("Subject: x\r\n\r\nHello\r\n"));
  await store.commit(entry("m000000000000001", ["bob@y.test", "ann@z.test"], clock.now()), body);
  const lines: string[] = [];
  const log: Log = (_, event, { id, to }) => void lines.push(`${event} ${id} ${to}`);
  const notices = statusNotices({
    store,
    hostname: "us.test",
    lifetime: 1_000,
    nextId: () => "m000000000000002",
    isHeld: () => true,
  });
  assertEquals(await actOn("bounce", {}, { store, notices, clock, log }), 3);
  assertEquals(lines, [
    "failed m000000000000001 bob@y.test",
    "failed m000000000000001 ann@z.test",
    "notice m000000000000002 <joe@us.test>",
    "failed m000000000000002 joe@us.test",
  ]);
});
