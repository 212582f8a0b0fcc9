/** Makes a server of settings: who may do what, and where accepted mail goes. @module */
import type { Config } from "../config.ts";
import { servicesOf } from "./services.ts";
import type { ByDomain, WrittenRate } from "../config/by_domain.ts";
import { shown } from "../config/sources.ts";
import { Maildir } from "../delivery/maildir.ts";
import { beginProgram } from "../delivery/program.ts";
import { beginWebHook } from "../delivery/web_hook.ts";
import { systemClock } from "../net/clock.ts";
import type { Intake } from "../net/intake.ts";
import { type Log, noLog } from "../net/log.ts";
import type { TlsIdentity } from "../net/tls_identity.ts";
import type { Accounts } from "../policy/accounts.ts";
import { saslServer } from "../policy/sasl.ts";
import type { ServerOptions } from "../net/server_options.ts";
import { blockListHooks } from "../policy/block_lists.ts";
import { type CombinableHooks, combinedHooks } from "../policy/combined_hooks.ts";
import { reverseDnsHooks } from "../policy/reverse_dns.ts";
import { ClientLimits } from "../policy/client_limits.ts";
import type { Faults } from "../policy/faults/faults.ts";
import type { Hooks } from "../policy/hooks.ts";
import type { RelayingRules } from "../policy/relaying.ts";
import type { Ourselves } from "../relay/addresses.ts";
import { systemDns } from "../relay/dns.ts";
import { type StsPolicies, stsPolicies } from "../relay/mta_sts.ts";
import { policyFetch } from "../relay/mta_sts/fetch.ts";
import type { Route } from "../relay/next_hop.ts";
import type { PassThroughOptions } from "../relay/pass_through.ts";
import type { QueueManagerOptions } from "../relay/queue_manager.ts";
import type { ResolverOptions } from "../relay/resolver.ts";
import { nextHopKey, nextHopOf } from "../relay/route.ts";
import type { Routing } from "../relay/routing.ts";
import { authoritiesOf, tlsLevelOf } from "./tls_out.ts";

/** The relaying rules that settings ask for. */
export function rulesOf(config: Config): RelayingRules {
  const { localDomain, relayFrom, relayCertificates } = config;
  return {
    localDomains: new Set(localDomain),
    relayFrom,
    relayCertificates: new Set(relayCertificates),
  };
}

/** The routes that settings ask for. */
export function routingOf({ route, routes }: Config): Routing {
  if (routes.length === 0) return route;
  const byDomain = new Map(routes.map(({ domain, value }) => [domain, value]));
  return { kind: "table", byDomain, others: route };
}

/** What sets a route, for messages: the entry of a domain, or the route of all others. */
export function routeSetBy(domain: string | undefined): string {
  return domain === undefined ? "--route" : `${shown(domain)} in routes`;
}

/** Every route that mail may take, and what sets it. */
export function allRoutes({ route, routes }: Config): { route: Route; setBy: string }[] {
  return [
    { route, setBy: routeSetBy(undefined) },
    ...routes.map(({ domain, value }) => ({
      route: value,
      setBy: routeSetBy(domain),
    })),
  ];
}

/** Limits on deliveries, with the rates as they were written. */
export interface DeliveryLimits extends NonNullable<QueueManagerOptions["limits"]> {
  readonly rates: ReadonlyMap<string, WrittenRate>;
}

/** The limits on deliveries that settings ask for. A domain's are those of the next hop of its mail. */
export function deliveryLimits(config: Config): DeliveryLimits {
  const routing = routingOf(config);
  const relaying = rulesOf(config);
  function byHop<T>(settings: readonly ByDomain<T>[]): Map<string, T> {
    return new Map(settings.map(({ domain, value }) => {
      const hop = nextHopOf(routing, relaying, { localPart: "postmaster", domain });
      return [nextHopKey(hop), value];
    }));
  }
  const counts = byHop(config.concurrency);
  return {
    total: config.maxDeliveries,
    perHop: config.maxDeliveriesPerHop,
    perHopOf: (key) => counts.get(key),
    rates: byHop(config.rate),
  };
}

/** What the resolver goes by. */
export function resolverOf(config: Config, ourselves: Ourselves): ResolverOptions {
  return {
    dns: systemDns({ nameServer: config.dns }),
    mxPort: config.mxPort,
    allowLocal: config.allowLocalMx,
    ourselves,
  };
}

/**
 * The MTA-STS policies of the domains that mail goes to; `undefined` where they are switched off.
 *
 * @param isReadOnly whether they are kept by a server that may run, and not by this process
 */
export function stsPoliciesOf(
  config: Config,
  log: Log = noLog,
  isReadOnly = false,
): StsPolicies | undefined {
  if (!config.mtaSts) return undefined;
  const dns = systemDns({ nameServer: config.dns });
  return stsPolicies({
    dns,
    directory: config.noQueue ? undefined : `${config.queue}/mta-sts`,
    isReadOnly,
    fetch: policyFetch({
      dns,
      allowLocal: config.allowLocalMx,
      authorities: authoritiesOf(config),
    }),
    log,
  });
}

