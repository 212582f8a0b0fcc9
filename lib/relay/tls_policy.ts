/** How much TLS is asked of a next hop. @module */
import type { ClientTlsFacts } from "../net/tls_transport.ts";
import type { AttemptTls } from "../queue/store.ts";

/**
 * - `opportunistic`: TLS where it is to be had, with any certificate; plaintext where it is not.
 * - `require`: TLS with any certificate, or no mail.
 * - `verify`: TLS with a certificate that is verified for the name of the host, or no mail.
 */
export type TlsLevel = "opportunistic" | "require" | "verify";

/** The levels, the weakest first. */
export const TLS_LEVELS: readonly TlsLevel[] = ["opportunistic", "require", "verify"];

/** What the ledger keeps of a TLS session. */
export function tlsRecord(tls: ClientTlsFacts | undefined): AttemptTls | undefined {
  if (tls === undefined) return undefined;
  const { version, cipher, isVerified, problem } = tls;
  return { version, cipher, isVerified, ...problem !== undefined && { problem } };
}

/** Says on one line how a session was encrypted, for people and logs. */
export function tlsText(tls: AttemptTls | undefined): string {
  if (tls === undefined) return "none";
  const { version, cipher, isVerified, problem } = tls;
  const why = problem === undefined ? "" : ` (${problem})`;
  return `${version} ${cipher} ${isVerified ? "verified" : `unverified${why}`}`;
}
