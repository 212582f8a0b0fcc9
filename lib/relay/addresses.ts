/** The addresses of one host that mail may be sent to, in the order in which they are tried. @module */
import { addressScope } from "../policy/address_scope.ts";
import { formatIp, type Ip, parseIp } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import type { Dns } from "./dns.ts";

/** What this server answers to, so that mail is not sent round in a circle. */
export interface Ourselves {
  /** Our host names, as `normalizeDomain` writes them. */
  readonly names: ReadonlySet<string>;
  /** Where we listen. `0.0.0.0` and `::` stand for every address of this host that is known. */
  readonly endpoints: readonly Endpoint[];
}

/** A host or an address that is not tried, and why. What came from the wire is not escaped here. */
export interface Dropped {
  /** The host as it was named. */
  readonly host: string;
  /** The address, where it is not the whole host. */
  readonly address?: string;
  /** Why: a clause for a person to read. */
  readonly reason: string;
}

/** Answers the numbers from 0 up to 1, as `Math.random` does. */
export type Random = () => number;

/** Puts values in a random order (Fisher and Yates). */
export function shuffle<T>(values: readonly T[], random: Random): T[] {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
  }
  return shuffled;
}

/** Whether an address and port is where we listen. */
export function isOurEndpoint(ourselves: Ourselves, ip: Ip, port: number): boolean {
  const address = formatIp(ip);
  return ourselves.endpoints.some((endpoint) => {
    if (endpoint.port !== port) return false;
    const own = parseIp(endpoint.address);
    if (own === undefined) return false;
    const everywhere = own.octets.every((octet) => octet === 0);
    return formatIp(own) === address || (everywhere && addressScope(ip) === "loopback");
  });
}

/** What looking up the addresses of a host gave. */
export interface HostAddresses {
  /** Every address there is, in the order in which they should be tried. */
  readonly addresses: readonly Ip[];
  /** Whether a lookup failed in a way that may pass, so that more addresses may exist. */
  readonly isUncertain: boolean;
}

/**
 * Looks up the addresses of both families at once. The order of each family is random (RFC 5321
 * section 5.1: spread the load over the addresses of a host); the families take turns, IPv6 first
 * (RFC 8305 section 4), so that a host whose one family is unreachable is reached by the second try.
 *
 * @throws the reason of `signal`, once it is aborted
 */
export async function lookUpAddresses(
  dns: Dns,
  host: string,
  random: Random,
  signal?: AbortSignal,
): Promise<HostAddresses> {
  const results = await Promise.allSettled([dns.aaaa(host, signal), dns.a(host, signal)]);
  signal?.throwIfAborted();
  const families = results.map((result) => {
    const texts = result.status === "fulfilled" ? result.value : [];
    const ips = new Map<string, Ip>();
    for (const text of texts) {
      const ip = parseIp(text);
      if (ip !== undefined) ips.set(formatIp(ip), ip);
    }
    return shuffle([...ips.values()], random);
  });
  const addresses: Ip[] = [];
  for (let i = 0; i < Math.max(...families.map((family) => family.length)); i++) {
    for (const family of families) {
      if (i < family.length) addresses.push(family[i]);
    }
  }
  return { addresses, isUncertain: results.some((result) => result.status === "rejected") };
}