/** The Maildirs of the local domains. */
export function maildirOf(config: Config, log?: Log): Maildir {
  const { maildir: root, localDomain: localDomains, hostname } = config;
  return new Maildir({ root, localDomains, hostname, log });
}

/** The Maildirs of every domain below the directory of a route. */
export function maildirRouteOf(config: Config, directory: string, log?: Log): Maildir {
  const { localDomain: localDomains, hostname } = config;
  return new Maildir({ root: directory, anyDomain: true, localDomains, hostname, log });
}

/**
 * Where mail goes and how, whether or not it is queued first. `ourselves` may learn where we listen later;
 * `policies` are disposed of by the caller.
 */
export function waysOf(
  config: Config,
  ourselves: Ourselves,
  log: Log,
  policies?: StsPolicies,
): PassThroughOptions {
  const maildir = maildirOf(config, log);
  const byDirectory = new Map<string, Maildir>();
  function maildirAt(directory: string): Maildir {
    const made = byDirectory.get(directory) ?? maildirRouteOf(config, directory, log);
    byDirectory.set(directory, made);
    return made;
  }
  const route = routingOf(config);
  const relaying = rulesOf(config);
  return {
    route,
    relaying,
    remote: {
      heloName: config.hostname,
      resolver: resolverOf(config, ourselves),
      tlsLevelOf: tlsLevelOf(config, route, relaying),
      authorities: authoritiesOf(config),
      policies,
      log,
    },
    local: (mail) => maildir.begin(mail),
    outlets: (hop) => {
      switch (hop.kind) {
        case "maildir":
          return (mail) => maildirAt(hop.directory).begin(mail);
        case "program":
          return ({ reversePath }) => beginProgram(hop, reversePath, { log });
        case "web":
          return ({ reversePath }) => beginWebHook(hop, reversePath, { log });
      }
    },
  };
}

/** Who the server is in TLS, whom it knows, and what fails on purpose. */
export interface Guards {
  readonly accounts?: Accounts;
  readonly identity?: TlsIdentity;
  /** What makes up salts for names that have no account. */
  readonly secret?: Uint8Array;
  readonly faults?: Faults;
  /** The hooks of a file. */
  readonly hooks?: Hooks;
}

/** The policies that settings ask for; the hooks of a file come last, as they cost the most. */
function hooksOf(config: Config, log: Log, own: Hooks | undefined): Hooks {
  const { dnsBlockLists: zones } = config;
  const dns = systemDns({ nameServer: config.dns });
  const policies: CombinableHooks[] = [];
  if (config.reverseDns === "require") {
    policies.push(reverseDnsHooks({
      relaying: rulesOf(config),
      namesOf: (name, signal) => dns.ptr(name, signal),
      addressesOf: (host, version, signal) =>
        version === 4 ? dns.a(host, signal) : dns.aaaa(host, signal),
      clock: systemClock,
    }));
  }
  if (zones.length > 0) {
    policies.push(blockListHooks({
      zones,
      relaying: rulesOf(config),
      lookUp: (name, signal) => dns.a(name, signal),
      failed: (zone, error) => log("warn", "block-list-failed", { zone, error: `${error}` }),
      clock: systemClock,
    }));
  }
  if (own !== undefined) policies.push(own);
  return { ...combinedHooks(policies), data: own?.data };
}

/** What the server is made of. */
export function serverOptions(
  config: Config,
  intake: Intake,
  log: Log,
  { accounts, identity, secret, faults, hooks }: Guards = {},
): ServerOptions & { readonly clients: ClientLimits } {
  const exempt = config.relayFrom;
  const clients = new ClientLimits({ rates: config, exempt, accounts, clock: systemClock });
  const { authWithoutTls: allowPlaintext, channelBinding } = config;
  return {
    hosts: config.host,
    services: servicesOf(config),
    identity,
    sasl: accounts &&
      saslServer({ accounts, allowPlaintext, channelBinding, attempts: clients, secret }),
    submission: {
      accounts,
      removeBcc: config.submissionRemoveBcc,
      hidesClient: config.submissionHideClient,
    },
    hostname: config.hostname,
    normalizeNewlines: config.bareNewline === "normalize",
    limits: config,
    clients,
    proxies: config.proxyProtocol,
    trustedPeers: { XCLIENT: config.xclient, XFORWARD: config.xforward },
    hooks: hooksOf(config, log, hooks),
    faults,
    relaying: rulesOf(config),
    // What the sender is to be told of is told by notices, and without a queue there are none.
    dsn: !config.noQueue,
    // The queue keeps what was asked for, and its notices tell where it cannot be met.
    requireTls: !config.noQueue,
    intake,
    log,
  };
}
