/** How long the relay waits for what. @module */

/** Timeouts in milliseconds. */
export interface Timeouts {
  /** For a TCP connection to one address. */
  readonly connect: number;
  /** For the greeting and the reply to EHLO, together. */
  readonly greeting: number;
  /** For the reply to STARTTLS, and to EHLO behind the handshake. */
  readonly starttls: number;
  /** For the TLS handshake. */
  readonly handshake: number;
  /** For each reply in an AUTH exchange. */
  readonly auth: number;
  /** For the reply to MAIL. */
  readonly mail: number;
  /** For the reply to each RCPT. */
  readonly rcpt: number;
  /** For the reply to DATA. */
  readonly data: number;
  /** For the next hop to take one slice of mail data. */
  readonly block: number;
  /** For the reply to the end of mail data. */
  readonly result: number;
  /** For the reply to RSET, which only the next transaction waits for. */
  readonly rset: number;
  /** For the reply to QUIT, which nobody waits for. */
  readonly quit: number;
  /** For a session with any of the hosts, whatever the other timeouts add up to. */
  readonly open: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/**
 * The timeouts of RFC 5321 section 4.5.3.2, and some that it leaves open. All the hosts of a next hop
 * are tried in less time than the client of a pass-through waits for the reply to its RCPT.
 */
export const DEFAULT_TIMEOUTS: Timeouts = {
  connect: 30 * SECOND,
  greeting: 5 * MINUTE,
  starttls: 2 * MINUTE,
  handshake: 30 * SECOND,
  auth: 2 * MINUTE,
  mail: 5 * MINUTE,
  rcpt: 5 * MINUTE,
  data: 2 * MINUTE,
  block: 3 * MINUTE,
  result: 10 * MINUTE,
  rset: 20 * SECOND,
  quit: 5 * SECOND,
  open: 4 * MINUTE,
};
