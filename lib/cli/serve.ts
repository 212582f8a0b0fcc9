/** `smtpd serve`: the server itself, until it is told to stop. @module */
import type { Config } from "../config.ts";
import { checkTogether } from "../config/together.ts";
import { type LineLog, lineLog } from "../log.ts";
import type { Log } from "../net/log.ts";
import { ListenError, type Server, startServer } from "../net/server.ts";
import type { Endpoint } from "../policy/session.ts";
import { authSecretOf } from "./auth_secret.ts";
import { openCertificates } from "./certificates.ts";
import { allRoutes, serverOptions, stsPoliciesOf, waysOf } from "./compose.ts";
import { checkDirectories } from "./directories.ts";
import { EXIT, Failure } from "./failure.ts";
import { settingsHelp } from "./help.ts";
import { type MailWay, openMailWay } from "./mail_way.ts";
import { ourselvesAt } from "./ourselves.ts";
import { checkProgram } from "./program.ts";
import { portSetBy, serviceName } from "./services.ts";
import { usersOf } from "./users_file.ts";
import { checkCredentials } from "./tls_out.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** What makes the server end. Windows knows no SIGTERM. */
const STOP_SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** Says in one line why the server cannot listen. */
export function listenFailure(failure: unknown, { host }: Config): unknown {
  if (!(failure instanceof ListenError)) return failure;
  const { cause: error, service } = failure;
  const { port } = service;
  const setBy = portSetBy(service);
  const where = host.length === 0 ? `port ${port}` : `port ${port} of ${host.join(", ")}`;
  if (error instanceof Deno.errors.AddrInUse) {
    const mend = `stop what listens there, or take another port with ${setBy}`;
    return new Failure(EXIT.unavailable, `${where} is taken`, mend, error);
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    const grant = Deno.build.os === "linux" && Deno.build.standalone
      ? "run setcap cap_net_bind_service=+ep on the executable, start it as root, or"
      : "start smtpd as root, or";
    const mend = `${grant} take another port with ${setBy} 2525`;
    return new Failure(EXIT.noPermission, `no permission to listen on ${where}`, mend, error);
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    const wrong = `cannot listen on ${where}, this computer has no such address`;
    return new Failure(EXIT.unavailable, wrong, "give one that it has to --host", error);
  }
  if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) return error;
  const wrong = `cannot listen on ${where} (${error.message})`;
  return new Failure(EXIT.unavailable, wrong, `give other values to --host or ${setBy}`, error);
}

/** Waits until signals have ended the server: the first drains it, another ends it at once. */
async function untilStopped(
  server: Server,
  way: MailWay,
  drainTimeout: number,
  log: Log,
): Promise<void> {
  const { promise: forced, resolve: force } = Promise.withResolvers<void>();
  let isDraining = false;
  function stop(signal: Deno.Signal): void {
    log("info", isDraining ? "stopping" : "draining", { signal });
    if (isDraining) {
      server.stop();
      force();
    } else {
      isDraining = true;
      Promise.all([server.drain(drainTimeout), way.drain(drainTimeout)]).then(() => force());
    }
  }
  const listeners = STOP_SIGNALS.map((signal) => [signal, () => stop(signal)] as const);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  try {
    await forced;
  } finally {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  }
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

/** Runs a server until a signal ends it. */
async function runServer(config: Config, lines: LineLog): Promise<void> {
  const { log } = lines;
  checkTogether(config);
  checkDirectories(config);
  checkProgram(config);
  const accounts = usersOf(config, log);
  accounts?.load();
  await using certificates = await openCertificates(config, log, {
    asksClient: config.relayCertificates.length > 0,
  });
  using _hangup = onHangup(() => {
    accounts?.reload();
    void certificates?.reread();
  });
  checkCredentials(allRoutes(config).map(({ route }) => route));
  const endpoints: Endpoint[] = [];
  // Where the server listens is known only once it does: port 0 takes a free one.
  const ourselves = { ...ourselvesAt(config, []), endpoints };
  // Deliveries that are under way may ask for policies to their end.
  using policies = stsPoliciesOf(config, log);
  const ways = waysOf(config, ourselves, log, policies);
  await using way = await openMailWay(config, ways, log);
  let server: Server;
  try {
    server = startServer(serverOptions(config, way.intake, log, {
      accounts,
      identity: certificates?.identity,
      secret: accounts && authSecretOf(config, log),
    }));
  } catch (error) {
    throw listenFailure(error, config);
  }
  await using _ = server;
  endpoints.push(...ourselvesAt(config, server.endpoints).endpoints);
  for (const { address, port, service } of server.endpoints) {
    log("info", "listening", {
      address,
      port,
      hostname: config.hostname,
      service: serviceName(service),
    });
  }
  await untilStopped(server, way, config.drainTimeout, log);
  log("info", "stopped", {});
}

/** The command. */
export const serve: Verb = {
  usage: "[serve] [flags]",
  summary: "run the server",
  takesSettings: true,
  details: () =>
    `Example, for tests on this computer:\n\n` +
    `  smtpd --port 2525 --host 127.0.0.1 --route discard\n\n` +
    `${settingsHelp()}\n\n` +
    `SIGTERM and SIGINT stop it: transactions under way end first; a second one ends\n` +
    `it at once. SIGHUP rereads certificates and accounts. Logs go to standard error.`,
  async run(call) {
    checkOperands(call, 0, 0, "serve [flags]");
    const config = call.config();
    using lines = lineLog(config.logLevel, config.logFormat);
    using _ = logStrayErrors(lines.log);
    await runServer(config, lines);
    return EXIT.ok;
  },
};
