/** Transports over TCP. @module */
import { normalizeAddress } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import type { Transport } from "./transport.ts";

/** Our view of an address that the runtime reports. */
export function endpointOf(address: Deno.Addr): Endpoint {
  if (address.transport !== "tcp") throw new TypeError("Cannot use an address that is not TCP");
  const { hostname, port } = address;
  // The runtime writes IPv4 as it is compared, and that is how most clients come.
  return { address: hostname.includes(":") ? normalizeAddress(hostname) : hostname, port };
}

/**
 * Wraps a TCP connection. Nagle's algorithm is switched off: a reply is one write and is waited for, so
 * that holding it back for the other end's acknowledgement would cost 40 ms each time.
 */
export function tcpTransport(connection: Deno.TcpConn): Transport {
  try {
    connection.setNoDelay(true);
  } catch {
    // The other end is gone already; the first read will say so.
  }
  return new TcpTransport(connection);
}

class TcpTransport implements Transport {
  readonly #connection: Deno.TcpConn;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  #isClosed = false;

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.local = endpointOf(connection.localAddr);
    this.remote = endpointOf(connection.remoteAddr);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#connection.read(buffer as Uint8Array<ArrayBuffer>);
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#connection.write(bytes as Uint8Array<ArrayBuffer>).then((written) => {
      if (written < bytes.length) return this.write(bytes.subarray(written));
    });
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a connection. Rejects with the runtime's error, or with the reason of `signal`. */
export async function connectTcp(
  options: { hostname: string; port: number; signal?: AbortSignal },
): Promise<Transport> {
  return tcpTransport(await Deno.connect({ ...options, transport: "tcp" }));
}
