/** DNS block lists (RFC 5782): no mail from clients whose address one of them has. @module */
import { type Reply, reply } from "../smtp/reply.ts";
import type { Hooks } from "./hooks.ts";
import { type Ip, parseIp } from "./network.ts";
import { mayRelay, type RelayingRules } from "./relaying.ts";
import type { Session } from "./session.ts";

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
  readonly clock: {
    /** Milliseconds since the epoch. */
    now(): number;
    /** Calls `wake` once after `delay` milliseconds. */
    after(delay: number, wake: () => void): Disposable;
  };
}

/** How long a list may take to answer, in milliseconds. */
const TIMEOUT = 5_000;

/** How long an answer is kept, in milliseconds, and for how many addresses. */
const KEPT = 5 * 60_000;
const MOST_KEPT = 4096;

/** How long a failure is not told of again, in milliseconds. */
const QUIET = 60_000;

/** What is known of an address: the first list that has it, now or once that is known. */
interface Known {
  readonly until: number;
  readonly zone: Promise<string | undefined>;
}

/**
 * The name to ask for an address in a list (RFC 5782 sections 2.1 and 2.4): its octets, or its
 * hexadecimal digits for IPv6, from the last to the first.
 */
export function blockListName(ip: Ip, zone: string): string {
  const labels = ip.version === 4 ? [...ip.octets].map(String) : [...ip.octets.toHex()];
  return `${labels.reverse().join(".")}.${zone}`;
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
  const known = new Map<string, Known>();
  const told = new Map<string, number>();

  async function isListed(ip: Ip, zone: string): Promise<boolean> {
    const late = new AbortController();
    const { promise: expired, reject } = Promise.withResolvers<never>();
    using _ = clock.after(TIMEOUT, () => {
      const error = new Error("Cannot wait any longer for an answer");
      late.abort(error);
      reject(error);
    });
    try {
      // One that does not heed the signal is not waited for, either.
      const asked = options.lookUp(blockListName(ip, zone), late.signal);
      return (await Promise.race([asked, expired])).some(isListing);
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

  async function ask(ip: Ip): Promise<string | undefined> {
    const listed = await Promise.all(zones.map((zone) => isListed(ip, zone)));
    return zones.find((_, index) => listed[index]);
  }

  function listOf({ remote: { address } }: Session): Promise<string | undefined> | undefined {
    const now = clock.now();
    const before = known.get(address);
    if (before !== undefined && before.until > now) return before.zone;
    const ip = parseIp(address);
    if (ip === undefined) return undefined;
    known.delete(address);
    // The one that is kept longest stands first.
    if (known.size >= MOST_KEPT) known.delete(known.keys().next().value!);
    const zone = ask(ip);
    known.set(address, { until: now + KEPT, zone });
    return zone;
  }

  return {
    connect(session) {
      if (!mayRelay(relaying, session)) listOf(session);
    },
    async rcpt(session): Promise<Reply | undefined> {
      if (mayRelay(relaying, session)) return undefined;
      const zone = await listOf(session);
      if (zone === undefined) return undefined;
      const { address } = session.remote;
      return reply(550, "5.7.1", `No mail from ${address}, which is listed at ${zone}`);
    },
  };
}
