/**
 * From a next hop to the hosts and addresses that its mail is sent to (RFC 5321 section 5.1).
 *
 * @module
 */
import { addressScope } from "../policy/address_scope.ts";
import { parseDomain } from "../policy/domain.ts";
import { formatIp, type Ip, parseAddressLiteral, parseIp } from "../policy/network.ts";
import { type Reply, reply } from "../smtp/reply.ts";
import {
  type Dropped,
  type HostAddresses,
  isOurEndpoint,
  lookUpAddresses,
  type Ourselves,
  type Random,
  shuffle,
} from "./addresses.ts";
import type { Dns, MxRecord } from "./dns.ts";
import type { DeliveryHop, NextHop } from "./next_hop.ts";

/** A next hop that is reached over the network. */
export type RemoteHop = Exclude<NextHop, DeliveryHop | { readonly kind: "local" | "discard" }>;

/** One host to try, with at least one address. */
export interface Target {
  /** The host name in the form in which domains are compared, or an address literal. */
  readonly host: string;
  /** The preference of its MX record; 0 where there is none. */
  readonly preference: number;
  /** The addresses in the order in which they are tried. */
  readonly addresses: readonly string[];
  /** The port to connect to. */
  readonly port: number;
}

/** Where the hosts were taken from. */
export type Source = "MX records" | "implicit MX" | "address literal" | "route";

/** What became of a next hop. */
export type Resolution =
  | {
    readonly kind: "hosts";
    /** Where the hosts were taken from. */
    readonly source: Source;
    /** The hosts in the order in which they are tried. At least one. */
    readonly targets: readonly Target[];
    /** What is not tried, and why. */
    readonly dropped: readonly Dropped[];
  }
  | {
    readonly kind: "failure";
    /** 4yz where trying later may help, else 5yz. */
    readonly reply: Reply;
    /** What was found and is not tried, and why. */
    readonly dropped: readonly Dropped[];
  };

/** What the resolver goes by. */
export interface ResolverOptions {
  /** Answers about names. */
  readonly dns: Dns;
  /** The port on which MX hosts are contacted; 25 if left out. */
  readonly mxPort?: number;
  /** Whether MX hosts may have loopback, private and other addresses that are not global. */
  readonly allowLocal?: boolean;
  /** What this server answers to; nothing if left out. */
  readonly ourselves?: Ourselves;
  /** Orders hosts of equal preference; `Math.random` if left out. */
  readonly random?: Random;
}

/** How many hosts of one domain are looked up; the most preferred ones. */
const MAX_HOSTS = 20;
/** How many addresses of one host, and of one domain, are tried. */
const MAX_ADDRESSES_OF_HOST = 8;
const MAX_ADDRESSES = 24;

const NOBODY: Ourselves = { names: new Set(), endpoints: [] };

/** A host that may be tried, before anything is known of its addresses. */
interface Candidate {
  readonly host: string;
  readonly preference: number;
}

/**
 * Finds the hosts for a next hop. It fails for one reply's worth of reason, and never throws but for
 * the reason of an aborted `signal`.
 */
export async function resolveNextHop(
  hop: RemoteHop,
  options: ResolverOptions,
  signal?: AbortSignal,
): Promise<Resolution> {
  if (hop.kind !== "mx") return await resolveRoute(hop.host, hop.port, options, signal);
  if (hop.domain.startsWith("[")) return resolveLiteral(hop.domain, options);
  const domain = parseDomain(hop.domain);
  if (domain === undefined) {
    return hop.domain === ""
      ? failure(550, "5.1.1", "There is no postmaster here: no domain is local")
      : failure(550, "5.1.2", "The domain of the mailbox is not a domain name");
  }
  return await resolveMx(domain, options, signal);
}

function failure(
  code: number,
  enhanced: string,
  text: string,
  dropped: Dropped[] = [],
): Resolution {
  return { kind: "failure", reply: reply(code, enhanced, text), dropped };
}

/** By the MX records of a domain, or by its addresses where it has none. */
async function resolveMx(
  domain: string,
  options: ResolverOptions,
  signal?: AbortSignal,
): Promise<Resolution> {
  let records: readonly MxRecord[];
  try {
    records = await options.dns.mx(domain, signal);
  } catch {
    signal?.throwIfAborted();
    return failure(451, "4.4.3", `The name servers cannot tell the MX records of ${domain} now`);
  }
  if (records.length === 0) {
    // RFC 5321 section 5.1: the domain is its own MX host, with a preference of 0.
    const candidates = [{ host: domain, preference: 0 }];
    return await resolveCandidates(domain, "implicit MX", candidates, [], options, signal);
  }
  // RFC 7505 section 3: a single MX record that points at the root.
  if (records.every((record) => record.exchange === "." || record.exchange === "")) {
    return failure(556, "5.1.10", `The domain ${domain} takes no mail (null MX)`);
  }

  const dropped: Dropped[] = [];
  const best = new Map<string, Candidate>();
  for (const { exchange, preference } of shuffle(records, options.random ?? Math.random)) {
    const host = parseDomain(exchange);
    if (host === undefined) {
      dropped.push({ host: exchange, reason: "not a host name" });
    } else if (preference < (best.get(host)?.preference ?? Infinity)) {
      best.set(host, { host, preference });
    }
  }
  // Sorting is stable, so that equal preferences stay in the random order (RFC 5321 section 5.1).
  const candidates = [...best.values()].sort((a, b) => a.preference - b.preference);
  for (const { host } of candidates.splice(MAX_HOSTS)) {
    dropped.push({ host, reason: `the domain has more than ${MAX_HOSTS} MX hosts` });
  }
  return await resolveCandidates(domain, "MX records", candidates, dropped, options, signal);
}

