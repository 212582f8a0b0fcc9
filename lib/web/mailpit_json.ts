/** What is found in the inbox as Mailpit's API writes it; `mailpit_schemas.ts` says the same for readers. @module */
import type { ContentPart, HeaderAddress } from "../inbox/content.ts";
import type { InboxMessage } from "../inbox/inbox.ts";
import { folded } from "../inbox/summary.ts";
import type { HeaderField } from "../message/header.ts";
import { formatMailbox } from "../smtp/mailbox.ts";

/** A mailbox there. */
interface Address {
  readonly Name: string;
  readonly Address: string;
}

function addressOf({ name, address }: HeaderAddress): Address {
  return { Name: name, Address: address };
}

/** The recipients that the header section does not name. */
function blindCopies({ entry, content: { to, cc } }: InboxMessage): Address[] {
  const named = new Set([...to, ...cc].map(({ address }) => folded(address)));
  return entry.recipients.map(({ mailbox }) => formatMailbox(mailbox))
    .filter((address) => !named.has(folded(address)))
    .map((address) => ({ Name: "", Address: address }));
}

/** What both a list and a message say. */
function commonJson(message: InboxMessage): Readonly<Record<string, unknown>> {
  const { summary, entry, content } = message;
  return {
    ID: summary.id,
    MessageID: content.messageId?.replace(/^<|>$/g, "") ?? "",
    From: addressOf(content.from[0] ?? { name: "", address: "" }),
    To: content.to.map(addressOf),
    Cc: content.cc.map(addressOf),
    Bcc: blindCopies(message),
    ReplyTo: content.replyTo.map(addressOf),
    Subject: content.subject,
    Username: entry.origin.account ?? "",
    // Messages have no tags here.
    Tags: [],
    Size: summary.size,
  };
}

/** An item of a list. */
export function mailpitItemJson(message: InboxMessage): unknown {
  const { received, attachments, preview, seen } = message.summary;
  return {
    ...commonJson(message),
    Read: seen,
    Created: new Date(received).toISOString(),
    Attachments: attachments,
    Snippet: preview,
  };
}

function partJson({ index, name, contentId, type, size }: ContentPart): unknown {
  return {
    PartID: String(index),
    FileName: name ?? contentId ?? "",
    ContentType: type,
    ContentID: contentId ?? "",
    Size: size,
  };
}

/**
 * What the List-Unsubscribe fields say (RFC 2369 section 3.2, RFC 8058 section 3.1): URLs in angle brackets,
 * separated by commas. Mailpit takes one `mailto:` and one `http:` or `https:`, and calls the rest an error.
 */
function unsubscribeJson(fields: readonly HeaderField[]): unknown {
  const value = (wanted: string): string =>
    fields.find(({ name }) => name.toLowerCase() === wanted)?.value ?? "";
  const header = value("list-unsubscribe");
  const links: string[] = [];
  const errors: string[] = [];
  const schemes = new Set<string>();
  const plain = header.replace(/\([^()]*\)/g, "").trim();
  for (const item of plain === "" ? [] : plain.split(/,(?=\s*<)/)) {
    const [, url, scheme] = /^<((mailto|https?):[^\s<>]+)>$/i.exec(item.trim()) ?? [];
    const kind = scheme?.toLowerCase().slice(0, 4);
    if (url === undefined) errors.push(`${item.trim()} is no <mailto:...> and no <https://...>`);
    else if (schemes.has(kind)) errors.push(`${item.trim()} is one too many of its kind`);
    else links.push(url);
    schemes.add(kind);
  }
  return {
    Header: header,
    Links: links,
    Errors: errors.join(", "),
    HeaderPost: value("list-unsubscribe-post"),
  };
}

/** A message with all that it says. */
export function mailpitMessageJson(message: InboxMessage, fields: readonly HeaderField[]): unknown {
  const { summary, content: { date, text, html, parts } } = message;
  return {
    ...commonJson(message),
    ReturnPath: summary.from,
    Date: date ?? new Date(summary.received).toISOString(),
    Text: text,
    HTML: html ?? "",
    Inline: parts.filter(({ inline }) => inline).map(partJson),
    Attachments: parts.filter(({ inline }) => !inline).map(partJson),
    ListUnsubscribe: unsubscribeJson(fields),
  };
}

/** Writes a name as programs in Go do: `Message-Id`. */
function canonicalName(name: string): string {
  return name.toLowerCase().replace(/(?<=^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** Header fields by their names, in the order of these; the values of one name as they came. */
export function mailpitHeadersJson(fields: readonly HeaderField[]): unknown {
  const values = Map.groupBy(fields, ({ name }) => canonicalName(name));
  const names = [...values.keys()].toSorted();
  return Object.fromEntries(
    names.map((name) => [name, values.get(name)!.map(({ value }) => value)]),
  );
}
