/** What settings say of messages in the queue, for the server and for commands alike. @module */
import type { Config } from "../config.ts";
import { isLocal } from "../policy/relaying.ts";
import { systemClock } from "../net/clock.ts";
import { queueIds } from "../queue/queue_id.ts";
import type { Expansion, RecipientRules } from "../queue/recipients.ts";
import type { Store } from "../queue/store.ts";
import { type Notices, statusNotices } from "../relay/notices.ts";
import { routeOf } from "../relay/routing.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { routingOf, rulesOf } from "./compose.ts";

/** What becomes of a message that is committed. */
export interface QueueRules extends RecipientRules {
  /** How long a message is tried, in milliseconds. */
  readonly lifetime: number;
  readonly notices: Notices;
}

/** The rules that settings ask for. */
export function queueRulesOf(
  config: Config,
  store: Pick<Store, "read" | "stage">,
  aliases: Expansion | undefined,
): QueueRules {
  const { hostname, queueLifetime: lifetime } = config;
  const routing = routingOf(config);
  const relaying = rulesOf(config);
  const isHeld = (mailbox: Mailbox) =>
    routeOf(routing, mailbox).kind === "hold" && !isLocal(relaying, mailbox);
  const nextId = queueIds(() => systemClock.now());
  return {
    isHeld,
    aliases,
    lifetime,
    notices: statusNotices({ store, hostname, lifetime, nextId, isHeld, aliases }),
  };
}