/** What is known of a candidate, once its addresses were looked up. */
interface LookedUp extends Candidate {
  readonly found: HostAddresses;
  readonly isUs: boolean;
}

async function resolveCandidates(
  domain: string,
  source: Source,
  candidates: readonly Candidate[],
  dropped: Dropped[],
  options: ResolverOptions,
  signal?: AbortSignal,
): Promise<Resolution> {
  const { dns, mxPort = 25, ourselves = NOBODY, random = Math.random } = options;
  const lookedUp = await Promise.all(candidates.map(async (candidate): Promise<LookedUp> => {
    const found = await lookUpAddresses(dns, candidate.host, random, signal);
    const isUs = ourselves.names.has(candidate.host) ||
      found.addresses.some((ip) => isOurEndpoint(ourselves, ip, mxPort));
    return { ...candidate, found, isUs };
  }));

  // RFC 5321 section 5.1: the hosts at or above our own preference are not for us to try.
  const own = Math.min(...lookedUp.filter((host) => host.isUs).map((host) => host.preference));
  const targets: Target[] = [];
  let isUncertain = false;
  let hasAddress = false;
  let room = MAX_ADDRESSES;
  for (const { host, preference, found, isUs } of lookedUp) {
    if (preference >= own) {
      dropped.push({ host, reason: isUs ? "it is this server" : "not preferred to this server" });
      continue;
    }
    isUncertain ||= found.isUncertain;
    hasAddress ||= found.addresses.length > 0;
    if (found.addresses.length === 0) {
      const reason = found.isUncertain ? "its addresses cannot be looked up now" : "no address";
      dropped.push({ host, reason });
    }
    const usable = usableAddresses(host, found.addresses, options, dropped);
    const addresses = usable.slice(0, Math.min(room, MAX_ADDRESSES_OF_HOST));
    for (const address of usable.slice(addresses.length)) {
      dropped.push({ host, address, reason: "there are enough addresses before it" });
    }
    room -= addresses.length;
    if (addresses.length > 0) targets.push({ host, preference, addresses, port: mxPort });
  }

  if (targets.length > 0) return { kind: "hosts", source, targets, dropped };
  if (isUncertain) {
    const text = `The name servers cannot tell the addresses of the mail hosts of ${domain} now`;
    return failure(451, "4.4.3", text, dropped);
  }
  if (own < Infinity) {
    return failure(554, "5.4.6", `Mail for ${domain} loops back to myself`, dropped);
  }
  if (source === "implicit MX" && !hasAddress) {
    return failure(
      550,
      "5.1.2",
      `The domain ${domain} does not exist or has no mail host`,
      dropped,
    );
  }
  // RFC 5321 section 5.1: MX records of which none is usable are an error. RFC 3463 section 3.5 has
  // X.4.4 for a directory that does not give what routing needs; it is permanent, since the owner of
  // the domain published it so.
  const why = hasAddress ? "has an address that mail may be sent to" : "has an address";
  return failure(554, "5.4.4", `No mail host of ${domain} ${why}`, dropped);
}

/** Leaves out the addresses that lead back inside, unless that is allowed. */
function usableAddresses(
  host: string,
  ips: readonly Ip[],
  options: ResolverOptions,
  dropped: Dropped[],
): string[] {
  const usable: string[] = [];
  for (const ip of ips) {
    const scope = addressScope(ip);
    if (scope === "global" || (options.allowLocal && scope !== "multicast")) {
      usable.push(formatIp(ip));
    } else {
      dropped.push({ host, address: formatIp(ip), reason: `a ${scope} address` });
    }
  }
  return usable;
}

/** By the address literal in a mailbox (RFC 5321 section 4.1.3). */
function resolveLiteral(domain: string, options: ResolverOptions): Resolution {
  const { mxPort: port = 25, ourselves = NOBODY } = options;
  const ip = parseAddressLiteral(domain);
  if (ip === undefined) {
    return failure(550, "5.1.2", "The address literal of the mailbox is none that mail is sent to");
  }
  if (isOurEndpoint(ourselves, ip, port)) {
    return failure(554, "5.4.6", `Mail for ${domain} loops back to myself`);
  }
  const dropped: Dropped[] = [];
  const addresses = usableAddresses(domain, [ip], options, dropped);
  if (addresses.length === 0) {
    return failure(554, "5.4.4", `Mail may not be sent to the address ${domain}`, dropped);
  }
  const targets = [{ host: domain, preference: 0, addresses, port }];
  return { kind: "hosts", source: "address literal", targets, dropped };
}

/**
 * By a host that the operator named: no MX records, and any address will do. What is wrong with it is
 * for the operator to mend, so it is never the end of a message.
 */
async function resolveRoute(
  host: string,
  port: number,
  options: ResolverOptions,
  signal?: AbortSignal,
): Promise<Resolution> {
  const { dns, ourselves = NOBODY, random = Math.random } = options;
  const ip = parseIp(host);
  const found: HostAddresses = ip === undefined
    ? await lookUpAddresses(dns, host, random, signal)
    : { addresses: [ip], isUncertain: false };
  if (found.addresses.some((ip) => isOurEndpoint(ourselves, ip, port))) {
    return failure(451, "4.4.6", `The route of this server leads to itself`);
  }
  if (found.addresses.length === 0) {
    return found.isUncertain
      ? failure(451, "4.4.3", `The name servers cannot tell the addresses of ${host} now`)
      : failure(451, "4.3.5", `The host ${host} of the route has no address`);
  }
  const addresses = found.addresses.slice(0, MAX_ADDRESSES_OF_HOST).map(formatIp);
  const targets = [{ host, preference: 0, addresses, port }];
  return { kind: "hosts", source: "route", targets, dropped: [] };
}
