/** What becomes of accepted mail: the queue and those who work on it, or the next hop at once. @module */
import type { Config } from "../config.ts";
import { systemClock } from "../net/clock.ts";
import type { Inbox } from "../inbox/inbox.ts";
import type { Intake } from "../net/intake.ts";
import type { Log } from "../net/log.ts";
import { queueIntake } from "../net/queue_intake.ts";
import { DEFAULT_SCHEDULE, type Schedule } from "../queue/schedule.ts";
import type { Expansion } from "../queue/recipients.ts";
import type { Store } from "../queue/store.ts";
import { watchedStore } from "../queue/watched_store.ts";
import { passThrough, type PassThroughOptions } from "../relay/pass_through.ts";
import { startQueueManager } from "../relay/queue_manager.ts";
import { checkChosenRoute, parseReleaseRoute } from "../relay/release_route.ts";
import { hopOf, nextHopOf } from "../relay/route.ts";
import { aliasesOf } from "./aliases_file.ts";
import { deliveryLimits } from "./compose.ts";
import { startControl } from "./control.ts";
import { openServerStore } from "./open_queue.ts";
import { storeOperator } from "./operator.ts";
import { openQueueInbox } from "./queue_inbox.ts";
import { queueRulesOf } from "./queue_rules.ts";

/** Where a server hands the mail that it accepts. */
export interface MailWay extends AsyncDisposable {
  readonly intake: Intake;
  /** The queue and what is in it, for who looks at it; there is none unless settings ask for it. */
  readonly shown?: { readonly store: Store; readonly inbox: Inbox };
  /** Begins with no delivery any more, and settles when those under way are over, or it is time. */
  drain(timeout: number): Promise<void>;
}

/** The retry schedule that settings ask for. */
export function scheduleOf({ retry, queueLifetime, delayNotice }: Config): Schedule {
  return { ...DEFAULT_SCHEDULE, delays: retry, lifetime: queueLifetime, delayNotice };
}

/**
 * Opens the way that settings ask for.
 *
 * @throws {Failure} if the queue cannot be opened, or the aliases are bad
 */
export async function openMailWay(
  config: Config,
  ways: PassThroughOptions,
  log: Log,
): Promise<MailWay> {
  if (config.noQueue) {
    return {
      intake: passThrough(ways),
      drain: () => Promise.resolve(),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
  const aliases = aliasesOf(config, log);
  aliases?.load();
  return await queuedWay(await openServerStore(config, log), config, ways, log, aliases);
}

/** How long deliveries may go on where a server ends that was not drained, in milliseconds. */
const LEAVE_TIME = 1_000;

/** The way through a queue, which commands can reach from now on. The store is closed with it. */
export async function queuedWay(
  store: Store,
  config: Config,
  ways: PassThroughOptions,
  log: Log,
  aliases?: Expansion,
): Promise<MailWay> {
  const clock = systemClock;
  const { route, relaying } = ways;
  const watched = config.ui && watchedStore(store);
  const open = watched ?? store;
  const rules = queueRulesOf(config, open, aliases);
  const manager = startQueueManager({
    store: open,
    hopOf: ({ mailbox, route: chosen }) =>
      chosen === undefined
        ? nextHopOf(route, relaying, mailbox)
        : hopOf(parseReleaseRoute(chosen), mailbox),
    remote: ways.remote,
    local: ways.local,
    outlets: ways.outlets,
    notices: rules.notices,
    schedule: scheduleOf(config),
    limits: deliveryLimits(config),
    history: config.queueHistory,
    clock,
    log,
  });
  const wake = () => manager.wake();
  const { maxSize, maxRecipients, queue: directory } = config;
  const forgive = () => manager.forgive();
  const shared = { ...rules, store: open, wake, log, clock };
  const control = await startControl({ ...shared, directory, maxSize, maxRecipients, forgive });
  const seen = watched && await openQueueInbox({
    ...{ ...shared, store: watched, directory },
    act: storeOperator({ ...shared, forgive }).act,
  });
  let drained: Promise<void> | undefined;
  const drain = (timeout: number) => drained ??= manager.drain(timeout);
  return {
    intake: queueIntake({
      ...shared,
      checkRoute: checkChosenRoute,
      makeRoom: () => manager.makeRoom(),
    }),
    shown: seen && { store: open, inbox: seen.inbox },
    drain,
    async [Symbol.asyncDispose]() {
      await seen?.[Symbol.asyncDispose]();
      await control[Symbol.asyncDispose]();
      // A server that could not listen has not been drained, and the store is not to close under work.
      if (drained === undefined) await drain(LEAVE_TIME);
      await store[Symbol.asyncDispose]();
    },
  };
}
