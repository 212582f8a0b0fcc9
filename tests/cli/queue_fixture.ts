/** A queue for one test, with a server's control socket or without. @module */
import { type ControlOptions, startControl } from "../../lib/cli/control.ts";
import { systemClock } from "../../lib/net/clock.ts";
import { queueIds } from "../../lib/queue/queue_id.ts";
import type { Store } from "../../lib/queue/store.ts";
import { statusNotices } from "../../lib/relay/notices.ts";
import { stateDirectory } from "../queue/state_directory.ts";
import { call, type Outcome } from "./surroundings.ts";

export interface TestQueue extends AsyncDisposable {
  readonly path: string;
  /** How often the server was told to look, and to probe. */
  readonly told: { wake: number; forgive: number };
  /** Opens the store for a while. */
  withStore<T>(use: (store: Store) => Promise<T>): Promise<T>;
  /** Runs `smtpd queue` on it. */
  queue(...args: string[]): Promise<Outcome>;
}

/** The server's side on an open store. */
export function serverOf(
  directory: string,
  store: Store,
  told: { wake: number; forgive: number },
  more: Partial<ControlOptions> = {},
): Promise<AsyncDisposable> {
  const isHeld = () => false;
  const lifetime = 5 * 86_400_000;
  const nextId = queueIds(() => Date.now());
  return startControl({
    directory,
    store,
    wake: () => told.wake++,
    forgive: () => told.forgive++,
    notices: statusNotices({ store, hostname: "host.example", lifetime, nextId, isHeld }),
    isHeld,
    lifetime,
    clock: systemClock,
    maxSize: 1024 * 1024,
    maxRecipients: 1000,
    log: () => {},
    ...more,
  });
}

/** Makes a queue. With a server, its store stays open and commands reach it by the socket. */
export async function testQueue(hasServer: boolean): Promise<TestQueue> {
  const directory = await stateDirectory();
  const told = { wake: 0, forgive: 0 };
  const store = hasServer ? await directory.open() : undefined;
  const control = store && await serverOf(directory.path, store, told);
  return {
    path: directory.path,
    told,
    async withStore(use) {
      if (store !== undefined) return await use(store);
      await using own = await directory.open();
      return await use(own);
    },
    queue: (...args) => call(["queue", ...args, "--queue", directory.path]),
    async [Symbol.asyncDispose]() {
      await control?.[Symbol.asyncDispose]();
      await store?.[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
