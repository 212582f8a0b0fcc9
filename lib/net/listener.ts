/** Binding the addresses of a server. @module */
import type { Endpoint } from "../policy/session.ts";
import { endpointOf, tcpTransport } from "./tcp_transport.ts";
import type { Transport } from "./transport.ts";

/** Where a server accepts connections. */
export interface Listener {
  /** Its address and port. */
  readonly endpoint: Endpoint;
  /** Answers the next connection. Rejects with `BadResource` once it is closed and has none left. */
  accept(): Promise<Transport>;
  /** Accepts no more. */
  close(): void;
}

/** Accepts at a listener of the runtime. */
export function tcpListener(listener: Deno.TcpListener): Listener {
  return {
    endpoint: endpointOf(listener.addr),
    async accept() {
      for (;;) {
        const connection = await listener.accept();
        try {
          return tcpTransport(connection);
        } catch {
          connection.close();
        }
      }
    },
    close: () => listener.close(),
  };
}

/** Where a server listens when no address is named, IPv6 first. */
const EVERY_ADDRESS = ["::", "0.0.0.0"];

/**
 * How many connections may wait to be accepted. A client that finds the queue full tries again after a
 * second, so it has room for a burst; the system has a limit of its own (4096 on Linux).
 */
const BACKLOG = 4096;

/**
 * Binds `port` at each host, or at every address. With port 0 the system picks one for the first host,
 * and the others take the same.
 *
 * @throws what `Deno.listen` throws; then nothing stays bound
 */
export function listenTcp(hosts: readonly string[], port: number): Deno.TcpListener[] {
  const listeners: Deno.TcpListener[] = [];
  const isEveryAddress = hosts.length === 0;
  let shared = port;
  try {
    for (const hostname of isEveryAddress ? EVERY_ADDRESS : hosts) {
      try {
        const listener = Deno.listen({ hostname, port: shared, tcpBacklog: BACKLOG });
        listeners.push(listener);
        shared = listener.addr.port;
      } catch (error) {
        if (!isEveryAddress || !isCovered(hostname, listeners, error)) throw error;
      }
    }
    return listeners;
  } catch (error) {
    for (const listener of listeners) listener.close();
    throw error;
  }
}

/**
 * Whether an address of "every address" may be left out: a host without IPv6 has only the other one;
 * and on most systems `::` takes IPv4 connections too, so that IPv4 is bound already.
 */
function isCovered(hostname: string, bound: readonly Deno.TcpListener[], error: unknown): boolean {
  if (hostname === "::") {
    return !(error instanceof Deno.errors.AddrInUse ||
      error instanceof Deno.errors.PermissionDenied);
  }
  return bound.length > 0 && error instanceof Deno.errors.AddrInUse;
}
