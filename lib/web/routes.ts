/** The table of all routes. @module */
import { actionRoutes } from "./action_routes.ts";
import { faultRoutes } from "./fault_routes.ts";
import { mailpitRoutes } from "./mailpit_routes.ts";
import { messageRoutes } from "./message_routes.ts";
import { openApi } from "./openapi.ts";
import { respond, respondJson } from "./responses.ts";
import type { Route, RouteServices } from "./route.ts";
import { waitRoute } from "./wait_route.ts";

/** The routes of an inbox. */
export function routesOf(services: RouteServices): readonly Route[] {
  const { inbox, streams } = services;
  const common = { method: "GET", query: [] } as const;
  const plain = { "content-type": "text/plain; charset=utf-8" };
  const routes: Route[] = [
    ...messageRoutes(services),
    ...actionRoutes(services),
    waitRoute(services),
    ...mailpitRoutes(services),
    ...faultRoutes(services),
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
    {
      ...common,
      path: "/healthz",
      summary: "Answers as long as the server runs",
      answers: { 200: { description: "It does.", content: "text/plain" } },
      share: "request",
      handle: () => Promise.resolve(respond(200, "ok\n", plain)),
    },
    {
      ...common,
      path: "/readyz",
      summary: "Answers when the inbox can be read",
      answers: { 200: { description: "It can.", content: "text/plain" } },
      share: "request",
      async handle() {
        await inbox.counts();
        return respond(200, "ok\n", plain);
      },
    },
  ];
  return routes;
}
