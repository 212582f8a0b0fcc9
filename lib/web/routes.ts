/** The table of all routes. @module */
import { actionRoutes } from "./action_routes.ts";
import { faultRoutes } from "./fault_routes.ts";
import { mailpitRoutes } from "./mailpit_routes.ts";
import { messageRoutes } from "./message_routes.ts";
import { monitoringRoutes } from "./monitoring_routes.ts";
import { openApi } from "./openapi.ts";
import { respond, respondJson } from "./responses.ts";
import type { Route, RouteServices } from "./route.ts";
import { waitRoute } from "./wait_route.ts";

/** The routes of an inbox. */
export function routesOf(services: RouteServices): readonly Route[] {
  const { streams } = services;
  const common = { method: "GET", query: [] } as const;
  const routes: Route[] = [
    ...messageRoutes(services),
    ...actionRoutes(services),
    waitRoute(services),
    ...mailpitRoutes(services),
    ...faultRoutes(services),
    ...monitoringRoutes(services),
    {
      ...common,
      path: "/api/events",
      summary: "Tells what happens, as server-sent events: arrived, changed, gone",
      answers: { 200: { description: "The events, without end.", content: "text/event-stream" } },
      share: "stream",
      handle: () =>
        Promise.resolve(respond(200, streams.open(), { "content-type": "text/event-stream" })),
    },
    {
      ...common,
      path: "/api/openapi.json",
      summary: "Describes all this",
      answers: { 200: { description: "OpenAPI 3.1.", content: "application/json" } },
      share: "request",
      handle: () => Promise.resolve(respondJson(200, openApi(routes))),
    },
  ];
  return routes;
}
