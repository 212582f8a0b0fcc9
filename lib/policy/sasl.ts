/** The exchanges by which a client proves who it is (SASL, RFC 4422), as a server sees them. @module */
import type { Reply } from "../smtp/reply.ts";
import type { MaybePromise } from "./hooks.ts";
import type { Session } from "./session.ts";

/** What comes of one response of the client. */
export type SaslStep =
  /** More is asked of the client. */
  | { readonly kind: "challenge"; readonly octets: Uint8Array }
  /** The client is this account. */
  | { readonly kind: "success"; readonly account: string }
  /** It is not, or cannot be told now. */
  | { readonly kind: "failure"; readonly reply: Reply };

/** One exchange. */
export interface SaslExchange {
  /** Takes a response of the client; `undefined` where it began without an initial one. */
  next(response: Uint8Array | undefined): MaybePromise<SaslStep>;
}

/** A session, and what a mechanism may bind to (RFC 5929). */
export interface SaslSession extends Session {
  /** `tls-server-end-point` of the certificate that the session was given, inside TLS. */
  readonly endPoint: Uint8Array | undefined;
}

/** Who authenticates clients. */
export interface SaslServer {
  /** What may be offered to this client now, best first. */
  mechanisms(session: SaslSession): readonly string[];
  /** Begins an exchange; nothing where the mechanism is not offered to this client. */
  begin(mechanism: string, session: SaslSession): SaslExchange | undefined;
}
