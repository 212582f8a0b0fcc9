/** Finds out in memory whether the runtime can do TLS as a server. @module */
import { Duplex } from "node:stream";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import { type Clock, systemClock } from "./clock.ts";

/** What came of a handshake that was tried: none within the time is `silent`. */
export type TlsTrial =
  | { readonly kind: "works" }
  | { readonly kind: "silent" }
  | { readonly kind: "refused"; readonly reason: string };

/** The version of Deno from which on `node:tls` works on any stream. */
const FIRST_VERSION = [2, 8] as const;

/** How long a handshake in memory may take, in milliseconds; it takes a hundredth of that. */
const LIMIT = 10_000;

/**
 * Whether a version of Deno is known to do TLS on a connection that is open already. Those before 2.8 begin
 * the handshake and never end it.
 */
export function canBeginTls(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major > FIRST_VERSION[0] || (major === FIRST_VERSION[0] && minor >= FIRST_VERSION[1]);
}

/** Two streams of which each gets what is written to the other. */
function streamPair(): [Duplex, Duplex] {
  const pair: Duplex[] = [];
  const end = (other: 0 | 1) =>
    new Duplex({
      read() {},
      write(octets, _encoding, done) {
        pair[other].push(octets);
        done();
      },
      final(done) {
        pair[other].push(null);
        done();
      },
    });
  pair.push(end(1), end(0));
  return [pair[0], pair[1]];
}

/**
 * Does a handshake with a context on both ends. What a runtime takes of certificates and keys it tells only
 * then: a context is made of anything.
 */
export async function tryTls(
  secureContext: SecureContext,
  clock: Clock = systemClock,
): Promise<TlsTrial> {
  const [ours, theirs] = streamPair();
  const { promise, resolve } = Promise.withResolvers<TlsTrial>();
  const refuse = (error: Error) => resolve({ kind: "refused", reason: error.message });
  using _timer = clock.after(LIMIT, () => resolve({ kind: "silent" }));
  const server = new TLSSocket(ours, { isServer: true, secureContext });
  const client = connect({ socket: theirs, rejectUnauthorized: false });
  // The server says first what is wrong; the client learns no more than an alert.
  server.on("error", refuse);
  client.on("error", refuse);
  client.on("secureConnect", () => resolve({ kind: "works" }));
  const result = await promise;
  client.destroy();
  server.destroy();
  return result;
}
