/** The relay as a building block: hand it a message, and be told what became of it. @module */
import { relayingRules } from "../policy/relaying.ts";
import type { Endpoint } from "../policy/session.ts";
import { systemDns } from "./dns.ts";
import { type StsPolicies, stsPolicies } from "./mta_sts.ts";
import { policyFetch } from "./mta_sts/fetch.ts";
import { offerMessage, type OutgoingMessage, type RelayResult } from "./offer.ts";
import { parseRoute } from "./route.ts";
import { routeFault } from "./route_fault.ts";
import type { TlsLevel } from "./tls_policy.ts";

/** Where a message goes and how. Everything may be left out. */
export interface RelayOptions {
  /**
   * The route, as `--route` takes it: `mx`, which is the default, `smtp://[user:password@]host[:port]`,
   * `smtps://...`, `lmtp://host[:port]` or `discard`.
   */
  readonly route?: string;
  /** How much TLS is asked of next hops, but of those that speak LMTP; `opportunistic` if left out. */
  readonly tls?: TlsLevel;
  /** Authorities that vouch for next hops, beside the usual ones, as PEM. */
  readonly authorities?: readonly string[];
  /** What we call ourselves in EHLO; the system's name if left out. */
  readonly hostname?: string;
  /** The name server to ask; the system's if left out. */
  readonly nameServer?: Endpoint;
  /** The port on which MX hosts are contacted; 25 if left out. */
  readonly mxPort?: number;
  /** Whether MX hosts may have loopback or private addresses. */
  readonly allowLocalMx?: boolean;
  /** The MTA-STS policies of the domains that mail goes to by MX; they are not asked for if left out. */
  readonly policies?: Pick<StsPolicies, "policyFor">;
}

/** How MTA-STS policies are found. Everything may be left out. */
export interface MtaStsOptions {
  /** The name server to ask; the system's if left out. */
  readonly nameServer?: Endpoint;
  /** A directory in which policies are kept from one run to the next; in memory alone if left out. */
  readonly directory?: string;
  /** Authorities that vouch for the hosts of policies, beside the usual ones, as PEM. */
  readonly authorities?: readonly string[];
}

/**
 * Finds the MTA-STS policies of domains (RFC 8461), and keeps them for as long as they say. One will do for all the
 * messages of a program; at its end it is disposed of.
 *
 * @example Mail that nobody on its way can bring down to plaintext.
 * ```ts
 * import { mtaSts, type OutgoingMessage, relay } from "@smtpd/smtpd";
 *
 * async function relayAll(messages: OutgoingMessage[]) {
 *   using policies = mtaSts({ directory: "/var/lib/example/mta-sts" });
 *   for (const message of messages) await relay(message, { policies });
 * }
 * await relayAll([]);
 * ```
 */
export function mtaSts(options: MtaStsOptions = {}): StsPolicies {
  const { nameServer, directory, authorities } = options;
  const dns = systemDns({ nameServer });
  return stsPolicies({ dns, directory, fetch: policyFetch({ dns, authorities }) });
}

/**
 * Relays a message now, to the next hops of all its recipients at once, and answers a result for each
 * recipient in their order. Nothing is stored or tried again: a result that is `deferred` is for the
 * caller to deal with, which usually means to pass it on to the client.
 *
 * The content is read once, at the pace of the slowest next hop, and not held in memory.
 *
 * @example A message of one's own, to a host that is named.
 * ```ts
 * import { listen, relay } from "@smtpd/smtpd";
 *
 * await using sink = listen({ hosts: ["127.0.0.1"] }, async (session) => {
 *   for await (const mail of session.process()) {
 *     console.log(await mail.text());
 *     mail.accept();
 *   }
 * });
 * async function* content() {
 *   yield new TextEncoder().encode("Subject: Hello\r\n\r\nHow are you?\r\n");
 * }
 * const [result] = await relay({
 *   reversePath: { localPart: "ann", domain: "example.org" },
 *   forwardPaths: [{ localPart: "joe", domain: "example.net" }],
 *   smtpUtf8: false,
 *   content: content(),
 * }, { route: `smtp://127.0.0.1:${sink.port}` });
 * console.log(result.status); // delivered
 * ```
 *
 * @throws {SyntaxError} if the route cannot be read, or needs the server: `maildir:`, `pipe:`, `https:` and `hold`
 * @throws whatever reading the content throws; nothing was delivered then
 */
export function relay(
  message: OutgoingMessage,
  options: RelayOptions = {},
): Promise<RelayResult[]> {
  const { route = "mx", hostname, nameServer, mxPort, allowLocalMx: allowLocal } = options;
  const { tls = "opportunistic", authorities, policies } = options;
  const parsed = parseRoute(route);
  switch (parsed.kind) {
    case "maildir":
    case "program":
    case "web":
    case "hold":
      throw routeFault("the relay has neither Maildirs, programs and web hooks nor a queue");
  }
  return offerMessage(message, {
    route: parsed,
    relaying: relayingRules([]),
    remote: {
      heloName: hostname ?? Deno.hostname(),
      resolver: { dns: systemDns({ nameServer }), mxPort, allowLocal },
      tlsLevelOf: ({ kind }) => kind === "lmtp" ? "opportunistic" : tls,
      authorities,
      policies,
    },
  });
}
