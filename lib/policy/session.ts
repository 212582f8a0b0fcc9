/** What is known of the client of one session. @module */

/** An address and port of one end of a connection. IPv4-mapped IPv6 is written as IPv4. */
export interface Endpoint {
  /** An IPv4 address, or an IPv6 address without brackets. */
  readonly address: string;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** One session: what is known of its client before and between mail transactions. */
export interface Session {
  /** A short name for the session, stable in every log line of it. */
  readonly id: string;
  /** The client's end. */
  readonly remote: Endpoint;
  /** Our end. */
  readonly local: Endpoint;
  /** The protocol that the client greeted with, once it has (RFC 3848 names them). */
  readonly protocol: "SMTP" | "ESMTP" | "LMTP" | undefined;
  /** What the client calls itself in HELO, EHLO or LHLO; printable. */
  readonly heloName: string | undefined;
}
