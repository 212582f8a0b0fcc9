/** The server: listens, and runs a connection for each client. @module */
import type { Endpoint } from "../policy/session.ts";
import { type Reply, replyOctets, standingReply } from "../smtp/reply.ts";
import { Arrivals, TALKED_EARLY } from "./arrivals.ts";
import { systemClock } from "./clock.ts";
import { Connection } from "./connection.ts";
import { clientLimitsOf, connectionContext } from "./connection_context.ts";
import { SHUTTING_DOWN } from "./conversation.ts";
import { Deadlines } from "./deadlines.ts";
import { InheritError, inheritListener } from "./inherited_listener.ts";
import { type Listener, listenTcp, tcpListener } from "./listener.ts";
import { MemoryOfClients } from "./memory_of_clients.ts";
import { Permits } from "./permits.ts";
import type { ServerLimits, ServerOptions, Service } from "./server_options.ts";
import { serviceName } from "./service_name.ts";
import type { Transport } from "./transport.ts";

/** An address and port where a server listens. */
export interface ListeningEndpoint extends Endpoint {
  /** What it does there. */
  readonly service: Service;
}

/** A server that runs until it is drained, stopped or disposed of. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens. */
  readonly endpoints: readonly ListeningEndpoint[];
  /** Settles once nothing is accepted any more and the last connection is over. */
  readonly finished: Promise<void>;
  /**
   * Accepts nothing more, tells idle clients 421, lets the mail transactions that are open end, and
   * after `timeout` milliseconds ends them.
   */
  drain(timeout: number): Promise<void>;
  /** Ends everything now: the clients are told 421. */
  stop(): void;
}

/** A server that can be given connections which did not come through one of its listeners. */
export interface Server extends RunningServer {
  /** How many sessions are under way. */
  readonly sessions: number;
  /** Serves a transport as if it had been accepted at a service; at the first one if none is named. */
  serve(transport: Transport, service?: Service): Promise<void>;
}

/** What becomes of a connection that was accepted; the default is to run it. */
export type ConnectionHandler = (connection: Connection) => Promise<void>;

const TOO_MANY = standingReply(421, "4.3.2", "Too many connections, try again later");

interface ServiceListener {
  readonly listener: Listener;
  readonly service: Service;
}

/** Takes over the sockets that were passed on; each belongs to the service of its port. */
function inheritAll({ inherited = [], services }: ServerOptions): ServiceListener[] {
  const listeners: ServiceListener[] = [];
  try {
    for (const descriptor of inherited) {
      const listener = inheritListener(descriptor);
      const { port } = listener.endpoint;
      const service = services.find((service) => service.port === port);
      listeners.push({ listener, service: service ?? { port } });
      if (service === undefined) {
        throw new InheritError(`Cannot use a socket of port ${port}, which no service has`);
      }
    }
    return listeners;
  } catch (error) {
    for (const { listener } of listeners) listener.close();
    throw error;
  }
}

/** Takes over what was passed on and binds every other service, or none. */
function listenAll(options: ServerOptions): ServiceListener[] {
  const listeners = inheritAll(options);
  const missing = options.services.filter((service) =>
    !listeners.some((inherited) => inherited.service === service)
  );
  for (const service of missing) {
    try {
      for (const bound of listenTcp(options.hosts, service.port)) {
        listeners.push({ listener: tcpListener(bound), service });
      }
    } catch (cause) {
      for (const { listener } of listeners) listener.close();
      throw new ListenError(service, cause);
    }
  }
  return listeners;
}

/** A service whose port can't be bound; `cause` is what `Deno.listen` has thrown. */
export class ListenError extends Error {
  /** What the error is called. */
  override readonly name = "ListenError";
  /** The service. */
  readonly service: Service;

  /** Makes the error. */
  constructor(service: Service, cause: unknown) {
    super(`Cannot listen on port ${service.port}`, { cause });
    this.service = service;
  }
}

/** Holds what is to fail to what can. @throws {RangeError} for a rule that never could */
function bindFaults(
  { faults, services, identity, sasl, limits: { maxSize } }: ServerOptions,
): void {
  faults?.bind({
    services: services.map(serviceName),
    tls: identity !== undefined,
    auth: sasl !== undefined,
    maxSize,
  });
}

/** Deadlines are looked at ten times within the shortest timeout, and once a second at least. */
function paceOf(limits: ServerLimits): number {
  const shortest = Math.min(limits.timeout, limits.dataTimeout, limits.sessionTimeout);
  return Math.max(10, Math.min(1000, shortest / 10));
}

/**
 * Starts a server.
 *
 * @throws {ListenError} if a port can't be bound; then nothing listens
 * @throws {RangeError} if a fault is scripted that could never be
 * @throws {InheritError} if a socket that was passed on cannot be used; then nothing listens either
 */
