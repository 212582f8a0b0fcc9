/** What is found in the inbox as the API writes it; `schemas.ts` says the same for readers. @module */
import type { InboxMessage } from "../inbox/inbox.ts";
import type { Summary } from "../inbox/message_index.ts";
import type { Recipient } from "../queue/store.ts";
import { formatMailbox } from "../smtp/mailbox.ts";

/** An item of a list. */
export function summaryJson(summary: Summary): Readonly<Record<string, unknown>> {
  const { id, state, from, to, recipients, subject } = summary;
  const { size, received, attachments, preview, seen } = summary;
  return {
    id,
    state,
    from,
    to,
    recipients,
    subject,
    size,
    received: new Date(received).toISOString(),
    attachments,
    preview,
    seen,
  };
}

function recipientJson({ mailbox, state, attempts, due, lastReply }: Recipient): unknown {
  return {
    to: formatMailbox(mailbox),
    state,
    attempts,
    due: state === "queued" ? new Date(due).toISOString() : undefined,
    lastReply,
  };
}

/** A message with all that it says. */
export function messageJson({ summary, entry, content }: InboxMessage): unknown {
  return {
    ...summaryJson(summary),
    headerFrom: content.from,
    headerTo: content.to,
    cc: content.cc,
    replyTo: content.replyTo,
    date: content.date,
    messageId: content.messageId,
    text: content.text,
    html: content.html,
    parts: content.parts,
    links: content.links,
    codes: content.codes,
    problem: content.problem,
    envelope: entry.recipients.map(recipientJson),
  };
}
