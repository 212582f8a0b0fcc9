/** The server, until it is told to stop. @module */
import type { Config } from "../config.ts";
import type { LineLog } from "../log.ts";
import { countingLog } from "../metrics/event_counters.ts";
import { monitor } from "../metrics/monitoring.ts";
import { Registry } from "../metrics/registry.ts";
import { systemClock } from "../net/clock.ts";
import type { Log } from "../net/log.ts";
import { ListenError, type ListeningEndpoint, type Server, startServer } from "../net/server.ts";
import { serviceName } from "../net/service_name.ts";
import type { WebServer } from "../web/web_server.ts";
import type { Endpoint } from "../policy/session.ts";
import { authSecretOf } from "./auth_secret.ts";
import { openCertificates } from "./certificates.ts";
import { checkFirst } from "./checks.ts";
import { serverOptions, stsPoliciesOf, waysOf } from "./compose.ts";
import { faultsOf, logFaults, warnOfFaults } from "./faults.ts";
import { openHooks } from "./hooks_file.ts";
import { listenFailure } from "./listen_failure.ts";
import { type MailWay, openMailWay } from "./mail_way.ts";
import { ourselvesAt } from "./ourselves.ts";
import { portSetBy } from "./services.ts";
import { usersOf } from "./users_file.ts";
import { startUi, uiTokenOf } from "./ui.ts";
import { VERSION } from "./version.ts";

/** What makes the server end. Windows knows no SIGTERM. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Says in one line why a service cannot listen. */
export function serviceFailure(failure: unknown, { host }: Config): unknown {
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

/** Has signals end the server: the first drains it, another ends it at once. */
function onStopSignals(
  { server, way, ui }: { readonly server: Server; readonly way: MailWay; readonly ui?: WebServer },
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

/**
 * Runs a server until a signal ends it.
 *
 * @param begin is called once it listens; what it throws ends the server
 */
export async function runServer(
  config: Config,
  lines: LineLog,
  begin?: (listening: Listening) => Promise<void>,
): Promise<void> {
  const metrics = config.ui && new Registry();
  const log = metrics === undefined ? lines.log : countingLog(metrics, lines.log);
  using _stray = logStrayErrors(log);
  checkFirst(config);
  const faults = faultsOf(config);
  const accounts = usersOf(config, log);
  accounts?.load();
  const token = uiTokenOf(config);
  await using certificates = await openCertificates(config, log, {
    asksClient: config.relayCertificates.length > 0,
  });
  await using hooks = await openHooks(config, log);
  using _hangup = onHangup(() => {
    accounts?.reload();
    void certificates?.reread();
    void hooks?.reload();
  });
  const endpoints: Endpoint[] = [];
  // Where the server listens is known only once it does: port 0 takes a free one.
  const ourselves = { ...ourselvesAt(config, []), endpoints };
  // Deliveries that are under way may ask for policies to their end.
  using policies = stsPoliciesOf(config, log);
  const ways = waysOf(config, ourselves, log, policies);
  await using way = await openMailWay(config, ways, log);
  const options = serverOptions(config, way.intake, log, {
    accounts,
    identity: certificates?.identity,
    secret: accounts && authSecretOf(config, log),
    faults,
    hooks: hooks?.hooks,
  });
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
  if (ui !== undefined) log("info", "listening", { ...ui.address, service: "http", url: ui.url });
  warnOfFaults(faults, log);
  using stopping = onStopSignals({ server, way, ui }, config.drainTimeout, log);
  try {
    await begin?.({ endpoints: server.endpoints, ui: ui?.url });
  } catch (error) {
    // What is told to end refuses what has begun.
    if (!stopping.isDraining) throw error;
  }
  await stopping.stopped;
  logFaults(faults, log);
  log("info", "stopped", {});
}
