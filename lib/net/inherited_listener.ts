/** A socket that listens already, which whoever has started this process passes on. @module */
import { createServer, type Socket } from "node:net";
import { normalizeAddress } from "../policy/network.ts";
import type { Listener } from "./listener.ts";
import { StreamTransport } from "./stream_transport.ts";
import type { Transport } from "./transport.ts";

/** A socket that was passed on and cannot be used. */
export class InheritError extends Error {
  /** What the error is called. */
  override readonly name = "InheritError";
}

/** Makes a transport of a connection; `undefined` where the client is gone already. */
function transportOf(socket: Socket): Transport | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const transport = new StreamTransport(socket, {
    local: { address: normalizeAddress(localAddress ?? ""), port: localPort ?? 0 },
    remote: { address: normalizeAddress(remoteAddress ?? ""), port: remotePort ?? 0 },
  });
  if (localAddress !== undefined && remoteAddress !== undefined) return transport;
  transport.close();
}

/**
 * Accepts at a TCP socket that listens already. `Deno.listen` takes none over, and node:net does. The
 * socket goes on listening when this is closed, for whoever else has it: clients wait there until
 * somebody accepts them.
 *
 * @param descriptor the number of its file descriptor
 * @throws {InheritError} if it is none, or the runtime takes none over: Deno 2.8 does, 2.4 does not
 */
export function inheritListener(descriptor: number): Listener {
  /** Connections that nobody has asked for yet; the loop that accepts leaves none for long. */
  const accepted: Transport[] = [];
  let isClosed = false;
  let wake = () => {};
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const transport = transportOf(socket);
    if (transport === undefined) return;
    accepted.push(transport);
    wake();
  });
  // What is wrong is told by the address that is not there, before this event can come.
  server.on("error", () => {});
  server.listen({ fd: descriptor });
  const address = server.address();
  if (address === null || typeof address === "string") {
    throw new InheritError(
      `Cannot use descriptor ${descriptor}, which is no TCP socket that listens, ` +
        `or cannot be taken over by this Deno, ${Deno.version.deno} (2.8 can)`,
    );
  }
  return {
    endpoint: { address: normalizeAddress(address.address), port: address.port },
    async accept() {
      for (;;) {
        const transport = accepted.shift();
        if (transport !== undefined) return transport;
        if (isClosed) throw new Deno.errors.BadResource("Cannot accept: the listener is closed");
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    close() {
      isClosed = true;
      server.close();
      wake();
    },
  };
}
