/** DNS block lists (RFC 5782): no mail from clients whose address one of them has. @module */
import { type Reply, reply } from "../smtp/reply.ts";
import { inTime, keptAnswers } from "./client_answers.ts";
import type { Clock } from "./clock.ts";
import type { Hooks } from "./hooks.ts";
import { type Ip, parseIp, reversedLabels } from "./network.ts";
import { mayRelay, type RelayingRules } from "./relaying.ts";

/** What block lists are asked by. */
export interface BlockListOptions {
  /** The domains below which the lists are, the first to be named in a refusal first. */
  readonly zones: readonly string[];
  /** Whom the lists do not concern: clients that may relay, by their address or by an account. */
  readonly relaying: RelayingRules;
  /** Answers the IPv4 addresses of a name: none where there are none for certain. */
  lookUp(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Told, once a minute for each list, that it could not be asked, which lets the client pass. */
  failed?(zone: string, error: unknown): void;
  /** Tells the time and wakes. */
  readonly clock: Clock;
}

/** How long a list may take to answer, in milliseconds. */
const TIMEOUT = 5_000;

/** How long a failure is not told of again, in milliseconds. */
const QUIET = 60_000;

/**
 * The name to ask for an address in a list (RFC 5782 sections 2.1 and 2.4): its octets, or its
 * hexadecimal digits for IPv6, from the last to the first.
 */
export function blockListName(ip: Ip, zone: string): string {
  return `${reversedLabels(ip)}.${zone}`;
}

/**
 * Whether an answer says that an address is listed. What is outside of 127.0.0.0/8 comes from a domain
 * that has been sold, or from a resolver that makes up answers (section 2.1); by 127.255.255.0/24 lists
 * say that they do not answer us.
 */
function isListing(answer: string): boolean {
  return answer.startsWith("127.") && !answer.startsWith("127.255.255.");
}

/**
 * Makes the hooks. The lists are asked as soon as a client connects and while it talks; the answer
 * stands at RCPT, when it is known whether it has authenticated.
 */
export function blockListHooks(options: BlockListOptions): Hooks {
  const { zones, relaying, clock } = options;
  const told = new Map<string, number>();

  async function isListed(ip: Ip, zone: string): Promise<boolean> {
    try {
      const name = blockListName(ip, zone);
      const answers = await inTime(clock, TIMEOUT, (signal) => options.lookUp(name, signal));
      return answers.some(isListing);
    } catch (error) {
      noteFailure(zone, error);
      return false;
    }
  }

  function noteFailure(zone: string, error: unknown): void {
    const now = clock.now();
    if (now - (told.get(zone) ?? -Infinity) < QUIET) return;
    told.set(zone, now);
    options.failed?.(zone, error);
  }

  const listOf = keptAnswers(clock, async (address) => {
    const ip = parseIp(address);
    if (ip === undefined) return undefined;
    const listed = await Promise.all(zones.map((zone) => isListed(ip, zone)));
    return zones.find((_, index) => listed[index]);
  });

  return {
    connect(session) {
      if (!mayRelay(relaying, session)) listOf(session.remote.address);
    },
    async rcpt(session): Promise<Reply | undefined> {
      if (mayRelay(relaying, session)) return undefined;
      const { address } = session.remote;
      const zone = await listOf(address);
      if (zone === undefined) return undefined;
      return reply(550, "5.7.1", `No mail from ${address}, which is listed at ${zone}`);
    },
  };
}
