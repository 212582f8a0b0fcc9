/** No mail from clients whose address has no name that leads back to it. @module */
import { type Reply, reply } from "../smtp/reply.ts";
import { inTime, keptAnswers } from "./client_answers.ts";
import type { Clock } from "./clock.ts";
import type { Hooks } from "./hooks.ts";
import { formatIp, type Ip, parseIp, reversedLabels } from "./network.ts";
import { mayRelay, type RelayingRules } from "./relaying.ts";
import type { Session } from "./session.ts";

/** What reverse names are asked by. */
export interface ReverseDnsOptions {
  /** Whom it does not concern: clients that may relay, by their address or by an account. */
  readonly relaying: RelayingRules;
  /** Answers the names of an address, by its name below `arpa`: none where there are none for certain. */
  namesOf(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Answers the addresses of a host, of one version: none where there are none for certain. */
  addressesOf(host: string, version: 4 | 6, signal: AbortSignal): Promise<readonly string[]>;
  /** Tells the time and wakes. */
  readonly clock: Clock;
}

/** How long all the questions for one address may take, in milliseconds. */
const TIMEOUT = 5_000;

/** As many names of an address are tried; whoever has more has made them up. */
const MOST_NAMES = 10;

const HOST = /^(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/;

/** The name of an address in the domain name system (RFC 1035 section 3.5, RFC 3596 section 2.5). */
export function reverseName(ip: Ip): string {
  return `${reversedLabels(ip)}.${ip.version === 4 ? "in-addr" : "ip6"}.arpa`;
}

/**
 * Makes the hooks. The names are asked for as soon as a client connects; the answer stands at RCPT, when
 * it is known whether it has authenticated. What cannot be found out lets the client pass.
 */
export function reverseDnsHooks(options: ReverseDnsOptions): Hooks {
  const { relaying, clock } = options;

  async function leadsBack(ip: Ip, signal: AbortSignal): Promise<boolean> {
    const names = await options.namesOf(reverseName(ip), signal);
    const address = formatIp(ip);
    let failure: unknown;
    for (const name of names.slice(0, MOST_NAMES)) {
      const host = name.endsWith(".") ? name.slice(0, -1) : name;
      // What cannot be asked for is no name, and not a failure that would let the client pass.
      if (!HOST.test(host)) continue;
      try {
        const addresses = await options.addressesOf(host, ip.version, signal);
        // An address has several spellings.
        if (addresses.some((each) => formatIpOf(each) === address)) return true;
      } catch (error) {
        failure = error;
      }
    }
    if (failure !== undefined) throw failure;
    return false;
  }

  const hasName = keptAnswers(clock, async (address) => {
    const ip = parseIp(address);
    if (ip === undefined) return true;
    try {
      return await inTime(clock, TIMEOUT, (signal) => leadsBack(ip, signal));
    } catch {
      return true;
    }
  });

  return {
    connect(session) {
      if (!mayRelay(relaying, session)) hasName(session.remote.address);
    },
    async rcpt(session: Session): Promise<Reply | undefined> {
      if (mayRelay(relaying, session)) return undefined;
      const { address } = session.remote;
      if (await hasName(address)) return undefined;
      // RFC 7372 section 3.3; transient, because the name may only not be there yet.
      return reply(
        450,
        "4.7.25",
        `No mail from ${address}, which has no name that leads back to it`,
      );
    },
  };
}

function formatIpOf(text: string): string | undefined {
  const ip = parseIp(text);
  return ip && formatIp(ip);
}
