/** What the receiver tells its caller. @module */
import type { ClientAttributes } from "./client_attributes.ts";
import type { MailParameters, RcptParameters } from "./envelope.ts";
import type { Reply } from "./reply.ts";

/** Why a mail transaction ended without a message. */
export type ResetCause =
  | "RSET"
  | "bare CR"
  | "bare LF"
  | "too large";

/** An event that has to be answered by `reply` before the next one is asked for. */
export type ReceiverQuestion =
  /** The client has connected. The reply is the greeting. */
  | { readonly type: "connect" }
  /**
   * A greeting of the client. A positive reply ends the mail transaction that is open; a refusal
   * leaves everything as it was (RFC 5321 section 4.1.4).
   */
  | { readonly type: "helo"; readonly verb: "HELO" | "EHLO" | "LHLO"; readonly name: string }
  /**
   * The client wants to begin TLS (RFC 3207). Once a positive reply is written, the handshake is made,
   * and then `secured` called.
   */
  | { readonly type: "starttls" }
  /**
   * The client wants to authenticate (RFC 4954), by a mechanism that was offered. The answer is a
   * challenge, or the reply that ends the exchange.
   */
  | {
    readonly type: "auth";
    readonly mechanism: string;
    /** What it has to say without being asked, if it has. */
    readonly initialResponse: Uint8Array | undefined;
  }
  /** The response to a challenge; it is answered as `auth` is. */
  | { readonly type: "response"; readonly octets: Uint8Array }
  /**
   * A peer that is trusted says whom it speaks for. After a positive reply, which is not written, the
   * session begins anew: `connect` is asked next.
   */
  | { readonly type: "xclient"; readonly attributes: ClientAttributes<"XCLIENT"> }
  /** A peer that is trusted says whom it has the next message from. */
  | { readonly type: "xforward"; readonly attributes: ClientAttributes<"XFORWARD"> }
  /** A mail transaction begins. */
  | { readonly type: "mail"; readonly mail: MailParameters }
  /** A recipient is named. */
  | { readonly type: "rcpt"; readonly rcpt: RcptParameters }
  /** Mail data is about to come. The text of a positive reply is the receiver's own. */
  | { readonly type: "data" }
  /** A BDAT chunk is in that is not the last. */
  | { readonly type: "chunk"; readonly size: number }
  /** The mail data is whole. In LMTP it takes one reply for each accepted recipient. */
  | { readonly type: "end"; readonly size: number };

/** An event that is only told. */
export type ReceiverNotice =
  /** A slice of mail data, unstuffed. Valid until the next event is asked for. */
  | { readonly type: "content"; readonly bytes: Uint8Array }
  /** The mail transaction is over without a message; the client has its reply, or will have it. */
  | { readonly type: "reset"; readonly cause: ResetCause }
  /** The exchange of AUTH is over without a result; the client has its reply. */
  | { readonly type: "auth cancelled"; readonly reply: Reply }
  /** The receiver has refused a command by itself, or a message at its end. */
  | {
    readonly type: "refusal";
    readonly step: "command" | "end of data";
    readonly reply: Reply;
  }
  /** The session is over once the output is written: QUIT, a reply of 421, too many errors. */
  | { readonly type: "close"; readonly reply: Reply };

/** What {@linkcode Receiver.nextEvent} answers. */
export type ReceiverEvent = ReceiverQuestion | ReceiverNotice;
