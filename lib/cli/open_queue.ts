/** Opens the queue for a command, whether or not a server has it open. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import { systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { openSqliteReader, type StoreReader } from "../queue/sqlite_reader.ts";
import { openSqliteStore } from "../queue/sqlite_store.ts";
import { type Store, StoreFullError } from "../queue/store.ts";
import { StoreError, type StoreErrorKind } from "../queue/store_error.ts";
import { OWNER } from "../relay/queue_manager.ts";
import { aliasesOf } from "./aliases_file.ts";
import { connectControl } from "./control_client.ts";
import { HAS_CONTROL } from "./control_path.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import { type Operator, storeOperator } from "./operator.ts";
import { patiently } from "./patience.ts";
import { queueRulesOf } from "./queue_rules.ts";

/** What to do about a queue that cannot be used, and what the program exits with. */
type Mend = readonly [ExitCode, string];

const MENDS: Partial<Record<StoreErrorKind, Mend>> = {
  locked: [
    EXIT.temporary,
    HAS_CONTROL
      ? "try again; if it is a server, it should be listening on its control socket"
      : "on Windows the queue can be changed only while the server is stopped",
  ],
  busy: [EXIT.temporary, "try again"],
  closed: [EXIT.temporary, "try again"],
  uncertain: [EXIT.temporary, "see smtpd queue list, and try again if it is not done"],
  newer: [EXIT.configuration, "use that version, or give another directory to --queue"],
  damaged: [EXIT.badData, "restore it, or give another directory to --queue"],
  missing: [EXIT.badData, "see smtpd queue list"],
};

/** Makes one line of what a store says. Anything else stays what it is. */
export function queueFailure(error: unknown, locked = MENDS.locked): unknown {
  const isForbidden = [error, error instanceof Error ? error.cause : undefined]
    .some((part) => part instanceof Deno.errors.PermissionDenied);
  if (isForbidden) {
    const mend = "run this as the user that smtpd runs as";
    return new Failure(EXIT.noPermission, "no permission to use the queue", mend, error);
  }
  if (!(error instanceof StoreError || error instanceof StoreFullError)) return error;
  const wrong = shown(error.message.replace(/^C/, "c"), 500);
  if (error instanceof StoreFullError) {
    return new Failure(EXIT.temporary, wrong, "make room, and try again", error);
  }
  const [code, mend] = { ...MENDS, locked }[error.kind] ??
    [EXIT.cannotCreate, "mend it, or give another directory to --queue"];
  return new Failure(code, wrong, mend, error);
}

/** Opens the queue as soon as nobody else has it open for a moment. */
function openPatiently<T>(open: () => Promise<T>): Promise<T> {
  return patiently(open, (error) => queueFailure(error));
}

/**
 * Opens the queue for a server. A command that has it open is waited for, another server is not.
 *
 * @throws {Failure} if it cannot be opened
 */
export function openServerStore(config: Config, log: Log): Promise<Store> {
  return openPatiently(async () => {
    try {
      return await openSqliteStore({
        directory: config.queue,
        maxMessages: config.queueMessages,
        minFree: config.queueReserve,
        onDamaged: (id, reason) => log("error", "entry-damaged", { id, reason }),
        onFlushed: (milliseconds) => log("debug", "flushed", { milliseconds }),
      });
    } catch (error) {
      const isLocked = error instanceof StoreError && error.kind === "locked" && HAS_CONTROL;
      await using server = isLocked ? await connectControl(config.queue) : undefined;
      if (server === undefined) throw error;
      const mend = "stop that server, or give another directory to --queue";
      throw queueFailure(error, [EXIT.unavailable, mend]);
    }
  });
}

/**
 * Opens the queue to look at; `undefined` where there is none yet, which is as good as an empty one.
 *
 * @throws {Failure} if it cannot be read
 */
export function openQueueReader({ queue: directory }: Config): StoreReader | undefined {
  try {
    return openSqliteReader({ directory });
  } catch (error) {
    if (error instanceof StoreError && error.kind === "missing") return undefined;
    throw queueFailure(error);
  }
}

async function openOwn(config: Config): Promise<Operator> {
  const store: Store = await openSqliteStore({
    directory: config.queue,
    maxMessages: config.queueMessages,
    minFree: config.queueReserve,
  });
  const operator = storeOperator({
    store,
    // Read when there is somebody to expand: the queue can be looked after where the aliases are bad.
    ...queueRulesOf(config, store, aliasesOf(config, noLog)),
    clock: systemClock,
    wake: () => {},
    forgive: () => {},
  });
  return {
    ...operator,
    hasServer: false,
    async act(action, filter) {
      // Who has the lock knows that the server whose leases are left was killed.
      if (action === "bounce") await store.endLeases(OWNER);
      return await operator.act(action, filter);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/**
 * Opens the queue to change it: through the server that has it open, or by itself where none has.
 *
 * @throws {Failure} if neither can be done within ten seconds, or the queue cannot be opened
 */
export function openQueue(config: Config): Promise<Operator> {
  return openPatiently(async () => {
    const server = HAS_CONTROL ? await connectControl(config.queue) : undefined;
    return server ?? await openOwn(config);
  });
}
