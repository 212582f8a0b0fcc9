/** What becomes of accepted mail: the queue and those who work on it, or the next hop at once. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import { systemClock } from "../net/clock.ts";
import type { Intake } from "../net/intake.ts";
import type { Log } from "../net/log.ts";
import { queueIntake } from "../net/queue_intake.ts";
import { queueIds } from "../queue/queue_id.ts";
import { DEFAULT_SCHEDULE, type Schedule } from "../queue/schedule.ts";
import { openSqliteStore } from "../queue/sqlite_store.ts";
import type { Store } from "../queue/store.ts";
import { StoreError, type StoreErrorKind } from "../queue/store_error.ts";
import { statusNotices } from "../relay/notices.ts";
import { passThrough, type PassThroughOptions } from "../relay/pass_through.ts";
import { startQueueManager } from "../relay/queue_manager.ts";
import { nextHopOf } from "../relay/route.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";

/** Where a server hands the mail that it accepts. */
export interface MailWay extends AsyncDisposable {
  readonly intake: Intake;
  /** Begins with no delivery any more, and settles when those under way are over, or it is time. */
  drain(timeout: number): Promise<void>;
}

/** The retry schedule that settings ask for. */
export function scheduleOf({ retry, queueLifetime, delayNotice }: Config): Schedule {
  return { ...DEFAULT_SCHEDULE, delays: retry, lifetime: queueLifetime, delayNotice };
}

/** Opens the way that settings ask for. @throws {Failure} if the queue cannot be opened */
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
  return queuedWay(await openStore(config, log), config, ways, log);
}

/** How long deliveries may go on where a server ends that was not drained, in milliseconds. */
const LEAVE_TIME = 1_000;

/** The way through a queue. The store is closed with it. */
export function queuedWay(
  store: Store,
  config: Config,
  ways: PassThroughOptions,
  log: Log,
): MailWay {
  const clock = systemClock;
  const { route, relaying } = ways;
  const isHeld = (mailbox: Mailbox) =>
    route.kind === "hold" && nextHopOf(route, relaying, mailbox).kind !== "local";
  const notices = statusNotices({
    store,
    hostname: config.hostname,
    lifetime: config.queueLifetime,
    nextId: queueIds(() => clock.now()),
    isHeld,
  });
  const manager = startQueueManager({
    store,
    hopOf: (mailbox) => nextHopOf(route, relaying, mailbox),
    remote: ways.remote,
    local: ways.local,
    notices,
    schedule: scheduleOf(config),
    history: config.queueHistory,
    clock,
    log,
  });
  let drained: Promise<void> | undefined;
  const drain = (timeout: number) => drained ??= manager.drain(timeout);
  return {
    intake: queueIntake({
      store,
      lifetime: config.queueLifetime,
      isHeld,
      wake: () => manager.wake(),
      makeRoom: () => manager.makeRoom(),
      log,
      clock,
    }),
    drain,
    async [Symbol.asyncDispose]() {
      // A server that could not listen has not been drained, and the store is not to close under work.
      if (drained === undefined) await drain(LEAVE_TIME);
      await store[Symbol.asyncDispose]();
    },
  };
}

/** How a queue that cannot be opened is mended, and what the program exits with. */
const MENDS: Readonly<Partial<Record<StoreErrorKind, readonly [ExitCode, string]>>> = {
  locked: [EXIT.unavailable, "stop that, or give another directory to --queue"],
  newer: [EXIT.configuration, "run that version, or give another directory to --queue"],
  damaged: [EXIT.badData, "or give another directory to --queue"],
};

async function openStore(config: Config, log: Log): Promise<Store> {
  try {
    return await openSqliteStore({
      directory: config.queue,
      maxMessages: config.queueMessages,
      minFree: config.queueReserve,
      onDamaged: (id, reason) => log("error", "entry-damaged", { id, reason }),
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const kind = error instanceof StoreError ? error.kind : "failed";
    const message = error instanceof Error ? error.message : String(error);
    const wrong = shown(message.replace(/^C/, "c"), 500);
    const [exitCode, mend] = MENDS[kind] ??
      [EXIT.cannotCreate, "mend it, or give another directory to --queue"];
    throw new Failure(exitCode, wrong, mend, error);
  }
}
