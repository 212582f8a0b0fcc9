/** The server, until it is told to stop. @module */
import type { Config } from "../config.ts";
import type { LineLog } from "../log.ts";
import { countingLog } from "../metrics/event_counters.ts";
import { monitor } from "../metrics/monitoring.ts";
import { Registry } from "../metrics/registry.ts";
import { systemClock } from "../net/clock.ts";
import { InheritError } from "../net/inherited_listener.ts";
import type { Log } from "../net/log.ts";
import { ListenError, type ListeningEndpoint, type Server, startServer } from "../net/server.ts";
import { serviceName } from "../net/service_name.ts";
import type { WebServer } from "../web/web_server.ts";
import { isLoopback } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import { HeapWatch } from "../queue/heap.ts";
import { authSecretOf } from "./auth_secret.ts";
import { openCertificates } from "./certificates.ts";
import { checkFirst } from "./checks.ts";
import { serverOptions, stsPoliciesOf, waysOf } from "./compose.ts";
import { EXIT, Failure } from "./failure.ts";
import { faultsOf, logFaults, warnOfFaults } from "./faults.ts";
import { openHooks } from "./hooks_file.ts";
import { listenFailure } from "./listen_failure.ts";
import { type MailWay, openMailWay } from "./mail_way.ts";
import { ourselvesAt } from "./ourselves.ts";
import type { ServiceManager } from "./service_manager.ts";
import { portSetBy } from "./services.ts";
import { isRoot } from "./surroundings.ts";
import { usersOf } from "./users_file.ts";
import { startUi, uiTokenOf } from "./ui.ts";
import { VERSION } from "./version.ts";

/** What makes the server end. Windows knows no SIGTERM. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Says in one line why a service cannot listen. */
export function serviceFailure(failure: unknown, { host }: Config): unknown {
  if (failure instanceof InheritError) {
    const wrong = failure.message.replace(/^C/, "c");
    const mend = "mend the socket unit of smtpd, or stop it and let smtpd bind its ports";
    return new Failure(EXIT.unavailable, wrong, mend, failure);
  }
  if (!(failure instanceof ListenError)) return failure;
  const { service } = failure;
  const where = `port ${service.port}${host.length === 0 ? "" : ` of ${host.join(", ")}`}`;
  return listenFailure(failure, { where, setBy: portSetBy(service) });
}

/** Signals that end a server, as long as it is not disposed of. */
interface Stopping extends Disposable {
  /** Whether one has come. */
  readonly isDraining: boolean;
  /** Settles once they have ended it. */
  readonly stopped: Promise<void>;
}

/** What is drained, and who is told of it. */
interface Running {
  readonly server: Server;
  readonly way: MailWay;
  readonly ui?: WebServer;
  readonly manager?: ServiceManager;
}

