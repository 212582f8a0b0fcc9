/** Where one mail transaction goes when its next hop is known. @module */
import type { MaybePromise } from "../policy/hooks.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import type { Reply } from "../smtp/reply.ts";
import type { DeliveryHop } from "./next_hop.ts";
import type { HopReply } from "./remote_reply.ts";

/**
 * One mail transaction to one next hop: recipients, then the mail data, ended by `end` or `abort`,
 * whichever comes first. Each method but `abort` is called only after the one before has settled.
 */
export interface OutletTransaction {
  /** Names a recipient. A positive reply makes it one of the transaction's. */
  rcpt(rcpt: RcptParameters): MaybePromise<HopReply>;
  /**
   * Mail data is about to come. A negative reply refuses it; nothing (or a positive one) lets it
   * come. `trace` are header fields to stand above the first octet, with their CRLFs.
   */
  data(trace: string): MaybePromise<HopReply | void>;
  /**
   * Takes a slice of mail data, without dot-stuffing, in order. The slice may be overwritten once this
   * has settled. A throw refuses the message.
   */
  write(bytes: Uint8Array): MaybePromise<void>;
  /**
   * The mail data is whole. The reply for the message, or one for each recipient that was accepted,
   * in their order. A positive one is a promise that the message is safe.
   */
  end(): MaybePromise<HopReply | readonly HopReply[]>;
  /** The transaction is over without a message. May come at any time, also twice. */
  abort(): void;
}

/** Begins a transaction, or answers the reply that refuses it. */
export type Outlet = (mail: MailParameters) => MaybePromise<OutletTransaction | Reply>;

/** Finds the outlet of a next hop that is on this host; none where such are not served here. */
export type Outlets = (hop: DeliveryHop) => Outlet | undefined;
