/** Where mail goes, and how. @module */
import {
  type ByDomain,
  domainCount,
  domainRate,
  domainRoute,
  domainTlsLevel,
  type WrittenRate,
} from "./by_domain.ts";
import { domain, nameServer, network, oneOf, path, readBy, truth, wholeNumber } from "./values.ts";
import type { Cidr } from "../policy/network.ts";
import { DEFAULT_RELAY_FROM } from "../policy/relaying.ts";
import type { Endpoint } from "../policy/session.ts";
import type { Route } from "../relay/next_hop.ts";
import { maskRoute, parseRoute } from "../relay/route.ts";
import { TLS_LEVELS, type TlsLevel } from "../relay/tls_policy.ts";
import { one, type Options, perhaps, several } from "./option.ts";

/** Where mail goes, and how. */
export interface DeliverySettings {
  readonly localDomain: readonly string[];
  readonly relayFrom: readonly Cidr[];
  readonly route: Route;
  /** The name server to ask, or `undefined` for the system's. */
  readonly dns: Endpoint | undefined;
  readonly mxPort: number;
  readonly allowLocalMx: boolean;
  /** How much TLS is asked of next hops. */
  readonly tlsOut: TlsLevel;
  /** Routes of domains, before {@linkcode route}. */
  readonly routes: readonly ByDomain<Route>[];
  /** How much TLS is asked of a domain's next hop, before {@linkcode tlsOut}. */
  readonly tlsPolicy: readonly ByDomain<TlsLevel>[];
  /** The file of authorities that are trusted beside the usual ones, where there is one. */
  readonly tlsAuthorities: string | undefined;
  /** Whether the MTA-STS policies of domains are kept to. */
  readonly mtaSts: boolean;
  /** Deliveries at once to a domain's next hop. */
  readonly concurrency: readonly ByDomain<number>[];
  /** Messages in a time to a domain's next hop. */
  readonly rate: readonly ByDomain<WrittenRate>[];
  /** Deliveries at once, to all next hops and to one. */
  readonly maxDeliveries: number;
  readonly maxDeliveriesPerHop: number;
  /** The aliases file, where there is one. */
  readonly aliases: string | undefined;
}

/** These settings by their keys, in the order of the help. */
export const DELIVERY_OPTIONS: Options<DeliverySettings> = {
  localDomain: several(domain, {
    meaning: "a domain whose mail is delivered here",
    placeholder: "D",
    byDefault: [],
  }),
  relayFrom: several(network, {
    meaning: "clients that may relay anywhere",
    placeholder: "CIDR",
    byDefault: DEFAULT_RELAY_FROM,
  }),
  route: one(
    {
      ...readBy(
        parseRoute,
        "give mx, smtp://[user:password@]host[:port], smtps://..., lmtp://host[:port], " +
          "maildir:DIR, pipe:PROGRAM, https://URL, hold or discard",
      ),
      masked: maskRoute,
      suggests: { kind: "words", words: ["mx", "hold", "discard"] },
    },
    {
      meaning: "where mail for other domains goes: mx, smtp(s)://[user:password@]host[:port], " +
        "smtp(s)://user@host?password-file=FILE, lmtp://host[:port], maildir:DIR, pipe:PROGRAM, " +
        "http(s)://URL, hold, discard",
      placeholder: "TARGET",
      byDefault: "mx",
    },
  ),
  dns: perhaps(nameServer, {
    meaning: "ask this name server",
    placeholder: "ADDR[:PORT]",
    shownDefault: "the system's",
    byDefault: [],
  }),
  mxPort: one(wholeNumber(1, 65_535), {
    meaning: "port on which MX hosts are contacted",
    placeholder: "N",
    byDefault: "25",
  }),
  allowLocalMx: one(truth, {
    meaning: "deliver to MX hosts that resolve to loopback or private addresses",
    shownDefault: "off",
    byDefault: "false",
  }),
  tlsOut: one(oneOf(...TLS_LEVELS), {
    meaning: "TLS to next hops: opportunistic (as it is offered), require, or verify the name",
    placeholder: "LEVEL",
    byDefault: "opportunistic",
  }),
  routes: several(domainRoute, {
    meaning: "routes of some domains: DOMAIN TARGET, or .DOMAIN TARGET for all below it",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  tlsPolicy: several(domainTlsLevel, {
    meaning: "TLS to the next hop of some domains: DOMAIN LEVEL, or .DOMAIN LEVEL for all below it",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  tlsAuthorities: perhaps(path, {
    meaning: "PEM file of authorities that vouch for next hops, beside the usual ones",
    placeholder: "FILE",
    fileOnly: true,
    byDefault: [],
  }),
  mtaSts: one(truth, {
    meaning: "keep to the MTA-STS policies of the domains that mail goes to",
    fileOnly: true,
    shownDefault: "on",
    byDefault: "true",
  }),
  concurrency: several(domainCount, {
    meaning: "deliveries at once to the next hop of some domains: DOMAIN N",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  rate: several(domainRate, {
    meaning: "messages in a time to the next hop of some domains: DOMAIN N/DURATION",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  maxDeliveries: one(wholeNumber(1), {
    meaning: "deliveries from the queue at once",
    placeholder: "N",
    fileOnly: true,
    byDefault: "200",
  }),
  maxDeliveriesPerHop: one(wholeNumber(1), {
    meaning: "deliveries from the queue at once to one next hop, at most",
    placeholder: "N",
    fileOnly: true,
    byDefault: "20",
  }),
  aliases: perhaps(path, {
    meaning: "file of aliases: whom the names at local domains stand for",
    placeholder: "FILE",
    fileOnly: true,
    byDefault: [],
  }),
};
