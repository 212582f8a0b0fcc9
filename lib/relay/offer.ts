/** Offers one message to the next hops of all its recipients, now. @module */
import type { RelayingRules } from "../policy/relaying.ts";
import type { Envelope, MailParameters, RcptParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { isPositive, isTransient, reply, SmtpError } from "../smtp/reply.ts";
import type { NextHop } from "./next_hop.ts";
import type { Outlet, Outlets, OutletTransaction } from "./outlet.ts";
import { openOutlet } from "./pass_through.ts";
import type { HopReply } from "./remote_reply.ts";
import { nextHopKey, nextHopOf } from "./route.ts";
import type { Routing } from "./routing.ts";
import { type RemoteOptions, RemoteTransaction } from "./transaction.ts";

/** A message to relay: its envelope, and its content. */
export interface OutgoingMessage extends Envelope {
  /** The mail data without dot-stuffing, read once. A slice is done with when the next is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** A message to offer to next hops, with all that MAIL and RCPT say. */
export interface OfferedMessage {
  /** What MAIL says. */
  readonly mail: MailParameters;
  /** What RCPT says, for each recipient. */
  readonly recipients: readonly RcptParameters[];
  /** The mail data, as in {@linkcode OutgoingMessage}. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Where a message may go and how. */
export interface Ways {
  /** Where mail for domains that are not local goes. */
  readonly route: Routing;
  /** The rules, of which the local domains matter here. */
  readonly relaying: RelayingRules;
  /** How next hops are reached over the network. */
  readonly remote: RemoteOptions;
  /** Takes mail for local domains. Without one it is deferred. */
  readonly local?: Outlet;
  /** Takes mail whose route ends on this host. Without them it is deferred. */
  readonly outlets?: Outlets;
}

/** How next hops that are known are reached. */
export interface HopWays extends Pick<Ways, "remote" | "local" | "outlets"> {
  /** Whether DATA goes out with the recipients where the next hop has PIPELINING. */
  readonly dataAtOnce?: boolean;
}

/** What became of a message for one recipient. */
export interface RelayResult {
  /** The recipient. */
  readonly recipient: Mailbox;
  /** Taken by the next hop, worth another try later, or neither. */
  readonly status: "delivered" | "deferred" | "failed";
  /** Why: as our own reply, with the words of the next hop where they are its words. */
  readonly reply: HopReply;
  /**
   * How it arrived, where it was taken: at its mailbox, or at a server that sends no notices. Left out
   * where the next hop offers DSN, and so has taken over what was asked for (RFC 3461 section 5.2.1).
   */
  readonly success?: "delivered" | "relayed";
  /** The host that the message was offered to, where it got as far as that. */
  readonly host?: string;
  /** The address of that host. */
  readonly address?: string;
}

const LOST_RESULT = reply(451, "4.3.0", "The next hop did not say what became of the message");

/** The recipients that share a next hop, and what is known of them so far. */
interface Group {
  readonly hop: NextHop;
  readonly recipients: RcptParameters[];
  /** One for each recipient; nothing while the outcome is open. */
  replies: (HopReply | undefined)[];
  outlet?: OutletTransaction;
  /** Whether the outlet awaits mail data, or the end of it. */
  isOpen: boolean;
}

/**
 * Offers a message to the next hops of all its recipients at once and answers a result for each, in
 * the order of the envelope. The content is read once, at the pace of the slowest next hop, and not
 * held; where no next hop wants it, it is not read at all.
 *
 * @throws whatever reading the content throws; nothing was delivered then
 */
export async function offerMessage(message: OutgoingMessage, ways: Ways): Promise<RelayResult[]> {
  const recipients = message.forwardPaths.map((forwardPath) => ({ forwardPath }));
  return await offerByHop(
    { mail: message, recipients, content: message.content },
    (recipient) => nextHopOf(ways.route, ways.relaying, recipient),
    ways,
  );
}

/** As {@linkcode offerMessage}, for next hops that the caller finds. */
export async function offerByHop(
  message: OfferedMessage,
  hopOf: (recipient: Mailbox) => NextHop,
  ways: HopWays,
): Promise<RelayResult[]> {
  const groups = new Map<string, Group>();
  const groupOf = message.recipients.map((recipient) => {
    const hop = hopOf(recipient.forwardPath);
    const key = nextHopKey(hop);
    const group = groups.get(key) ?? { hop, recipients: [], replies: [], isOpen: false };
    group.recipients.push(recipient);
    groups.set(key, group);
    return group;
  });
  const all = [...groups.values()];
  try {
    await Promise.all(all.map((group) => offer(group, message, ways)));
    if (all.some((group) => group.isOpen)) {
      for await (const slice of message.content) {
        await Promise.all(all.map((group) => send(group, slice)));
        if (!all.some((group) => group.isOpen)) break;
      }
    }
  } catch (error) {
    for (const group of all) group.outlet?.abort();
    throw error;
  }
  await Promise.all(all.map(finish));
  return message.recipients.map(({ forwardPath }, i) => resultOf(forwardPath, groupOf[i]));
}

/** Names the recipients to their next hop, and asks it for its go-ahead. */
async function offer(group: Group, message: OfferedMessage, ways: HopWays): Promise<void> {
  const outlet = await openOutlet(group.hop, message.mail, ways);
  if ("code" in outlet) {
    group.replies = group.recipients.map(() => outlet);
    return;
  }
  group.outlet = outlet;
  if (outlet instanceof RemoteTransaction) {
    group.replies = await outlet.rcpts(group.recipients, ways.dataAtOnce);
  } else {
    for (const recipient of group.recipients) group.replies.push(await outlet.rcpt(recipient));
  }
  if (!group.replies.some((answer) => answer !== undefined && isPositive(answer))) {
    outlet.abort();
    return;
  }
  // A positive reply to RCPT is no outcome yet.
  group.replies = group.replies.map((answer) => answer && isPositive(answer) ? undefined : answer);
  const refusal = await outlet.data("");
  if (refusal !== undefined && !isPositive(refusal)) settle(group, refusal);
  else group.isOpen = true;
}

/** Gives every recipient whose outcome is open the same one. */
function settle(group: Group, outcome: HopReply): void {
  group.replies = group.replies.map((answer) => answer ?? outcome);
  group.isOpen = false;
}

async function send(group: Group, slice: Uint8Array): Promise<void> {
  if (!group.isOpen) return;
  try {
    await group.outlet?.write(slice);
  } catch (error) {
    if (!(error instanceof SmtpError)) throw error;
    settle(group, error.reply);
    group.outlet?.abort();
  }
}

async function finish(group: Group): Promise<void> {
  if (!group.isOpen || group.outlet === undefined) return;
  let outcome: HopReply | readonly HopReply[];
  try {
    outcome = await group.outlet.end();
  } catch (error) {
    // The others have their results, so this is no reason to take them back.
    outcome = error instanceof SmtpError ? error.reply : LOST_RESULT;
  }
  if ("code" in outcome) return settle(group, outcome);
  const results: HopReply[] = [...outcome];
  group.replies = group.replies.map((answer) => answer ?? results.shift() ?? LOST_RESULT);
}

/** Takes the next result of a group, which are in the order of its recipients. */
function resultOf(recipient: Mailbox, group: Group): RelayResult {
  const reply = group.replies.shift() ?? LOST_RESULT;
  const status = isPositive(reply) ? "delivered" : isTransient(reply) ? "deferred" : "failed";
  const origin = group.outlet instanceof RemoteTransaction ? group.outlet.origin : undefined;
  const success = isPositive(reply) ? successOf(group) : undefined;
  return { recipient, status, reply, ...success && { success }, ...origin };
}

/** How a message arrived that was taken. */
function successOf({ hop, outlet }: Group): RelayResult["success"] {
  if (!(outlet instanceof RemoteTransaction)) return "delivered";
  if (outlet.offersDsn) return undefined;
  // RFC 2033 section 4.2: what LMTP accepts is delivered.
  return hop.kind === "lmtp" ? "delivered" : "relayed";
}
