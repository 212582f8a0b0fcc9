/** The routes for those who watch the server: whether it works, whether it takes mail, and its metrics. @module */
import { formatFor, formatMetrics, MEDIA_TYPES } from "../metrics/exposition.ts";
import type { Monitoring } from "../metrics/monitoring.ts";
import type { StoreHealth } from "../metrics/store_health.ts";
import type { Shortage } from "../queue/store.ts";
import { respond, WebError } from "./responses.ts";
import type { Answer, Route } from "./route.ts";
import { shape } from "./schemas.ts";

const SHORTAGES: Readonly<Record<Shortage, string>> = {
  octets: "there is too little room on the disk",
  messages: "the queue has as many messages as it may",
};

/** Why the server does not work. Anybody may ask, so that nothing else is told. */
function failureOf(health: StoreHealth): string | undefined {
  if (health.kind === "silent") return "the queue does not answer";
  if (health.kind === "failed") return "the queue cannot be used now";
}

function shortageOf(health: StoreHealth): string | undefined {
  if (health.kind === "full") return SHORTAGES[health.shortage];
}

function respondOk(what: string, why: string | undefined): Response {
  if (why !== undefined) throw new WebError(503, `Cannot ${what}: ${why}`);
  return respond(200, "ok\n", { "content-type": "text/plain; charset=utf-8" });
}

/** The routes. */
export function monitoringRoutes({ metrics, health }: Monitoring): Route[] {
  const common = { method: "GET", query: [], share: "request" } as const;
  const ok: Answer = { description: "It does.", content: "text/plain" };
  const unavailable = (description: string): Answer => ({ description, content: shape("Error") });
  return [
    {
      ...common,
      path: "/healthz",
      summary: "Tells whether the server works: it answers, and so does its queue",
      answers: { 200: ok, 503: unavailable("It does not, or stops; the message says why.") },
      isOpen: true,
      async handle() {
        return respondOk("work", failureOf(await health()));
      },
    },
    {
      ...common,
      path: "/readyz",
      summary: "Tells whether the server takes mail: it works, and its queue has room",
      answers: { 200: ok, 503: unavailable("It does not, or stops; the message says why.") },
      isOpen: true,
      async handle() {
        const found = await health();
        return respondOk("take mail", failureOf(found) ?? shortageOf(found));
      },
    },
    {
      ...common,
      path: "/metrics",
      summary: "Metrics for Prometheus; OpenMetrics where the Accept field asks for it",
      answers: { 200: { description: "All metrics.", content: "text/plain" } },
      async handle({ accept }) {
        const format = formatFor(accept);
        const text = formatMetrics(await metrics.scrape(), format);
        return respond(200, text, { "content-type": MEDIA_TYPES[format], vary: "accept" });
      },
    },
  ];
}
