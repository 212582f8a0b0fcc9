/** One attempt to deliver a message from the queue to one next hop. @module */
import { type Log, noLog } from "../net/log.ts";
import type { Entry, Recipient, Store } from "../queue/store.ts";
import { reply } from "../smtp/reply.ts";
import { errorText } from "./client.ts";
import type { Visit } from "./hop_pool.ts";
import type { NextHop } from "./next_hop.ts";
import { offerByHop, type RelayResult } from "./offer.ts";
import type { Outlet, Outlets } from "./outlet.ts";
import { mostRecipients } from "./recipient_limit.ts";
import type { RemoteOptions } from "./transaction.ts";

/** How queued messages are delivered. */
export interface DeliveryWays {
  /** Where the messages are. */
  readonly store: Pick<Store, "read">;
  /** How next hops are reached over the network. */
  readonly remote: RemoteOptions;
  /** Takes mail for local domains. Without one it stays in the queue. */
  readonly local?: Outlet;
  /** Takes mail whose route ends on this host. Without them it stays in the queue. */
  readonly outlets?: Outlets;
  readonly log?: Log;
}

/** A message that was not offered to its end, for a reason of ours. */
const NOT_READ = reply(451, "4.3.0", "The message cannot be read from the queue now");

/**
 * Offers a message to one next hop for some of its recipients; a result for each, in their order. A
 * positive one is final whatever the others are. Where there are more recipients than a transaction may
 * have, one follows the other, so that the last need not wait for as many attempts.
 *
 * @param mayEnd asked before the mail data is ended: once it is, the next hop may have the message
 */
export async function deliverTo(
  hop: NextHop,
  entry: Entry,
  recipients: readonly Recipient[],
  visit: Visit,
  mayEnd: () => boolean,
  ways: DeliveryWays,
): Promise<readonly RelayResult[]> {
  const most = mostRecipients(hop);
  const results: RelayResult[] = [];
  for (let i = 0; i < recipients.length; i += most) {
    const some = recipients.slice(i, i + most);
    results.push(...await deliverAtOnce(hop, entry, some, visit, mayEnd, ways));
  }
  return results;
}

/** Offers a message in one transaction. */
async function deliverAtOnce(
  hop: NextHop,
  entry: Entry,
  recipients: readonly Recipient[],
  visit: Visit,
  mayEnd: () => boolean,
  ways: DeliveryWays,
): Promise<readonly RelayResult[]> {
  const message = {
    // What is sent is what is kept, not what the client declared (RFC 1870 section 4).
    mail: { ...entry.mail, size: entry.size },
    recipients: recipients.map(({ mailbox, notify, orcpt }) => ({
      forwardPath: mailbox,
      notify,
      orcpt,
    })),
    content: content(entry.id, ways, mayEnd),
  };
  const remote = { ...ways.remote, sessions: visit };
  try {
    const options = { remote, local: ways.local, outlets: ways.outlets, dataAtOnce: true };
    return await offerByHop(message, () => hop, options);
  } catch (error) {
    const log = ways.log ?? noLog;
    log("error", "delivery-broken", { id: entry.id, error: errorText(error) });
    return recipients.map(({ mailbox }) => ({
      recipient: mailbox,
      status: "deferred",
      reply: NOT_READ,
    }));
  }
}

/** The message, whole or not ended. */
async function* content(
  id: string,
  ways: DeliveryWays,
  mayEnd: () => boolean,
): AsyncGenerator<Uint8Array> {
  yield* ways.store.read(id);
  if (!mayEnd()) throw new Error("Cannot end the message: its lease was lost");
}
