/** A two-way stream of octets, whatever carries it. @module */
import type { Endpoint } from "../policy/session.ts";

/**
 * What the protocol pumps read from and write to: a TCP connection, a TLS session, or one end of a
 * pair in memory. One read and one write may be under way at a time.
 */
export interface Transport extends Disposable {
  /** Our end. */
  readonly local: Endpoint;
  /** The other end. */
  readonly remote: Endpoint;
  /** Reads at least one octet into `buffer` and answers how many, or `null` at the end of input. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Writes every octet; settles once the transport has taken them (backpressure). */
  write(bytes: Uint8Array): Promise<void>;
  /** Says that nothing more will be written. */
  closeWrite(): Promise<void>;
  /** Closes both ways; a read or write under way fails. Closing twice does no harm. */
  close(): void;
}
