/** What this server answers to, so that mail is not sent round in a circle. @module */
import type { Config } from "../config.ts";
import { normalizeAddress } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import type { Ourselves } from "../relay/addresses.ts";

/** The addresses of this host, as far as they may be known. */
export function interfaceAddresses(): readonly string[] {
  const descriptor = { name: "sys", kind: "networkInterfaces" } as const;
  if (Deno.permissions.querySync(descriptor).state !== "granted") return [];
  return Deno.networkInterfaces().map((found) => normalizeAddress(found.address));
}

/**
 * Names this server by its host name and by where it listens. An endpoint at every address stands for
 * each address of this host as well.
 */
export function ourselvesAt(config: Config, endpoints: readonly Endpoint[]): Ourselves {
  const every = endpoints.filter(({ address }) => address === "::" || address === "0.0.0.0");
  const own = every.length === 0 ? [] : interfaceAddresses();
  return {
    names: new Set([config.hostname]),
    endpoints: [
      ...endpoints,
      ...every.flatMap(({ port }) => own.map((address) => ({ address, port }))),
    ],
  };
}

/** Where a server with these settings would listen. */
export function intendedEndpoints(config: Config): readonly Endpoint[] {
  const addresses = config.host.length === 0 ? ["::", "0.0.0.0"] : config.host;
  return addresses.map((address) => ({ address, port: config.port }));
}
