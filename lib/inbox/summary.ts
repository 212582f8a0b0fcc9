/** What is said of a message in a list, and which searches it fits. @module */
import { formatMailbox } from "../smtp/mailbox.ts";
import type { Entry, Recipient } from "../queue/store.ts";
import type { Content } from "./content.ts";
import type { IndexedMessage, MessageState, Search, Summary } from "./message_index.ts";

/** Recipients that a summary names. */
const MOST_RECIPIENTS = 100;
/** Characters of a text that are searched. */
const MOST_TEXT = 16 * 1024;
/** Characters of a preview, and of the text that it is made of. */
const PREVIEW = 160;
const PREVIEWED = 2_000;

/** What a message stands as if one of its recipients does, before all that come behind it. */
const PRECEDENCE: readonly MessageState[] = ["held", "queued", "failed", "delivered", "removed"];

/** How a message stands whose recipients stand so. */
export function stateOf(recipients: readonly Pick<Recipient, "state">[]): MessageState {
  return PRECEDENCE.find((state) => recipients.some((recipient) => recipient.state === state)) ??
    "removed";
}

/**
 * How a message of the index stands now. One that was removed from the inbox stays so, whatever the
 * queue remembers of its end; it comes back only if somebody is to get it again.
 */
export function stateAfter(known: MessageState, now: MessageState): MessageState {
  return known === "removed" && now !== "held" && now !== "queued" ? known : now;
}

/** Cuts a text, but no character in two. */
function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? most - 1 : most);
}

/** A text as the database of the index can keep it: it has no NUL and no halves of characters. */
function kept(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}

/** Makes of a message what the index keeps. */
export function indexedMessage(entry: Entry, content: Content): IndexedMessage {
  const { id, mail: { reversePath }, size, accepted, recipients } = entry;
  const { parts } = content;
  const text = kept(content.text);
  return {
    id,
    state: stateOf(recipients),
    from: reversePath === null ? "" : formatMailbox(reversePath),
    to: recipients.slice(0, MOST_RECIPIENTS).map(({ mailbox }) => formatMailbox(mailbox)),
    recipients: recipients.length,
    subject: kept(content.subject),
    size,
    received: accepted,
    attachments: parts.filter(({ inline }) => !inline).length,
    preview: cut(text.slice(0, PREVIEWED).replace(/\s+/g, " ").trim(), PREVIEW),
    text: cut(text, MOST_TEXT),
  };
}

/** The summary of a message of the index. */
export function summaryOf(message: IndexedMessage, seen: boolean): Summary {
  const { text: _, ...summary } = message;
  return { ...summary, seen };
}

/** A text as searches look at it: without regard to case. */
export function folded(text: string): string {
  // The last sigma of a word has a form of its own, which a part of the word does not know.
  return kept(text).toLowerCase().replaceAll("ς", "σ");
}

/** A message as searches look at it, which is made once for all of them. */
export interface FoldedMessage {
  readonly message: IndexedMessage;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

/** Makes a message ready to be searched. */
export function foldedMessage(message: IndexedMessage): FoldedMessage {
  return {
    message,
    from: folded(message.from),
    to: message.to.map(folded),
    subject: folded(message.subject),
    text: folded(message.text),
  };
}

/** Whether a message that nobody has looked at fits a search. */
export type Fits = (message: FoldedMessage) => boolean;

/** Makes ready what messages are compared with. */
export function searchFits(search: Search): Fits {
  const { state, since, before, minSize, maxSize, hasAttachment, seen } = search;
  const ids = search.ids && new Set(search.ids);
  const from = search.from && folded(search.from);
  const to = search.to && folded(search.to);
  const subject = search.subject && folded(search.subject);
  const text = search.text && folded(search.text);
  return (like) => {
    const { message } = like;
    return (since === undefined || message.received >= since) &&
      (before === undefined || message.received < before) &&
      (ids === undefined || ids.has(message.id)) &&
      // What is removed is found only by those who ask for it.
      (state === undefined ? message.state !== "removed" : message.state === state) &&
      (minSize === undefined || message.size >= minSize) &&
      (maxSize === undefined || message.size <= maxSize) &&
      (hasAttachment === undefined || hasAttachment === message.attachments > 0) &&
      seen !== true &&
      (from === undefined || like.from === from) &&
      (to === undefined || like.to.includes(to)) &&
      (subject === undefined || like.subject.includes(subject)) &&
      (text === undefined || like.subject.includes(text) || like.from.includes(text) ||
        like.to.some((address) => address.includes(text)) || like.text.includes(text));
  };
}
