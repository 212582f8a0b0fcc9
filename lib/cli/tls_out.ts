/** What settings say of the sessions with next hops: TLS, and who we are there. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import type { RelayingRules } from "../policy/relaying.ts";
import { CredentialsError, readProof } from "../relay/credentials.ts";
import type { Route } from "../relay/next_hop.ts";
import type { RemoteHop } from "../relay/resolver.ts";
import { nextHopKey, nextHopOf } from "../relay/route.ts";
import { nearestOf, type Routing } from "../relay/routing.ts";
import { TLS_LEVELS, type TlsLevel } from "../relay/tls_policy.ts";
import { EXIT, Failure } from "./failure.ts";

/**
 * Says how much TLS is asked of a next hop. A domain's level is that of the next hop of its mail, and
 * where several domains have the same one, the strongest is. LMTP is for the network of the house
 * (RFC 2033), so that only a level of its own asks anything of it.
 */
export function tlsLevelOf(
  config: Pick<Config, "tlsOut" | "tlsPolicy">,
  routing: Routing,
  relaying: RelayingRules,
): (hop: RemoteHop) => TlsLevel {
  const byDomain = new Map<string, TlsLevel>();
  const byKey = new Map<string, TlsLevel>();
  for (const { domain, value } of config.tlsPolicy) {
    byDomain.set(domain, value);
    if (domain.startsWith(".")) continue;
    const key = nextHopKey(nextHopOf(routing, relaying, { localPart: "postmaster", domain }));
    const known = byKey.get(key) ?? "opportunistic";
    byKey.set(key, TLS_LEVELS.indexOf(value) > TLS_LEVELS.indexOf(known) ? value : known);
  }
  return (hop) => {
    const own = byKey.get(nextHopKey(hop));
    if (own !== undefined) return own;
    if (hop.kind === "lmtp") return "opportunistic";
    const above = hop.kind === "mx" ? nearestOf(byDomain, hop.domain) : undefined;
    return above ?? config.tlsOut;
  };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;

/**
 * Reads the authorities that are trusted beside the usual ones.
 *
 * @throws {Failure} with exit code 78 if there are none in the file
 */
export function authoritiesOf({ tlsAuthorities: path }: Config): string[] | undefined {
  if (path === undefined) return undefined;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const wrong = `cannot read tlsAuthorities ${shown(path)} (${shown(why)})`;
    throw new Failure(EXIT.configuration, wrong, "name a file of certificates in PEM", error);
  }
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length > 0) return found;
  const wrong = `there is no certificate in tlsAuthorities ${shown(path)}`;
  throw new Failure(EXIT.configuration, wrong, "name a file of certificates in PEM");
}

/**
 * Holds that what routes log in by can be read now, though it will be read again.
 *
 * @throws {Failure} with exit code 78 if it cannot
 */
export function checkCredentials(routes: readonly Route[]): void {
  for (const route of routes) {
    if (!("credentials" in route) || route.credentials === undefined) continue;
    try {
      readProof(route.credentials);
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      const wrong = `cannot use the route ${nextHopKey(route)}: ${shown(error.why)}`;
      throw new Failure(EXIT.configuration, wrong, "put the secret there, on one line", error);
    }
  }
}
