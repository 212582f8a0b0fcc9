/** How messages of the queue are written, for people and for programs. @module */
import type { Entry, Recipient } from "../queue/store.ts";
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
