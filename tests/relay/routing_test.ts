import { assertEquals } from "@std/assert";
import type { Route } from "../../lib/relay/next_hop.ts";
import { routeOf, type Routing } from "../../lib/relay/routing.ts";

const mx: Route = { kind: "mx" };
const own: Route = { kind: "discard" };
const below: Route = { kind: "hold" };
const deep: Route = { kind: "smtp", host: "deep.test", port: 25 };

Deno.test("routes of domains come before that of all others, the nearest first", () => {
  const routing: Routing = {
    kind: "table",
    byDomain: new Map<string, Route>([
      ["example.org", own],
      [".example.org", below],
      [".a.example.org", deep],
    ]),
    others: mx,
  };
  const table: [domain: string, route: Route][] = [
    ["example.org", own],
    ["EXAMPLE.ORG", own],
    ["x.example.org", below],
    ["a.example.org", below],
    ["b.a.example.org", deep],
    ["c.b.a.example.org", deep],
    ["notexample.org", mx],
    ["org", mx],
    ["[192.0.2.1]", mx],
    ["", mx],
    ["__proto__", mx],
  ];
  for (const [domain, route] of table) {
    assertEquals(routeOf(routing, { localPart: "joe", domain }), route, domain);
  }
  assertEquals(routeOf(own, { localPart: "joe", domain: "anywhere.test" }), own);
});
