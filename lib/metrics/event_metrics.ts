/** Metrics for a program that embeds the server. @module */
import { type Log, noLog } from "../net/log.ts";
import { countingLog } from "./event_counters.ts";
import { type ExpositionFormat, formatMetrics } from "./exposition.ts";
import { Registry } from "./registry.ts";

/** Counts what servers tell their log. */
export interface EventMetrics {
  /** Takes events, counts them, and hands them on. */
  readonly log: Log;
  /** Writes the metrics as they stand, in the text format of Prometheus unless OpenMetrics is named. */
  format(format?: ExpositionFormat): Promise<string>;
}

/**
 * Makes metrics that are counted by the events of a log: sessions, what was refused, messages, logins, TLS.
 * They have the names that `smtpd --ui` shows at `/metrics`. How many series there are does not depend on
 * who sends what to whom.
 *
 * @example A server whose metrics Prometheus scrapes.
 * ```ts
 * import { eventMetrics, listen } from "@smtpd/smtpd";
 *
 * const metrics = eventMetrics();
 * const { log } = metrics;
 * await using server = listen({ hosts: ["127.0.0.1"], log }, async (session) => {
 *   for await (const mail of session.process()) mail.accept();
 * });
 * await using web = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async () => {
 *   const headers = { "content-type": "text/plain; version=0.0.4" };
 *   return new Response(await metrics.format(), { headers });
 * });
 * console.log(`mail at ${server.port}, metrics at ${web.addr.port}`);
 * ```
 *
 * @param log takes the events behind the count; nobody does if left out
 */
export function eventMetrics(log: Log = noLog): EventMetrics {
  const registry = new Registry();
  return {
    log: countingLog(registry, log),
    format: async (format = "prometheus") => formatMetrics(await registry.scrape(), format),
  };
}
