/** What metrics say, for tests to look at. @module */
import { countingLog } from "../../lib/metrics/event_counters.ts";
import type { Metric } from "../../lib/metrics/instruments.ts";
import { monitor } from "../../lib/metrics/monitoring.ts";
import { Registry } from "../../lib/metrics/registry.ts";
import { systemClock } from "../../lib/net/clock.ts";
import { noLog } from "../../lib/net/log.ts";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";

/** Samples by name and labels, as they are written, in the order of the text. */
export function samplesOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const space = line.lastIndexOf(" ");
    return [line.slice(0, space), Number(line.slice(space + 1))];
  }));
}

/** Those that are not zero. */
export function counted(text: string): Record<string, number> {
  return Object.fromEntries([...samplesOf(text)].filter(([, value]) => value !== 0));
}

/** The metrics of a server, which need not run to have them. */
export function serverMetrics(): Promise<Metric[]> {
  const registry = new Registry();
  countingLog(registry, noLog);
  monitor(registry, {
    sessions: () => 0,
    store: createMemoryStore(),
    inbox: { condition: () => Promise.resolve({ messages: 0, waiting: 0, isComparing: false }) },
    directory: "/",
    version: "1.2.3",
    clock: systemClock,
  });
  return registry.scrape();
}
