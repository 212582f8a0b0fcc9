/** A message of the queue as programs read it. @module */
import { formatMailbox } from "../smtp/mailbox.ts";
import type { Attempt, Entry, Recipient } from "./store.ts";

function utc(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

function recipientJson(recipient: Recipient): unknown {
  const { state, attempts, due, lastReply, notify, orcpt, delayTold } = recipient;
  const { route, rewrittenFrom } = recipient;
  return {
    to: formatMailbox(recipient.mailbox),
    state,
    attempts,
    due: state === "queued" ? utc(due) : undefined,
    lastReply,
    delayTold,
    notify,
    orcpt,
    route,
    rewrittenFrom,
  };
}

/** A message as programs read it. Times are RFC 3339 UTC, sizes octets; `from` is empty for `<>`. */
export function entryJson(entry: Entry, attempts?: readonly Attempt[]): unknown {
  const { id, mail, size, accepted, expires, origin, recipients } = entry;
  return {
    id,
    from: mail.reversePath === null ? "" : formatMailbox(mail.reversePath),
    size,
    accepted: utc(accepted),
    expires: utc(expires),
    origin,
    body: mail.body,
    smtpUtf8: mail.smtpUtf8,
    ret: mail.ret,
    envid: mail.envid,
    requireTls: mail.requireTls,
    tlsRequiredNo: mail.tlsRequiredNo,
    headerChanges: entry.headerChanges,
    recipients: recipients.map(recipientJson),
    attempts: attempts?.map(({ begun, ended, host, address, tls, outcomes }) => ({
      begun: utc(begun),
      ended: utc(ended),
      host,
      address,
      tls,
      outcomes: outcomes.map(({ index, state, due, reply }) => {
        const recipient = recipients.find((recipient) => recipient.index === index);
        const to = recipient && formatMailbox(recipient.mailbox);
        return { to, state, due: utc(due), reply };
      }),
    })),
  };
}
