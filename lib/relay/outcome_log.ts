/** What the log says of an attempt that was recorded. @module */
import type { Log } from "../net/log.ts";
import type { Attempt, Entry, Notice } from "../queue/store.ts";
import { formatMailbox, formatPath } from "../smtp/mailbox.ts";
import { replyText } from "../smtp/reply.ts";
import { tlsText } from "./tls_policy.ts";

/** Tells what became of each recipient, and of each notice that was made of it. */
export function logOutcomes(
  log: Log,
  entry: Entry,
  { host, address, tls, outcomes }: Attempt,
  notices: readonly Notice[],
): void {
  const { id } = entry;
  for (const { index, state, reply, due } of outcomes) {
    const recipient = entry.recipients.find((recipient) => recipient.index === index);
    log("info", state === "queued" ? "deferred" : state, {
      id,
      to: recipient && formatMailbox(recipient.mailbox),
      host,
      address,
      tls: tls && tlsText(tls),
      reply: replyText(reply),
      due: due === undefined ? undefined : new Date(due).toISOString(),
    });
  }
  const to = formatPath(entry.mail.reversePath);
  for (const { entry: notice } of notices) log("info", "notice", { id: notice.id, about: id, to });
}
