/** What a receiver knows of a session's security: TLS (RFC 3207) and authentication (RFC 4954). @module */
import { decodeBase64 } from "./base64.ts";
import type { TrustedVerb } from "./client_attributes.ts";
import { BAD_BASE64 } from "./command.ts";
import type { Cut } from "./line_cutter.ts";
import type { ReceiverOptions } from "./receiver_options.ts";
import {
  AUTH_CANCELLED,
  AUTHENTICATED_ALREADY,
  BEHIND_STARTTLS,
  ENCRYPTION_NEEDED,
  lineFaultReply,
  NOT_TRUSTED,
  type Offers,
  RESPONSE_TOO_LONG,
  SECURE_ALREADY,
  UNKNOWN_MECHANISM,
} from "./receiver_replies.ts";
import { type Reply, reply } from "./reply.ts";

/** The security of one session, and what may be asked for because of it. */
export class Security {
  readonly #options: ReceiverOptions;
  #isSecure: boolean;
  #isAuthenticated = false;
  #trusted: readonly TrustedVerb[] = [];
  #mechanisms: readonly string[] = [];

  /** Begins in plaintext, or inside TLS (RFC 8314 section 3). */
  constructor(options: ReceiverOptions, isSecure: boolean) {
    this.#options = options;
    this.#isSecure = isSecure;
  }

  /** Whether the session runs inside TLS. */
  get isSecure(): boolean {
    return this.#isSecure;
  }

  /** What the reply to EHLO names. */
  get offers(): Offers {
    return {
      isSecure: this.#isSecure,
      trusted: this.#trusted,
      mechanisms: this.#isAuthenticated ? [] : this.#mechanisms,
    };
  }

  /** The peer may say these of other clients from now on: the peer, whatever client it names. */
  trustPeer(verbs: readonly TrustedVerb[]): void {
    this.#trusted = verbs;
  }

  /** Why the peer cannot say this of another client, if it can't. */
  refusalOfTrusted(verb: TrustedVerb): Reply | undefined {
    return this.#trusted.includes(verb) ? undefined : NOT_TRUSTED;
  }

  /** The session begins anew, for a client that has authenticated elsewhere or has not. TLS stays. */
  restarted(isAuthenticated: boolean): void {
    this.#isAuthenticated = isAuthenticated;
    this.#mechanisms = [];
  }

  /** Offers mechanisms from now on, best first. */
  offerAuth(mechanisms: readonly string[]): void {
    this.#mechanisms = mechanisms;
  }

  /** The handshake is over. What was agreed on before counts for nothing (RFC 3207 section 4.2). */
  secured(): void {
    this.#isSecure = true;
    this.#isAuthenticated = false;
    this.#mechanisms = [];
  }

  /** The client has proved who it is. */
  authenticated(): void {
    this.#isAuthenticated = true;
  }

  /** Why TLS cannot begin, if it can't; `isLast` where nothing has come behind the command. */
  refusalOfStartTls(isLast: boolean): Reply | undefined {
    if (this.#isSecure) return SECURE_ALREADY;
    return isLast ? undefined : BEHIND_STARTTLS;
  }

  /** Why the client cannot authenticate so, if it can't. */
  refusalOfAuth(mechanism: string): Reply | undefined {
    if (this.#isAuthenticated) return AUTHENTICATED_ALREADY;
    if (this.#mechanisms.includes(mechanism)) return undefined;
    const isPlaintext = this.#options.startTls === true && !this.#isSecure;
    return isPlaintext && this.#mechanisms.length === 0 ? ENCRYPTION_NEEDED : UNKNOWN_MECHANISM;
  }
}

/**
 * Reads the response to a challenge, or answers the reply that cancels the exchange:
 * `( base64 / "*" ) CRLF` (RFC 4954 section 8).
 */
export function readResponse(
  cut: Exclude<Cut, { readonly kind: "more" }>,
  options: ReceiverOptions,
): Uint8Array | Reply {
  if (cut.kind === "fault") {
    return cut.fault === "too long" ? RESPONSE_TOO_LONG : lineFaultReply(cut.fault, options);
  }
  const text = String.fromCharCode(...cut.bytes);
  if (text === "*") return AUTH_CANCELLED;
  return decodeBase64(text) ?? reply(...BAD_BASE64);
}
