/** What settings say of messages in the queue, for the server and for commands alike. @module */
import type { Config } from "../config.ts";
import { systemClock } from "../net/clock.ts";
import { queueIds } from "../queue/queue_id.ts";
import type { Expansion, RecipientRules } from "../queue/recipients.ts";
import type { Store } from "../queue/store.ts";
import { type Notices, statusNotices } from "../relay/notices.ts";
import { nextHopOf } from "../relay/route.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { rulesOf } from "./compose.ts";

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
  const { route, hostname, queueLifetime: lifetime } = config;
  const relaying = rulesOf(config);
  const isHeld = (mailbox: Mailbox) =>
    route.kind === "hold" && nextHopOf(route, relaying, mailbox).kind !== "local";
  const nextId = queueIds(() => systemClock.now());
  return {
    isHeld,
    aliases,
    lifetime,
    notices: statusNotices({ store, hostname, lifetime, nextId, isHeld, aliases }),
  };
}
