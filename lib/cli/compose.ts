/** Makes a server of settings: who may do what, and where accepted mail goes. @module */
import type { Config } from "../config.ts";
import { Maildir } from "../delivery/maildir.ts";
import type { Log } from "../net/log.ts";
import type { ServerLimits, ServerOptions } from "../net/server_options.ts";
import type { RelayingRules } from "../policy/relaying.ts";
import type { Ourselves } from "../relay/addresses.ts";
import { systemDns } from "../relay/dns.ts";
import { passThrough } from "../relay/pass_through.ts";
import type { ResolverOptions } from "../relay/resolver.ts";

/** The relaying rules that settings ask for. */
export function rulesOf(config: Config): RelayingRules {
  return { localDomains: new Set(config.localDomain), relayFrom: config.relayFrom };
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

/** The Maildirs of the local domains. */
export function maildirOf(config: Config, log?: Log): Maildir {
  const { maildir: root, localDomain: localDomains, hostname } = config;
  return new Maildir({ root, localDomains, hostname, log });
}

function limitsOf(config: Config): ServerLimits {
  const { maxSize, maxRecipients, maxConnections, maxConnectionsPerIp, maxErrors } = config;
  const { timeout, dataTimeout, sessionTimeout, minDataRate } = config;
  return {
    maxSize,
    maxRecipients,
    maxConnections,
    maxConnectionsPerIp,
    maxErrors,
    timeout,
    dataTimeout,
    sessionTimeout,
    minDataRate,
  };
}

/** What the server is made of. `ourselves` may learn where it listens later. */
export function serverOptions(config: Config, ourselves: Ourselves, log: Log): ServerOptions {
  const relaying = rulesOf(config);
  const maildir = maildirOf(config, log);
  return {
    hosts: config.host,
    port: config.port,
    hostname: config.hostname,
    normalizeNewlines: config.bareNewline === "normalize",
    limits: limitsOf(config),
    hooks: {},
    relaying,
    intake: passThrough({
      route: config.route,
      relaying,
      remote: { heloName: config.hostname, resolver: resolverOf(config, ourselves), log },
      local: (mail) => maildir.begin(mail),
    }),
    log,
  };
}
