/** TLS over any transport, in both roles. @module */
import { Duplex } from "node:stream";
import { connect, rootCertificates, type SecureContext, TLSSocket } from "node:tls";
import { parseIp } from "../policy/network.ts";
import type { TlsFacts } from "../policy/session.ts";
import { printable } from "../smtp/reply.ts";
import { StreamTransport } from "./stream_transport.ts";
import type { TlsIdentity } from "./tls_identity.ts";
import { canBeginTls } from "./tls_trial.ts";
import type { Transport } from "./transport.ts";

/** A transport whose octets are encrypted. */
export interface SecureTransport<T extends TlsFacts = TlsFacts> extends Transport {
  /** What was agreed on. */
  readonly tls: T;
}

/** What is known of a client that has connected to us. */
export interface ServerTlsFacts extends TlsFacts {
  /**
   * `tls-server-end-point` of the certificate that the client was shown (RFC 5929 section 4.1), if there is
   * one. It is taken in the handshake, since another certificate may be in force by the next command.
   */
  readonly endPoint: Uint8Array | undefined;
}

/** What is known of a server that we have connected to. */
export interface ClientTlsFacts extends TlsFacts {
  /** Whether an authority that is trusted vouches for the server's name. */
  readonly isVerified: boolean;
  /** Why none does; printable. */
  readonly problem?: string;
  /** The server's own certificate, in DER. */
  readonly certificate?: Uint8Array;
}

/** How to begin TLS as a client. */
export interface ClientTlsOptions {
  /** The name to ask for and to verify; or an address, which is verified alone. */
  readonly serverName: string;
  /** Authorities that are trusted beside the system's, as PEM. */
  readonly authorities?: readonly string[];
  /** Ends the handshake when it is aborted. */
  readonly signal?: AbortSignal;
}

/** What an idle session reads into, and one through which much comes. */
const SMALL_READ = 1024;
const LARGE_READ = 64 * 1024;

/** So many octets may wait, decrypted, to be read. */
const MOST_WAITING = 64 * 1024;

/** A name as it may stand in a log line and be looked for among certificates. */
const SERVER_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/**
 * Begins TLS as the server. No octet that came in plaintext is taken for one of TLS, since the transport
 * is read from anew; what was read before is for the caller to drop.
 *
 * @throws {Error} if the handshake fails, or with the reason of `signal`; the transport is closed then
 */
