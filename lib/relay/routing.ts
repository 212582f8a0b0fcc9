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

/** Under which key something is set for a domain, or for the nearest one above it. */
function nearestKey(byDomain: ReadonlyMap<string, unknown>, domain: string): string | undefined {
  if (byDomain.has(domain)) return domain;
  for (let dot = domain.indexOf("."); dot >= 0; dot = domain.indexOf(".", dot + 1)) {
    const above = domain.slice(dot);
    if (byDomain.has(above)) return above;
  }
  return undefined;
}

/**
 * What is set for a domain, or for the nearest one above it; the keys are as in
 * {@linkcode RoutingTable.byDomain}, and the domain is as `normalizeDomain` writes it.
 */
export function nearestOf<T>(byDomain: ReadonlyMap<string, T>, domain: string): T | undefined {
  const key = nearestKey(byDomain, domain);
  return key === undefined ? undefined : byDomain.get(key);
}

/** The route of a recipient: that of its domain, or of the nearest one above, before that of all others. */
export function routeOf(routing: Routing, mailbox: Mailbox): Route {
  if (routing.kind !== "table") return routing;
  const key = tableKey(routing, mailbox);
  return key === undefined ? routing.others : routing.byDomain.get(key)!;
}

/** What a recipient's route is under in the table of domains; nothing where it has that of all others. */
export function tableKey(routing: Routing, { domain }: Mailbox): string | undefined {
  if (routing.kind !== "table") return undefined;
  const name = parseDomain(domain);
  return name === undefined ? undefined : nearestKey(routing.byDomain, name);
}
