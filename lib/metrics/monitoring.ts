/** What a server shows to those who watch it. @module */
import type { Registry } from "./registry.ts";
import { addServerGauges, type ServerGaugeOptions } from "./server_gauges.ts";
import { type StoreHealth, storeHealth } from "./store_health.ts";
import type { Store } from "../queue/store.ts";

/** Metrics and health. */
export interface Monitoring {
  readonly metrics: Pick<Registry, "scrape">;
  /** How the queue is; answers in a time of its own. */
  readonly health: () => Promise<StoreHealth>;
}

/** What is watched. */
export interface MonitoringOptions extends Omit<ServerGaugeOptions, "health"> {
  readonly store: Pick<Store, "probe" | "stats" | "nextDue">;
}

/** Adds to the metrics of a server what is found out of it when somebody asks. */
export function monitor(metrics: Registry, options: MonitoringOptions): Monitoring {
  const health = storeHealth(options.store, options.clock);
  addServerGauges(metrics, { ...options, health });
  return { metrics, health };
}
