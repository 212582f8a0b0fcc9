/** An inbox for the tests of a program: a mail server in this process that keeps all it gets in memory. @module */
import { type Clock, systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { queueIntake } from "../net/queue_intake.ts";
import { type Server, startServer } from "../net/server.ts";
import { DEFAULT_LIMITS } from "../net/server_options.ts";
import { ClientLimits } from "../policy/client_limits.ts";
import type { Faults } from "../policy/faults/faults.ts";
import type { Hooks } from "../policy/hooks.ts";
import { DEFAULT_RELAY_FROM, relayingRules } from "../policy/relaying.ts";
import { createMemoryStore } from "../queue/memory_store.ts";
import { queueIds } from "../queue/queue_id.ts";
import { DEFAULT_SCHEDULE } from "../queue/schedule.ts";
import { noSuchMessage } from "../queue/store_error.ts";
import { watchedStore } from "../queue/watched_store.ts";
import { systemDns } from "../relay/dns.ts";
import { statusNotices } from "../relay/notices.ts";
import { actOn } from "../relay/operator_action.ts";
import { startQueueManager } from "../relay/queue_manager.ts";
import { checkChosenRoute, parseReleaseRoute } from "../relay/release_route.ts";
import { hopOf } from "../relay/route.ts";
import { notArrivedText } from "./awaited_text.ts";
import { inlineReader } from "./content_reader.ts";
import type { Content } from "./content.ts";
import type { Inbox, InboxMessage, ReleaseOptions } from "./inbox.ts";
import type { MessageIndex, Search, Summary } from "./message_index.ts";
import { searchPages } from "./search_pages.ts";
import { memoryIndex } from "./sqlite_index.ts";
import { storeInbox } from "./store_inbox.ts";

/** How an inbox for tests is set up. Everything may be left out. */
export interface OpenInboxOptions {
  /** The port; 0, which is the default, takes a free one. */
  readonly port?: number;
  /** The address to bind; 127.0.0.1 if left out. */
  readonly host?: string;
  /** Policy, for tests of what a program does when it is refused. */
  readonly hooks?: Hooks;
  /** What fails on purpose, for tests of what a program does then; nothing if left out. */
  readonly faults?: Faults;
  /** Who is told what happens; nobody if left out. */
  readonly log?: Log;
}

/** How long to wait for a message. */
export interface NextOptions {
  /** In milliseconds, up to 24 days; ten seconds if left out. */
  readonly timeout?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** A message that has come, as it says of itself and with its envelope. */
export interface InboxMail extends Content {
  /** Its name in the inbox. */
  readonly id: string;
  /** The reverse-path, without angle brackets; empty for the null reverse-path. */
  readonly reversePath: string;
  /** The recipients of the envelope, at most 100 of them. */
  readonly forwardPaths: readonly string[];
  /** When it was accepted, in milliseconds since the epoch. */
  readonly received: number;
  /** Its octets as accepted. */
  octets(): Promise<Uint8Array>;
  /** The octets of one of its parts, decoded; nothing where there is no such part. */
  part(index: number): Promise<Uint8Array | undefined>;
  /**
   * Delivers it for real: by MX or by a route, to its recipients or to others. False where nothing is left to
   * be released.
   *
   * @throws {SyntaxError} if a recipient or the route cannot be read
   */
  release(options?: ReleaseOptions): Promise<boolean>;
}

/** An inbox for tests. */
export interface TestInbox extends AsyncDisposable {
  /** The address that it listens on. */
  readonly host: string;
  /** The port that it listens on. */
  readonly port: number;
  /**
   * The oldest message that fits and that this has not given before; waits for one if there is none.
   *
   * @throws {Error} if none has come in time; its message says what has come instead
   * @throws {RangeError} if it cannot wait for so long
   */
  next(search?: Search, options?: NextOptions): Promise<InboxMail>;
  /** What has come, newest first, at most 1,000 messages. */
  list(search?: Search): Promise<readonly Summary[]>;
  /** Forgets all messages, as between two tests. */
  clear(): Promise<void>;
}

const HOSTNAME = "inbox.localhost";
const TIMEOUT = 10_000;
/** The longest that a timer of the system takes. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/** How many messages are looked at in one step, and listed. */
const PAGE = 1000;
/** How long work under way may take at the end, in milliseconds. */
const LEAVE_TIME = 1000;

/**
 * Opens an inbox. Nothing is on disk, nothing leaves this host, and whatever is sent to it is held, unless a
 * hook chooses another route for it.
 *
 * @example A test of a program that sends mail.
 * ```ts
 * import { openInbox, relay } from "@smtpd/smtpd";
 *
 * await using inbox = await openInbox();
 * const content = ReadableStream.from([
 *   new TextEncoder().encode("Subject: Welcome\r\n\r\nYour code is 482913.\r\n"),
 * ]);
 * await relay({
 *   reversePath: { localPart: "shop", domain: "example.org" },
 *   forwardPaths: [{ localPart: "joe", domain: "example.net" }],
 *   smtpUtf8: false,
 *   content,
 * }, { route: `smtp://127.0.0.1:${inbox.port}` });
 *
 * const { subject, codes } = await inbox.next({ to: "joe@example.net" });
 * console.log(subject, codes[0]); // Welcome 482913
 * ```
 *
 * @throws {ListenError} if the port cannot be bound
 * @throws {RangeError} if a fault is scripted that could never be
 */
export async function openInbox(options: OpenInboxOptions = {}): Promise<TestInbox> {
  const { port = 0, host = "127.0.0.1", hooks = {}, faults, log = noLog } = options;
  const clock = systemClock;
  await using parts = new AsyncDisposableStack();
  const store = parts.use(watchedStore(createMemoryStore()));
  const index = parts.use(memoryIndex());
  const reader = parts.use(inlineReader());
  const isHeld = () => true;
  const { lifetime } = DEFAULT_SCHEDULE;
  const nextId = queueIds(() => clock.now());
  const notices = statusNotices({ store, hostname: HOSTNAME, lifetime, nextId, isHeld });
  const manager = startQueueManager({
    store,
    // Whoever releases something in a test means a server of his own, which is on this host.
    hopOf: ({ mailbox, route = "mx" }) => hopOf(parseReleaseRoute(route), mailbox),
    remote: { heloName: HOSTNAME, resolver: { dns: systemDns(), allowLocal: true } },
    notices,
    schedule: DEFAULT_SCHEDULE,
    history: lifetime,
    clock,
    log,
  });
  parts.defer(() => manager.drain(LEAVE_TIME));
  const wake = () => manager.wake();
  const intake = queueIntake({
    ...{ store, isHeld, lifetime, wake, log, clock },
    checkRoute: checkChosenRoute,
  });
  const server = parts.use(listenOn({ host, port, hooks, faults, log, clock }, intake));
  // Whoever waits is told at once that it is over, however long a session takes to end.
  const inbox = parts.use(storeInbox({
    ...{ store, index, reader, wake, lifetime, clock, log },
    act: (action, filter) => actOn(action, filter, { store, notices, clock, log }),
  }));
  const open = parts.move();
  return {
    host,
    port: server.endpoints[0].port,
    next: (search = {}, options = {}) => nextOf({ inbox, index, clock }, search, options),
    list: (search = {}) => listOf(inbox, search),
    async clear() {
      await inbox.act("remove", {});
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Where to listen, and for whom. */
interface Listening extends Required<Omit<OpenInboxOptions, "faults">> {
  readonly faults: Faults | undefined;
  readonly clock: Clock;
}

function listenOn(
  { host, port, hooks, faults, log, clock }: Listening,
  intake: ReturnType<typeof queueIntake>,
): Server {
  const relaying = relayingRules([], DEFAULT_RELAY_FROM);
  const { relayFrom: exempt } = relaying;
  return startServer({
    hosts: [host],
    services: [{ port }],
    hostname: HOSTNAME,
    limits: DEFAULT_LIMITS,
    clients: new ClientLimits({ rates: DEFAULT_LIMITS, exempt, clock }),
    dsn: true,
    ...{ hooks, faults, relaying, intake, log, clock },
  });
}

/** Where messages are taken from. */
interface Source {
  readonly inbox: Inbox;
  readonly index: MessageIndex;
  readonly clock: Clock;
}

async function nextOf(
  { inbox, index, clock }: Source,
  search: Search,
  { timeout = TIMEOUT, signal }: NextOptions,
): Promise<InboxMail> {
  if (!(timeout >= 0 && timeout <= LONGEST_TIMEOUT)) {
    throw new RangeError(`Cannot wait for ${timeout} ms: 0 to ${LONGEST_TIMEOUT} can be waited`);
  }
  const wanted = { since: 0, ...search, seen: false };
  const end = clock.now() + timeout;
  for (;;) {
    signal?.throwIfAborted();
    const id = await oldestOf(inbox, wanted);
    if (id === undefined) {
      const left = Math.max(0, end - clock.now());
      const awaited = await inbox.wait(wanted, { timeout: left, signal });
      // It need not be the oldest, and others may have waited for it as well.
      if (awaited.kind === "found") continue;
      throw new Error(`Cannot give a message: ${notArrivedText(search, timeout, awaited.arrived)}`);
    }
    if (await index.setSeen([id], true) === 0) continue;
    const message = await inbox.show(id);
    if (message !== undefined) return mailOf(inbox, message);
  }
}

async function oldestOf(inbox: Inbox, search: Search): Promise<string | undefined> {
  let oldest: string | undefined;
  for await (const messages of searchPages(inbox, search, PAGE)) {
    oldest = messages.at(-1)?.id ?? oldest;
  }
  return oldest;
}

async function listOf(inbox: Inbox, search: Search): Promise<readonly Summary[]> {
  const found: Summary[] = [];
  for await (const messages of searchPages(inbox, search, PAGE)) {
    found.push(...messages);
    if (found.length >= PAGE) break;
  }
  return found.slice(0, PAGE);
}

function mailOf(inbox: Inbox, { summary, content }: InboxMessage): InboxMail {
  const { id, from, to, received } = summary;
  return {
    ...content,
    ...{ id, received, reversePath: from, forwardPaths: to },
    async octets() {
      const raw = await inbox.raw(id);
      if (raw === undefined) throw noSuchMessage(id);
      return await new Response(raw.octets).bytes();
    },
    part: async (index) => (await inbox.part(id, index))?.octets,
    release: (options) => inbox.release(id, options),
  };
}
