/** What MAIL and RCPT say: the envelope of RFC 5321 section 2.3.1. @module */
import type { DsnMailParameters, DsnRcptParameters } from "./dsn_parameters.ts";
import type { Mailbox } from "./mailbox.ts";

/** How mail data may be made up (RFC 6152). BINARYMIME is not offered. */
export type BodyType = "7BIT" | "8BITMIME";

/** What a MAIL command says. */
export interface MailParameters extends DsnMailParameters {
  /** The mailbox that failures are told to, or `null` for the null reverse-path `<>`. */
  readonly reversePath: Mailbox | null;
  /** The declared size in octets (RFC 1870), where one was declared. */
  readonly size?: number;
  /** What the client said of the octets (RFC 6152), where it did. */
  readonly body?: BodyType;
  /** Whether SMTPUTF8 was asked for (RFC 6531): addresses and header fields may be UTF-8. */
  readonly smtpUtf8: boolean;
  /** Set where the message may only go over TLS, to hosts that were verified (RFC 8689). */
  readonly requireTls?: boolean;
  /**
   * Set where the header section of the message has `TLS-Required: No`, which MAIL does not say: what the
   * domains of the recipients ask of TLS does not count for it (RFC 8689 section 3).
   */
  readonly tlsRequiredNo?: boolean;
}

/** What a RCPT command says. */
export interface RcptParameters extends DsnRcptParameters {
  /** The mailbox that the message is for. */
  readonly forwardPath: Mailbox;
}

/** The envelope of one mail transaction. */
export interface Envelope extends MailParameters {
  /** The mailboxes that were accepted, in order. */
  readonly forwardPaths: readonly Mailbox[];
}
