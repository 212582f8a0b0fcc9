/** The next hop that takes every message and keeps none. @module */
import { standingReply } from "../smtp/reply.ts";
import type { Outlet, OutletTransaction } from "./outlet.ts";

const RECIPIENT_OK = standingReply(250, "2.1.5", "Recipient ok, to be discarded");
const DISCARDED = standingReply(250, "2.0.0", "Message discarded");

/** It has no state, so one serves all. */
const TRANSACTION: OutletTransaction = {
  rcpt: () => RECIPIENT_OK,
  data: () => {},
  write: () => {},
  end: () => DISCARDED,
  abort: () => {},
};

/** Takes every message and keeps none. */
export const discard: Outlet = (): OutletTransaction => TRANSACTION;
