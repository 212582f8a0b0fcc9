/**
 * Fetches the text of a policy from the web host of its domain (RFC 8461 section 3.3).
 *
 * This is not `fetch`: that asks the system's name servers whatever we were told to ask, and goes through
 * a proxy where the environment names one.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { rootCertificates } from "node:tls";
import { type Clock, systemClock } from "../../net/clock.ts";
import { addressScope } from "../../policy/address_scope.ts";
import { formatIp } from "../../policy/network.ts";
import { printable } from "../../smtp/reply.ts";
import { lookUpAddresses, type Random } from "../addresses.ts";
import type { Dns } from "../dns.ts";
import { MAX_POLICY } from "./policy.ts";

/**
 * Fetches the text of the policy of a domain, which is written as `parseDomain` does.
 *
 * @throws {Error} if there is none to be had, with the reason; the reason of `signal` once it is aborted
 */
export type PolicyFetch = (domain: string, signal: AbortSignal) => Promise<string>;

/** How policies are fetched. */
export interface PolicyFetchOptions {
  /** Answers about names. */
  readonly dns: Dns;
  /** Where the time comes from. */
  readonly clock?: Clock;
  /** The port of the web hosts; 443 if left out. */
  readonly httpsPort?: number;
  /** Authorities that are trusted beside the system's, as PEM. */
  readonly authorities?: readonly string[];
  /** Whether web hosts may have loopback, private and other addresses that are not global. */
  readonly allowLocal?: boolean;
  /** Orders the addresses of a host; `Math.random` if left out. */
  readonly random?: Random;
}

/** How many addresses of a host are tried, and how long one may take to begin its answer, in milliseconds. */
const MAX_ADDRESSES = 4;
const ANSWER_TIME = 15_000;

const PATH = "/.well-known/mta-sts.txt";

function fault(domain: string, why: string, cause?: unknown): Error {
  return new Error(`Cannot fetch the MTA-STS policy of ${domain}: ${printable(why)}`, { cause });
}

/** Makes what fetches policies over HTTPS. */
export function policyFetch(options: PolicyFetchOptions): PolicyFetch {
  const { dns, allowLocal = false, random = Math.random } = options;

  async function addressesOf(domain: string, host: string, signal: AbortSignal) {
    const { addresses, isUncertain } = await lookUpAddresses(dns, host, random, signal);
    if (addresses.length === 0) {
      const why = isUncertain ? "has addresses that cannot be looked up now" : "has no address";
      throw fault(domain, `${host} ${why}`);
    }
    // Whoever we send mail to chooses this address: it must not lead back inside.
    const usable = addresses.filter((ip) => {
      const scope = addressScope(ip);
      return scope === "global" || (allowLocal && scope !== "multicast");
    });
    if (usable.length === 0) throw fault(domain, `${host} has no address that may be connected to`);
    return usable.slice(0, MAX_ADDRESSES).map(formatIp);
  }

  return async (domain, signal) => {
    const host = `mta-sts.${domain}`;
    const addresses = await addressesOf(domain, host, signal);
    while (true) {
      const address = addresses.shift()!;
      try {
        const answer = await ask(host, address, options, signal);
        return await textOf(answer);
      } catch (error) {
        signal.throwIfAborted();
        const isLast = addresses.length === 0 || error instanceof Unusable;
        if (isLast) throw fault(domain, reasonOf(error), error);
      }
    }
  };
}

/** An answer that another address of the host would give as well. */
class Unusable extends Error {}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? `${error.message} (${code})` : error.message;
}

/** Asks the host at one of its addresses; answers once the header of its answer is there. */
function ask(
  host: string,
  address: string,
  { clock = systemClock, httpsPort = 443, authorities }: PolicyFetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asking = request({
    host: address,
    port: httpsPort,
    path: PATH,
    // RFC 8461 section 3.3: the certificate has to be good for the name of the host.
    servername: host,
    minVersion: "TLSv1.2",
    ...authorities !== undefined && { ca: [...rootCertificates, ...authorities] },
    // A connection of its own, that nothing is kept of.
    agent: false,
    signal,
    headers: {
      host: httpsPort === 443 ? host : `${host}:${httpsPort}`,
      accept: "text/plain",
      "accept-encoding": "identity",
      connection: "close",
      "user-agent": "smtpd",
    },
  }, resolve);
  asking.on("error", reject);
  const timer = clock.after(ANSWER_TIME, () => {
    asking.destroy(new Error(`${host}[${address}] does not answer`));
  });
  asking.end();
  return promise.finally(() => timer[Symbol.dispose]());
}

/** Reads the text out of an answer, if it is one that may be used. */
async function textOf(answer: IncomingMessage): Promise<string> {
  try {
    const { statusCode, headers } = answer;
    // RFC 8461 section 3.3: redirections are not followed, and nothing but 200 is a success.
    if (statusCode !== 200) throw new Unusable(`the answer is ${statusCode}, not 200`);
    const type = (headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
    if (type !== "text/plain") throw new Unusable(`it is ${type || "of no type"}, not text/plain`);
    const encoding = headers["content-encoding"] ?? "identity";
    if (encoding.toLowerCase() !== "identity") throw new Unusable(`it is encoded as ${encoding}`);
    // Where only the end of the connection ends the text, whoever can cut the connection can cut a policy
    // down to what he likes of it: node:tls does not tell a connection that was cut from one that was closed.
    if (headers["content-length"] === undefined && headers["transfer-encoding"] === undefined) {
      throw new Unusable("it does not say where it ends");
    }
    const octets = new Uint8Array(MAX_POLICY);
    let length = 0;
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      if (length + chunk.length > MAX_POLICY) {
        throw new Unusable(`it is over ${MAX_POLICY} octets`);
      }
      octets.set(chunk, length);
      length += chunk.length;
    }
    if (!answer.complete) throw new Error("the answer breaks off");
    return decode(octets.subarray(0, length));
  } finally {
    answer.destroy();
  }
}

function decode(octets: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    throw new Unusable("it is not UTF-8");
  }
}