/** Has signals end the server: the first drains it, another ends it at once. */
function onStopSignals(
  { server, way, ui, manager }: Running,
  drainTimeout: number,
  log: Log,
): Stopping {
  const { promise: stopped, resolve: force } = Promise.withResolvers<void>();
  let isDraining = false;
  function stop(signal: Deno.Signal): void {
    log("info", isDraining ? "stopping" : "draining", { signal });
    if (isDraining) {
      server.stop();
      force();
    } else {
      isDraining = true;
      manager?.stopping(drainTimeout);
      const drains = [server, way, ...ui === undefined ? [] : [ui]];
      Promise.all(drains.map((each) => each.drain(drainTimeout))).then(() => force());
    }
  }
  const listeners = STOP_SIGNALS.map((signal) => [signal, () => stop(signal)] as const);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    get isDraining() {
      return isDraining;
    },
    stopped,
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

/**
 * Logs what nobody waited for and goes on: a client must not be able to end the server through a bug
 * in one session.
 */
function logStrayErrors(log: Log): Disposable {
  function note(event: Event, error: unknown): void {
    event.preventDefault();
    log("error", "bug", { error: error instanceof Error ? error.stack : String(error) });
  }
  const onError = (event: ErrorEvent) => note(event, event.error);
  const onRejection = (event: PromiseRejectionEvent) => note(event, event.reason);
  globalThis.addEventListener("error", onError);
  globalThis.addEventListener("unhandledrejection", onRejection);
  return {
    [Symbol.dispose]() {
      globalThis.removeEventListener("error", onError);
      globalThis.removeEventListener("unhandledrejection", onRejection);
    },
  };
}

/** How often the heap's watch is told that there was work, in milliseconds: it looks more seldom by itself. */
const HEAP_PACE = 10_000;

/** Keeps the heap of the main thread small. */
function watchHeap(): Disposable {
  const heap = new HeapWatch();
  const timer = setInterval(() => void heap.look(), HEAP_PACE);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Calls `reread` at SIGHUP, which would end the program otherwise. Windows has none. */
function onHangup(reread: () => void): Disposable {
  if (Deno.build.os === "windows") return { [Symbol.dispose]() {} };
  Deno.addSignalListener("SIGHUP", reread);
  return { [Symbol.dispose]: () => Deno.removeSignalListener("SIGHUP", reread) };
}

/** Where a server listens. */
export interface Listening {
  readonly endpoints: readonly ListeningEndpoint[];
  /** Where the page of the inbox is, if there is one. */
  readonly ui?: string;
}

/** What belongs to a server beside its settings. */
export interface RunOptions {
  /** Is called once it listens; what it throws ends the server. */
  readonly begin?: (listening: Listening) => Promise<void>;
  /** Who has started it, and wants to know how it is. */
  readonly manager?: ServiceManager;
}

/** Root may do anything, and so could whoever finds a hole in a server that is root's. */
function warnOfRoot({ endpoints }: Server, log: Log): void {
  if (!isRoot() || endpoints.every(({ address }) => isLoopback(address))) return;
  log("warn", "running-as-root", {
    mend: "run smtpd as a user of its own; see Running it as a service in README.md",
  });
}

/** Runs a server until a signal ends it. */
export async function runServer(
  config: Config,
  lines: LineLog,
  { begin, manager }: RunOptions = {},
): Promise<void> {
  const metrics = config.ui && new Registry();
  const log = metrics === undefined ? lines.log : countingLog(metrics, lines.log);
  using _stray = logStrayErrors(log);
  using _heap = watchHeap();
  checkFirst(config);
  const faults = faultsOf(config);
  const accounts = usersOf(config, log);
  accounts?.load();
  const token = uiTokenOf(config);
  await using certificates = await openCertificates(config, log, {
    asksClient: config.relayCertificates.length > 0,
  });
  await using hooks = await openHooks(config, log);
  async function reread(): Promise<void> {
    accounts?.reload();
    await Promise.all([certificates?.reread(), hooks?.reload()]);
  }
  using _hangup = onHangup(() => void (manager?.reload(reread) ?? reread()));
  const endpoints: Endpoint[] = [];
  // Where the server listens is known only once it does: port 0 takes a free one.
  const ourselves = { ...ourselvesAt(config, []), endpoints };
  // Deliveries that are under way may ask for policies to their end.
  using policies = stsPoliciesOf(config, log);
  const ways = waysOf(config, ourselves, log, policies);
  await using way = await openMailWay(config, ways, log);
  const options = {
    ...serverOptions(config, way.intake, log, {
      accounts,
      identity: certificates?.identity,
      secret: accounts && authSecretOf(config, log),
      faults,
      hooks: hooks?.hooks,
    }),
    inherited: manager?.descriptors,
  };
  let server: Server;
  try {
    server = startServer(options);
  } catch (error) {
    throw serviceFailure(error, config);
  }
  await using _ = server;
  const { clients } = options;
  const sights = metrics && way.shown && {
    inbox: way.shown.inbox,
    ...monitor(metrics, {
      ...way.shown,
      sessions: () => server.sessions,
      directory: config.queue,
      version: VERSION,
      clock: systemClock,
    }),
  };
  await using ui = sights && startUi(config, sights, log, { accounts, token, clients, faults });
  endpoints.push(...ourselvesAt(config, server.endpoints).endpoints);
  for (const { address, port, service } of server.endpoints) {
    log("info", "listening", {
      address,
      port,
      hostname: config.hostname,
      service: serviceName(service),
    });
  }
  warnOfRoot(server, log);
  if (ui !== undefined) log("info", "listening", { ...ui.address, service: "http", url: ui.url });
  warnOfFaults(faults, log);
  using stopping = onStopSignals({ server, way, ui, manager }, config.drainTimeout, log);
  try {
    await begin?.({ endpoints: server.endpoints, ui: ui?.url });
  } catch (error) {
    // What is told to end refuses what has begun.
    if (!stopping.isDraining) throw error;
  }
  manager?.ready();
  await stopping.stopped;
  logFaults(faults, log);
  log("info", "stopped", {});
}
