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
}

/**
 * The longest command line in octets, its CR LF included. RFC 5321 section 4.5.3.1.4 asks for 512. The
 * extensions offered here add less than 700 to that, most of it for ORCPT, whose value alone may have
 * 500 (RFC 3461 section 4.2).
 */
export const MAX_COMMAND_LINE = 2048;
