/** The web server: the API and the page over an inbox. @module */
import type { Inbox } from "../inbox/inbox.ts";
import type { Monitoring } from "../metrics/monitoring.ts";
import { systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { ListenError } from "../net/server.ts";
import type { Clock } from "../policy/clock.ts";
import type { Faults } from "../policy/faults/faults.ts";
import { formatIp, hostAndPort, parseIp } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import { EventStreams } from "./events.ts";
import { makeGuard } from "./guard.ts";
import type { WebAccess } from "./login.ts";
import type { PageSource } from "./page_source.ts";
import { requestHandler } from "./request_handler.ts";
import { routesOf } from "./routes.ts";

/**
 * How long answers may be on their way when the server goes, in milliseconds: it is known when they were
 * handed to the system, and not when the client has them.
 */
const LINGER = 200;

/** What a web server is made of. */
export interface WebOptions extends Monitoring {
  readonly inbox: Inbox;
  /** The address to bind. */
  readonly hostname: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
  /** Who may come in; left out, it is everybody on this host, and nothing but loopback may be bound. */
  readonly access?: WebAccess;
  /** Names that we are called by, where there is something in front of us. */
  readonly names?: readonly string[];
  /** Where the page comes from. */
  readonly page: PageSource;
  /** The failures that may be scripted, where the mail server is there for tests. */
  readonly faults?: Faults;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** A web server that runs until it is drained or disposed of. */
export interface WebServer extends AsyncDisposable {
  /** Where it listens. */
  readonly address: Endpoint;
  /** Where the page is. */
  readonly url: string;
  /** Settles once it has ended. */
  readonly finished: Promise<void>;
  /**
   * Ends waits and event streams, lets the other requests end, and after `timeout` milliseconds ends them.
   * What comes in the meantime is answered 503.
   */
  drain(timeout: number): Promise<void>;
}

function urlOf({ address, port }: Endpoint): string {
  const isEverything = address === "0.0.0.0" || address === "::";
  return `http://${hostAndPort(isEverything ? "localhost" : address, port)}/`;
}

/**
 * Starts a web server.
 *
 * @throws {ListenError} if the port cannot be bound
 * @throws {RangeError} if others than this host could ask and nothing says who may, or what says so is not
 *   good enough
 */
export function startWeb(options: WebOptions): WebServer {
  const { inbox, hostname, names = [], access, page, metrics, health, faults } = options;
  const { log = noLog, clock = systemClock } = options;
  const ip = parseIp(hostname);
  if (ip === undefined) throw new RangeError(`Cannot bind ${hostname}: it is no address`);
  const stopping = new AbortController();
  const ending = new AbortController();
  const streams = new EventStreams(inbox, clock);
  const routes = routesOf({ inbox, metrics, health, faults, streams, clock, log });
  const openPaths = new Set(routes.filter(({ isOpen }) => isOpen).map(({ path }) => path));
  const guard = makeGuard({ address: formatIp(ip), names, access, openPaths, clock, log });
  const handle = requestHandler({ guard, routes, page, clock, log, stopping: stopping.signal });

  /** The requests that are under way, each until its answer was sent. */
  const requests = new Set<Promise<void>>();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({
      hostname: formatIp(ip),
      port: options.port,
      signal: ending.signal,
      // Where it listens is said by who has started it.
      onListen: () => {},
    }, (request, { remoteAddr: remote, completed }) => {
      const over: Promise<void> = completed.catch(() => {}).then(() => void requests.delete(over));
      requests.add(over);
      return handle({ request, remote, completed, port: server.addr.port });
    });
  } catch (cause) {
    throw new ListenError({ port: options.port }, cause);
  }

  function stop(): void {
    stopping.abort();
    streams[Symbol.dispose]();
  }

  /**
   * Ends the server with all its connections. The graceful way of Deno waits for clients that have not sent
   * a whole body, for ever if need be, and cannot be hurried up.
   */
  async function end(): Promise<void> {
    ending.abort();
    await server.finished;
  }

  const address = { address: formatIp(ip), port: server.addr.port };
  return {
    address,
    url: urlOf(address),
    finished: server.finished,
    async drain(timeout) {
      stop();
      const late = Promise.withResolvers<"late">();
      using _timer = clock.after(timeout, () => late.resolve("late"));
      const idle = Promise.all(requests).then(() => "idle" as const);
      if (await Promise.race([idle, late.promise]) === "idle") {
        await new Promise<void>((resolve) => clock.after(LINGER, resolve));
      }
      await end();
    },
    async [Symbol.asyncDispose]() {
      stop();
      await end();
    },
  };
}
