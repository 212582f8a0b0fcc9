import { assertEquals, assertStringIncludes } from "@std/assert";
import type { StoreHealth } from "../../lib/metrics/store_health.ts";
import { ask, start } from "./fixture.ts";

const NO_ROOM = "there is too little room on the disk";
const TOO_MANY = "the queue has as many messages as it may";
const SILENT = "the queue does not answer";
const FAILED = "the queue cannot be used now";

const healths: readonly (readonly [StoreHealth, healthz?: string, readyz?: string])[] = [
  [{ kind: "takes mail" }],
  [{ kind: "full", shortage: "octets" }, undefined, NO_ROOM],
  [{ kind: "full", shortage: "messages" }, undefined, TOO_MANY],
  [{ kind: "silent" }, SILENT, SILENT],
  [{ kind: "failed" }, FAILED, FAILED],
];

Deno.test("health is told with the reason where something is wrong, and nothing else", async (t) => {
  await using world = start();
  for (const [health, healthz, readyz] of healths) {
    await t.step(JSON.stringify(health), async () => {
      world.health = health;
      for (
        const [path, verb, why] of [["healthz", "work", healthz], ["readyz", "take mail", readyz]]
      ) {
        const { status, text, json } = await ask(world, `/${path}`);
        if (why === undefined) assertEquals([status, text], [200, "ok\n"]);
        else {
          assertEquals(status, 503);
          const message = `Cannot ${verb}: ${why}`;
          assertEquals(json, { error: { code: "unavailable", message } });
        }
      }
    });
  }
});

Deno.test("metrics come in the format that is asked for", async () => {
  await using world = start();
  world.metrics.counter("things_total", "Things.", {}).add({});
  const plain = await ask(world, "/metrics");
  assertEquals(plain.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assertEquals(
    plain.text,
    "# HELP things_total Things.\n# TYPE things_total counter\nthings_total 1\n",
  );
  const accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
  const open = await ask(world, "/metrics", { headers: { accept } });
  assertStringIncludes(open.headers.get("content-type")!, "application/openmetrics-text;");
  assertEquals(open.headers.get("vary"), "accept");
  assertEquals(
    open.text,
    "# HELP things Things.\n# TYPE things counter\nthings_total 1\n# EOF\n",
  );
});

Deno.test("the description says which paths take no login", async () => {
  await using world = start();
  const { paths } = (await ask(world, "/api/openapi.json")).json;
  for (const path of ["/healthz", "/readyz"]) {
    const { security, responses } = paths[path].get;
    assertEquals(security, []);
    assertEquals(["401", "429", "503"].map((status) => status in responses), [false, false, true]);
  }
  const { security, responses } = paths["/metrics"].get;
  assertEquals([security, "401" in responses], [undefined, true]);
});
