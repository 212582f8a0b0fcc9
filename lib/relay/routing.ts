/** Which route the mail of a domain takes. @module */
import { parseDomain } from "../policy/domain.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import type { Route } from "./next_hop.ts";

/** Routes by domain. */
export interface RoutingTable {
  readonly kind: "table";
  /** By domain, or by `.domain` for all that is below it; both as `normalizeDomain` writes them. */
  readonly byDomain: ReadonlyMap<string, Route>;
  /** For every other domain. */
  readonly others: Route;
}

/** A route for all mail, or one for each of some domains. */
export type Routing = Route | RoutingTable;

/**
 * What is set for a domain, or for the nearest one above it; the keys are as in
 * {@linkcode RoutingTable.byDomain}, and the domain is as `normalizeDomain` writes it.
 */
export function nearestOf<T>(byDomain: ReadonlyMap<string, T>, domain: string): T | undefined {
  const own = byDomain.get(domain);
  if (own !== undefined) return own;
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
    const above = byDomain.get(domain.slice(dot));
    if (above !== undefined) return above;
  }
  return undefined;
}

/** The route of a recipient: that of its domain, or of the nearest one above, before that of all others. */
export function routeOf(routing: Routing, { domain }: Mailbox): Route {
  if (routing.kind !== "table") return routing;
  const { byDomain, others } = routing;
  const name = parseDomain(domain);
  return (name === undefined ? undefined : nearestOf(byDomain, name)) ?? others;
}
