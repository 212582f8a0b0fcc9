/** How a receiver is set up. @module */

/** How a receiver behaves. */
export interface ReceiverOptions {
  /** The name in the EHLO reply. */
  readonly hostname: string;
  /** Speaks LMTP: LHLO instead of EHLO, and a reply a recipient (RFC 2033). */
  readonly lmtp?: boolean;
  /** The largest message in octets. */
  readonly maxSize: number;
  /** The most recipients of one transaction; RFC 5321 section 4.5.3.1.8 asks for 100 at least. */
  readonly maxRecipients: number;
  /** The permanent refusals that one session may collect. The next one is 421. */
  readonly maxErrors: number;
  /** Whether a bare CR or LF from the client counts as CR LF; otherwise it is refused. */
  readonly normalizeNewlines?: boolean;
  /** Whether DSN is offered and its parameters are taken (RFC 3461); otherwise they are refused. */
  readonly dsn?: boolean;
  /** Whether STARTTLS is offered (RFC 3207), while the session is in plaintext. */
  readonly startTls?: boolean;
  /**
   * Whether AUTH may be offered (RFC 4954); which mechanisms are is said by `offerAuth`. The lines of a
   * client may be longer then.
   */
  readonly auth?: boolean;
  /** Whether REQUIRETLS is offered inside TLS (RFC 8689). It takes an intake that keeps it. */
  readonly requireTls?: boolean;
}

/**
 * The longest command line in octets, its CR LF included. RFC 5321 section 4.5.3.1.4 asks for 512. The
 * extensions offered here add less than 700 to that, most of it for ORCPT, whose value alone may have
 * 500 (RFC 3461 section 4.2).
 */
export const MAX_COMMAND_LINE = 2048;

/** The same where AUTH is offered: RFC 4954 section 4 names this for responses, the initial one with them. */
export const MAX_AUTH_LINE = 12_288;

/** The longest line of a receiver with these options. */
export function maxLineOf({ auth }: ReceiverOptions): number {
  return auth ? MAX_AUTH_LINE : MAX_COMMAND_LINE;
}
