import { assertEquals } from "@std/assert";
import { type StoreHealth, storeHealth } from "../../lib/metrics/store_health.ts";
import type { Shortage } from "../../lib/queue/store.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { FakeClock } from "../net/fake_clock.ts";

const probes: readonly (readonly [what: string, Promise<Shortage | undefined>, StoreHealth])[] = [
  ["has room", Promise.resolve(undefined), { kind: "takes mail" }],
  ["lacks octets", Promise.resolve("octets"), { kind: "full", shortage: "octets" }],
  ["has enough messages", Promise.resolve("messages"), { kind: "full", shortage: "messages" }],
  ["does not answer", new Promise(() => {}), { kind: "silent" }],
];

Deno.test("health is what the store says of itself, or that it says nothing", async (t) => {
  for (const [what, probe, expected] of probes) {
    await t.step(what, async () => {
      const clock = new FakeClock();
      const health = storeHealth({ probe: () => probe }, clock)();
      await clock.advance(5_000);
      assertEquals(await health, expected);
    });
  }
  await t.step("fails", async () => {
    const probe = () => Promise.reject(new StoreError("closed", "Cannot use the queue"));
    assertEquals(await storeHealth({ probe }, new FakeClock())(), { kind: "failed" });
  });
});
