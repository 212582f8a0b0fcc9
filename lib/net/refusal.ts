/** What refuses something: a reply that was thrown, or that a bug has. @module */
import type { Session } from "../policy/session.ts";
import { type Reply, SmtpError, standingReply } from "../smtp/reply.ts";
import type { Log } from "./log.ts";

const BUG = standingReply(451, "4.3.0", "Internal error, try again later");

/**
 * What a thrown error is answered with. Anything but an `SmtpError` is a bug, and goes to the log; so
 * does one with a positive reply, which would say that something is done which failed.
 */
export function replyTo(error: unknown, log: Log, session: Session, step: string): Reply {
  if (error instanceof SmtpError && isRefusal(error.reply)) return error.reply;
  log("error", "bug", {
    session: session.id,
    step,
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
  return BUG;
}

/** Whether a value is a negative reply; hooks may be written without types. */
export function isRefusal(value: Reply | null): value is Reply {
  return value !== null && value.code >= 400 && value.code < 600 && value.lines?.length > 0;
}