export function startServer(
  options: ServerOptions,
  handle: ConnectionHandler = (connection) => connection.run(),
): Server {
  bindFaults(options);
  const { services, limits, log } = options;
  const clock = options.clock ?? systemClock;
  const deadlines = new Deadlines(clock, paceOf(limits));
  const clients = clientLimitsOf(options, clock);
  const shared = { ...options, clients };
  const contexts = new Map(
    services.map((service) => [service, connectionContext(shared, service, clock, deadlines)]),
  );
  const permits = new Permits(limits);
  const { proxies = [] } = options;
  const arrivals = new Arrivals({ proxies, most: limits.maxConnections, clock, deadlines, log });
  const connections = new Set<Connection>();
  const memory = new MemoryOfClients({ clock });
  const listeners = listenAll(options);
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
  let accepting = listeners.length;
  let isStopping = false;

  function finishIfDone(): void {
    if (!isStopping || accepting > 0) return;
    if (connections.size > 0 || arrivals.count > 0) return;
    memory[Symbol.dispose]();
    finish();
  }

  /** Says one reply and closes; a client that does not take even this holds nobody up. */
  function turnAway(transport: Transport, farewell: Reply): void {
    transport.write(replyOctets(farewell)).catch(() => {}).finally(() => transport.close());
  }

  function logRefusal(
    client: string,
    { code }: Reply,
    cause: "rate" | "connections" | "early",
    reply: string,
  ): void {
    log("warn", "refused", { client, step: "connect", cause, code, reply });
  }

  /** Serves a connection from a proxy once it is known for whom. */
  async function serve(transport: Transport, service: Service = services[0]): Promise<void> {
    if (!arrivals.isProxy(transport.remote.address)) return await serveClient(transport, service);
    const arrived = await arrivals.readHeader(transport);
    if (arrived !== undefined) await serveClient(arrived, service);
    finishIfDone();
  }

  async function serveClient(transport: Transport, service: Service): Promise<void> {
    const { address } = transport.remote;
    // A connection may have come in the same moment in which the listeners were closed.
    if (isStopping) return turnAway(transport, SHUTTING_DOWN);
    const refusal = clients.connect(address);
    if (refusal !== undefined) {
      logRefusal(address, refusal, "rate", refusal.lines[0]);
      return turnAway(transport, refusal);
    }
    const network = clients.networkOf(address);
    const permit = permits.take(address, network);
    if (permit !== "taken") {
      logRefusal(address, TOO_MANY, "connections", permit);
      return turnAway(transport, TOO_MANY);
    }
    try {
      // Clients that are not limited by their network are trusted to know how to talk, too.
      const delay = network === undefined ? undefined : delayAt(service);
      const patient = delay === undefined ? transport : await keepWaiting(transport, delay);
      if (patient !== undefined) await servePatient(patient, service);
    } finally {
      permits.give(address, network);
      finishIfDone();
    }
  }

  /** Answers the connection of a client that has waited for the greeting. */
  async function keepWaiting(transport: Transport, delay: number): Promise<Transport | undefined> {
    const { remote } = transport;
    const arrived = await arrivals.awaitSilence(transport, delay, SHUTTING_DOWN);
    if (arrived === "gone") return undefined;
    if (arrived === "talked") {
      logRefusal(remote.address, TALKED_EARLY, "early", TALKED_EARLY.lines[0]);
      clients.refused({ remote, account: undefined });
      return undefined;
    }
    if (!isStopping) return arrived;
    turnAway(arrived, SHUTTING_DOWN);
  }

  /** In TLS it is the client who begins, and one who is to authenticate is known by that. */
  function delayAt({ implicitTls, submission }: Service): number | undefined {
    return implicitTls || submission ? undefined : limits.greetingDelay;
  }

  async function servePatient(transport: Transport, service: Service): Promise<void> {
    const connection = new Connection(transport, contexts.get(service)!);
    connections.add(connection);
    memory.came();
    try {
      await handle(connection);
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      log("error", "bug", { session: connection.session.id, step: "session", error: text });
      connection.close();
    } finally {
      connections.delete(connection);
      memory.left();
    }
  }

  async function accept({ listener, service }: ServiceListener): Promise<void> {
    for (;;) {
      try {
        serve(await listener.accept(), service);
      } catch (error) {
        if (isStopping || error instanceof Deno.errors.BadResource) break;
        // Out of descriptors, or the client left while it waited: the listener itself is well.
        log("warn", "accept-failed", { error: `${error}` });
        await new Promise<void>((resolve) => clock.after(100, resolve));
      }
    }
    accepting--;
    finishIfDone();
  }

  function stopListening(): void {
    isStopping = true;
    for (const { listener } of listeners.splice(0)) listener.close();
    arrivals.end();
    finishIfDone();
  }

  const endpoints = listeners.map(({ listener, service }) => ({ ...listener.endpoint, service }));
  for (const listener of listeners) accept(listener);

  const server: Server = {
    endpoints,
    finished,
    get sessions() {
      return connections.size;
    },
    serve,
    async drain(timeout) {
      stopListening();
      for (const connection of [...connections]) connection.drain();
      using _ = clock.after(timeout, () => server.stop());
      await finished;
    },
    stop() {
      stopListening();
      for (const connection of [...connections]) connection.stop();
    },
    async [Symbol.asyncDispose]() {
      server.stop();
      await finished;
    },
  };
  return server;
}
