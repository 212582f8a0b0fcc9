/** What is known of the client of one session. @module */

/** An address and port of one end of a connection. IPv4-mapped IPv6 is written as IPv4. */
export interface Endpoint {
  /** An IPv4 address, or an IPv6 address without brackets. */
  readonly address: string;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** What was agreed on in a TLS handshake. */
export interface TlsFacts {
  /** The version of the protocol. */
  readonly version: "TLSv1.2" | "TLSv1.3";
  /** The cipher suite, as IANA names it. */
  readonly cipher: string;
  /** The name that the client has asked for (SNI, RFC 6066 section 3), in lower case. */
  readonly serverName?: string;
  /** SHA-256 of the certificate that the client has proved to hold: 64 hexadecimal digits, lower case. */
  readonly clientFingerprint?: string;
}

/** Writes the version and the cipher suite as they stand in logs and ledgers. */
export function tlsText({ version, cipher }: TlsFacts): string {
  return `${version} ${cipher}`;
}

/**
 * Where a peer has a message from that it hands on, as a content filter does (XFORWARD of Postfix). It is for logs:
 * nothing is decided by it.
 */
export interface Upstream {
  /** The name of the client that the peer has the message from. */
  readonly name: string | undefined;
  /** The client's address, as in {@linkcode Endpoint}. */
  readonly address: string | undefined;
  /** The client's port. */
  readonly port: number | undefined;
  /** The protocol by which the message came. */
  readonly protocol: string | undefined;
  /** What the client calls itself; one printable word. */
  readonly heloName: string | undefined;
  /** What the message is called there; one printable word. */
  readonly id: string | undefined;
  /** Whether the message was made on the peer's own host. */
  readonly source: "LOCAL" | "REMOTE" | undefined;
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
  /** What was agreed on in TLS; nothing is, where the session is in plaintext. */
  readonly tls: TlsFacts | undefined;
  /** The account that the client has authenticated as (RFC 4954), if it has. */
  readonly account: string | undefined;
  /** Where a trusted peer has the next message from, if it says so; forgotten behind the message. */
  readonly upstream?: Upstream;
}
