/** Which messages and recipients a filter means: what every store has to agree on. @module */
import type { Mailbox } from "../smtp/mailbox.ts";
import type { Entry, Filter, Recipient } from "./store.ts";

/** A mailbox as filters look at it: without the quotes that its local part may need on the wire. */
export function searchText(mailbox: Mailbox | null): string {
  return mailbox === null ? "" : `${mailbox.localPart}@${mailbox.domain}`;
}

/** Lower-case as SQL's `lower()` has it: ASCII letters alone, so that all stores find the same. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Whether the message is one that a filter means, leaving its recipients aside. */
export function fitsEntry(filter: Filter, entry: Omit<Entry, "recipients">): boolean {
  const { ids, from, before } = filter;
  return (ids === undefined || ids.includes(entry.id)) &&
    (from === undefined || contains(searchText(entry.mail.reversePath), from)) &&
    (before === undefined || entry.accepted < before);
}

/** Whether the recipient is one that a filter means, if its message is. */
export function fitsRecipient(filter: Filter, recipient: Recipient): boolean {
  const { to, domain, state } = filter;
  return (to === undefined || contains(searchText(recipient.mailbox), to)) &&
    (domain === undefined || recipient.domain === domain) &&
    (state === undefined || recipient.state === state);
}

function contains(text: string, part: string): boolean {
  return lowerAscii(text).includes(lowerAscii(part));
}