export async function secureServer(
  transport: Transport,
  identity: TlsIdentity,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<SecureTransport<ServerTlsFacts>> {
  checkRuntime(transport);
  let endPoint = identity.endPointFor(undefined);
  const gate = new Gate();
  const stream = duplexOver(transport, gate);
  const socket = new TLSSocket(
    stream,
    {
      isServer: true,
      secureContext: identity.contextFor(undefined),
      requestCert: identity.asksClient,
      // A client without a certificate, or with one that nobody vouches for, is one without privileges.
      rejectUnauthorized: false,
      SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => {
        const serverName = serverNameOf(name);
        endPoint = identity.endPointFor(serverName);
        done(null, identity.contextFor(serverName));
      },
    } as ConstructorParameters<typeof TLSSocket>[1],
  );
  return await handshake({ socket, stream, transport, gate }, "secure", signal, () => {
    const fingerprint = socket.getPeerCertificate()?.fingerprint256;
    return {
      ...factsOf(socket),
      endPoint,
      ...fingerprint !== undefined && {
        clientFingerprint: fingerprint.replaceAll(":", "").toLowerCase(),
      },
    };
  });
}

/**
 * Begins TLS as the client. A certificate that cannot be verified does not end the handshake: whether
 * that matters is for the caller to say, who looks at the facts.
 *
 * No session is resumed. Deno 2.9.6 takes the `session` of node:tls for leave alone to resume one that it
 * keeps by the name of the server, whoever that was with, and calls what was resumed `authorized` although
 * its certificate was never verified: who comes between once could be taken for the server ever after.
 *
 * @throws {Error} if the handshake fails, or with the reason of `signal`; the transport is closed then
 */
export async function secureClient(
  transport: Transport,
  { serverName, authorities, signal }: ClientTlsOptions,
): Promise<SecureTransport<ClientTlsFacts>> {
  checkRuntime(transport);
  const gate = new Gate();
  const stream = duplexOver(transport, gate);
  const socket = connect({
    socket: stream,
    // An address is verified as well, but never asked for (RFC 6066 section 3).
    host: serverName,
    servername: parseIp(serverName) === undefined ? serverName : undefined,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    ...authorities !== undefined && { ca: [...rootCertificates, ...authorities] },
  });
  return await handshake({ socket, stream, transport, gate }, "secureConnect", signal, () => {
    const problem = socket.authorized ? undefined : String(socket.authorizationError);
    const certificate: Uint8Array | undefined = socket.getPeerCertificate(true)?.raw;
    return {
      ...factsOf(socket),
      serverName,
      isVerified: socket.authorized,
      ...problem !== undefined && { problem: printable(problem) },
      ...certificate !== undefined && { certificate: new Uint8Array(certificate) },
    };
  });
}

function serverNameOf(name: unknown): string | undefined {
  const lower = typeof name === "string" ? name.toLowerCase() : "";
  return lower.length <= 253 && SERVER_NAME.test(lower) ? lower : undefined;
}

function factsOf(socket: TLSSocket): TlsFacts {
  const { servername } = socket as { servername?: unknown };
  const serverName = serverNameOf(servername);
  return {
    version: socket.getProtocol() === "TLSv1.3" ? "TLSv1.3" : "TLSv1.2",
    cipher: socket.getCipher().standardName,
    ...serverName !== undefined && { serverName },
  };
}

/** What a TLS session is made of. */
interface Parts {
  readonly socket: TLSSocket;
  /** What is below it. */
  readonly stream: Duplex;
  readonly transport: Transport;
  readonly gate: Gate;
}

/** Holds that there can be TLS at all, before the runtime is asked for it. */
function checkRuntime(transport: Transport): void {
  const { deno } = Deno.version;
  if (canBeginTls(deno)) return;
  transport.close();
  throw new Error(`the Deno that this runs on, ${deno}, cannot do it; it takes 2.8 or later`);
}

async function handshake<T extends TlsFacts>(
  parts: Parts,
  done: "secure" | "secureConnect",
  signal: AbortSignal | undefined,
  facts: () => T,
): Promise<SecureTransport<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal!.reason);
  const { socket } = parts;
  socket.once(done, resolve);
  for (const end of [socket, parts.stream]) {
    end.once("error", reject);
    for (const event of ["end", "close"]) {
      end.once(event, () => reject(new Error("the other end closed the connection")));
    }
  }
  signal?.addEventListener("abort", abort);
  const secured = new TlsTransport(parts, facts);
  try {
    signal?.throwIfAborted();
    await promise;
    return secured.begin();
  } catch (error) {
    secured.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * Holds back reading while enough waits to be read: node:tls itself takes whatever comes, however much of
 * it nobody has read yet.
 */
class Gate {
  /** How many octets wait to be read. */
  waiting: () => number = () => 0;
  #held: (() => void) | undefined;

  /** Reads now, or once there is room. */
  pass(read: () => void): void {
    if (this.waiting() >= MOST_WAITING) this.#held = read;
    else read();
  }

  /** Something was read. */
  open(): void {
    const read = this.#held;
    if (read === undefined || this.waiting() >= MOST_WAITING) return;
    this.#held = undefined;
    read();
  }
}

/** The stream that node:tls wants, over a transport. */
function duplexOver(transport: Transport, gate: Gate): Duplex {
  let size = SMALL_READ;
  return new Duplex({
    read() {
      gate.pass(() => {
        const buffer = new Uint8Array(size);
        transport.read(buffer).then((length) => {
          if (length === null) return void this.push(null);
          // Much comes through one session in a thousand: the others shall not hold room for it.
          size = length === buffer.length ? LARGE_READ : SMALL_READ;
          this.push(buffer.subarray(0, length));
        }, (error) => this.destroy(error));
      });
    },
    write(chunk: Uint8Array, _encoding, done) {
      transport.write(chunk).then(() => done(), done);
    },
    final(done) {
      transport.closeWrite().then(() => done(), done);
    },
    destroy(error, done) {
      transport.close();
      done(error);
    },
  });
}

class TlsTransport<T extends TlsFacts> extends StreamTransport implements SecureTransport<T> {
  readonly #transport: Transport;
  readonly #facts: () => T;
  #tls: T | undefined;

  constructor({ socket, stream, transport, gate }: Parts, facts: () => T) {
    super(socket, transport, () => gate.open());
    this.#transport = transport;
    this.#facts = facts;
    gate.waiting = () => socket.readableLength;
    const fail = (error: Error) => this.fail(error);
    // A record that cannot be decrypted is told by this event alone, unless a server of node:tls has
    // made the socket.
    socket.on("_tlsError", fail);
    // What happens below does not always come up.
    stream.on("error", fail);
    stream.on("close", () => this.end());
  }

  /** The handshake is over. */
  begin(): this {
    this.#tls = this.#facts();
    return this;
  }

  get tls(): T {
    return this.#tls!;
  }

  override close(): void {
    super.close();
    this.#transport.close();
  }
}
