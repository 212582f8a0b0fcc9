/** How messages of the queue are written, for people and for programs. @module */
import type { Attempt, Entry, Recipient } from "../queue/store.ts";
import { formatMailbox, formatPath } from "../smtp/mailbox.ts";
import { printable, type Reply, replyText } from "../smtp/reply.ts";

/** A time for people: local, to the second. */
export function localTime(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** A number with its noun. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A size for people. */
export function sizeText(octets: number): string {
  if (octets < 1024) return `${octets} B`;
  if (octets < 1024 * 1024) return `${(octets / 1024).toFixed(1)} KiB`;
  return `${(octets / 1024 / 1024).toFixed(1)} MiB`;
}

/** A reply on one line, with what came from the wire escaped. */
export function shownReply(reply: Reply): string {
  return printable(replyText(reply));
}

/** The reverse-path as it is shown. */
export function senderText({ mail }: Pick<Entry, "mail">): string {
  return printable(formatPath(mail.reversePath));
}

/** A recipient as it is shown. */
export function recipientText({ mailbox }: Pick<Recipient, "mailbox">): string {
  return printable(formatMailbox(mailbox));
}

/** JSON of printable ASCII alone: nothing in it can move a cursor or turn the direction of text. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function utc(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}

function recipientJson(recipient: Recipient): unknown {
  const { state, attempts, due, lastReply, notify, orcpt, delayTold } = recipient;
  return {
    to: formatMailbox(recipient.mailbox),
    state,
    attempts,
    due: state === "queued" ? utc(due) : undefined,
    lastReply,
    delayTold,
    notify,
    orcpt,
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
