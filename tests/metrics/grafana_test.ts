import { assert, assertEquals } from "@std/assert";
import { runProgram, temporaryDirectory } from "../e2e/smtpd.ts";
import { peerTest } from "../peers.ts";
import { serverMetrics } from "./samples.ts";

const text = await Deno.readTextFile(new URL("../../lib/metrics/grafana.json", import.meta.url));

interface Panel {
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets: readonly { readonly expr: string }[];
}

const panels: readonly Panel[] = JSON.parse(text).panels;

/** What is asked of Prometheus, with what Grafana puts in. */
const expressions = panels.flatMap(({ targets }) =>
  targets.map(({ expr }) =>
    expr.replaceAll("$__rate_interval", "1m").replaceAll("$instance", "all")
  )
);

Deno.test("the dashboard asks for metrics and labels that a server has, and leaves out few", async () => {
  const metrics = new Map((await serverMetrics()).map((metric) => [metric.name, metric]));
  const asked = new Set<string>();
  for (const expression of expressions) {
    const names = [...expression.matchAll(/\b((?:smtpd|process)_\w+?)(?:_bucket)?\{/g)];
    assertEquals(names.length, 1, expression);
    const [[, name]] = names;
    const metric = metrics.get(name);
    assert(metric !== undefined, `${name} in ${expression}`);
    assertEquals(metric.type === "histogram", expression.includes("_bucket{"), expression);
    asked.add(name);
    const known = new Set([...metric.labelNames, "le", "instance"]);
    const [, by = ""] = /\bby \(([^)]*)\)/.exec(expression) ?? [];
    const [, matched] = /\{([^}]*)\}/.exec(expression)!;
    const labels = [...by.split(/, ?/), ...matched.split(",").map((one) => one.split(/=~?/)[0])];
    for (const label of labels) assert(label === "" || known.has(label), `${label}: ${expression}`);
  }
  const left = [...metrics.keys()].filter((name) => !asked.has(name) && text.indexOf(name) < 0);
  assertEquals(left, [
    "smtpd_messages_accepted_recipients_total",
    "smtpd_inbox_comparing",
    "process_open_fds",
  ]);
});

Deno.test("no panel of the dashboard lies on another", () => {
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + i % w} ${y + Math.floor(i / w)}`)
  );
  assertEquals(new Set(cells).size, cells.length);
});

peerTest({
  name: "Prometheus can read every expression of the dashboard",
  needs: ["promtool"],
  async fn({ promtool }) {
    using directory = temporaryDirectory();
    const file = `${directory.path}/rules.json`;
    const rules = expressions.map((expr, i) => ({ record: `panel:${i}`, expr }));
    // JSON is YAML.
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { code, text } = await runProgram(promtool, ["check", "rules", file]);
    assertEquals(code, 0, text);
    assert(text.includes(`${rules.length} rules found`), text);
  },
});
