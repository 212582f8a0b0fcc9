import { assertEquals, assertThrows } from "@std/assert";
import { formatMetrics } from "../../lib/metrics/exposition.ts";
import { Registry } from "../../lib/metrics/registry.ts";

/** The samples of a registry, one a line. */
async function linesOf(registry: Registry): Promise<string[]> {
  const text = formatMetrics(await registry.scrape(), "prometheus");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

Deno.test("a counter has a series for each combination of values from the beginning", async () => {
  const registry = new Registry();
  const counter = registry.counter("x_total", "X.", { a: ["1", "2"], b: ["y", "z"] });
  counter.add({ a: "2", b: "y" });
  counter.add({ b: "z", a: "2" }, 41);
  assertEquals(await linesOf(registry), [
    'x_total{a="1",b="y"} 0',
    'x_total{a="1",b="z"} 0',
    'x_total{a="2",b="y"} 1',
    'x_total{a="2",b="z"} 41',
  ]);
});

Deno.test("a value that a label does not have cannot be counted", () => {
  const counter = new Registry().counter("x_total", "X.", { a: ["1"] });
  const wrong = { a: "2" } as unknown as { a: "1" };
  assertThrows(() => counter.add(wrong), RangeError, "Cannot count 2");
});

Deno.test("a gauge is set when it is asked for, and not shown where nothing is known", async () => {
  const registry = new Registry();
  let value: number | undefined = 7;
  const gauge = registry.gauge("x", "X.", {});
  registry.onScrape(() => gauge.set({}, value));
  assertEquals(await linesOf(registry), ["x 7"]);
  value = undefined;
  assertEquals(await linesOf(registry), []);
  value = 0;
  assertEquals(await linesOf(registry), ["x 0"]);
});

Deno.test("those who ask at the same time share what is found out", async () => {
  const registry = new Registry();
  const found = Promise.withResolvers<void>();
  let asked = 0;
  registry.onScrape(() => {
    asked++;
    return found.promise;
  });
  const scrapes = [registry.scrape(), registry.scrape()];
  found.resolve();
  await Promise.all(scrapes);
  assertEquals(asked, 1);
  await registry.scrape();
  assertEquals(asked, 2);
});

Deno.test("a histogram counts a value in its bucket and in all above", async () => {
  const registry = new Registry();
  const histogram = registry.histogram("x_seconds", "X.", [0.25, 1, 2], { a: ["1"] });
  for (const value of [0, 0.25, 0.5, 2, 4]) histogram.observe({ a: "1" }, value);
  assertEquals(await linesOf(registry), [
    'x_seconds_bucket{a="1",le="0.25"} 2',
    'x_seconds_bucket{a="1",le="1.0"} 3',
    'x_seconds_bucket{a="1",le="2.0"} 4',
    'x_seconds_bucket{a="1",le="+Inf"} 5',
    'x_seconds_sum{a="1"} 6.75',
    'x_seconds_count{a="1"} 5',
  ]);
});

Deno.test("a name is given once", () => {
  const registry = new Registry();
  registry.counter("x_total", "X.", {});
  assertThrows(() => registry.gauge("x_total", "Y.", {}), TypeError, "Cannot have two metrics");
});
