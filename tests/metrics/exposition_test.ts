import { assertEquals } from "@std/assert";
import { formatFor, formatMetrics } from "../../lib/metrics/exposition.ts";
import { Registry } from "../../lib/metrics/registry.ts";

const accepts: readonly (readonly [accept: string | null, isOpen: boolean])[] = [
  [null, false],
  ["", false],
  ["*/*", false],
  ["text/html, */*;q=0.8", false],
  ["text/plain;version=0.0.4", false],
  ["application/openmetrics-text", true],
  ["application/openmetrics-text; version=1.0.0; charset=utf-8", true],
  ["Application/OpenMetrics-Text; Q=0.5", true],
  // As Prometheus 2.42 and 3.5 ask.
  [
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    true,
  ],
  [
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2",
    true,
  ],
  ["text/plain;q=0.9,application/openmetrics-text;q=0.8", false],
  ["application/openmetrics-text;q=0,text/plain;q=0", false],
  ["application/openmetrics-text;version=0.0.1", false],
  ["application/openmetrics-text;version=1.0.01", false],
  ["application/openmetrics-textual", false],
];

Deno.test("OpenMetrics is given where it is asked for and liked best", async (t) => {
  for (const [accept, isOpen] of accepts) {
    await t.step(`${accept}`, () => {
      assertEquals(formatFor(accept), isOpen ? "openmetrics" : "prometheus");
    });
  }
});

Deno.test("texts are escaped as each format has it", async () => {
  const registry = new Registry();
  registry.gauge("x", 'A "quoted" \\ and\nanother line.', { a: ['"\\\n'] })
    .set({ a: '"\\\n' }, 0.5);
  const metrics = await registry.scrape();
  const sample = 'x{a="\\"\\\\\\n"} 0.5\n';
  assertEquals(
    formatMetrics(metrics, "prometheus"),
    `# HELP x A "quoted" \\\\ and\\nanother line.\n# TYPE x gauge\n${sample}`,
  );
  assertEquals(
    formatMetrics(metrics, "openmetrics"),
    `# HELP x A \\"quoted\\" \\\\ and\\nanother line.\n# TYPE x gauge\n${sample}# EOF\n`,
  );
});

Deno.test("the name of a counter has no _total in OpenMetrics, but its samples have", async () => {
  const registry = new Registry();
  registry.gauge("x_seconds_total", "X.", {}, "counter").set({}, 2);
  assertEquals(
    formatMetrics(await registry.scrape(), "openmetrics"),
    "# HELP x_seconds X.\n# TYPE x_seconds counter\nx_seconds_total 2\n# EOF\n",
  );
});
