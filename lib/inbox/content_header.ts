/** What the header section of a message says to its reader. @module */
import { addressParser, decodeWords } from "postal-mime";
import type { HeaderField } from "../message/header.ts";
import type { Content, HeaderAddress } from "./content.ts";
import { type ContentNotes, oneLine } from "./content_notes.ts";

/** That of a `Content` which stands in the header section. */
export type ContentHeader = Pick<
  Content,
  "subject" | "from" | "to" | "cc" | "replyTo" | "date" | "messageId"
>;

/** As many characters of a subject, a name, an address or an identifier are kept. */
export const MAX_FIELD = 1_000;

/** As many addresses of one kind are kept. */
const MAX_ADDRESSES = 500;

/**
 * As many characters of a field are decoded: 500 long addresses. To join encoded words takes time in
 * proportion to the square of their number.
 */
const MAX_DECODED = 100_000;

/** Reads fields: of the subject, the date and the identifier the first, of addresses all. */
export function contentHeader(fields: readonly HeaderField[], notes: ContentNotes): ContentHeader {
  const all = (name: string): string[] =>
    fields.filter((field) => field.name.toLowerCase() === name)
      .map(({ value }) => notes.cut(value, MAX_DECODED, `the field ${name}`));
  const text = (name: string): string =>
    notes.cut(oneLine(decodeWords(all(name)[0] ?? "")), MAX_FIELD, `the field ${name}`);
  const addresses = (name: string): readonly HeaderAddress[] => {
    const found = all(name).flatMap((value) => addressParser(value, { flatten: true }))
      .filter((one) => one.name !== "" || one.address !== undefined && one.address !== "");
    return notes.cutList(found, MAX_ADDRESSES, `addresses in ${name}`).map((one) => ({
      name: notes.cut(oneLine(one.name), MAX_FIELD, `a name in ${name}`),
      address: notes.cut(oneLine(one.address ?? ""), MAX_FIELD, `an address in ${name}`),
    }));
  };
  const date = utc(all("date")[0] ?? "");
  const messageId = text("message-id");
  return {
    subject: text("subject"),
    from: addresses("from"),
    to: addresses("to"),
    cc: addresses("cc"),
    replyTo: addresses("reply-to"),
    ...date !== undefined && { date },
    ...messageId !== "" && { messageId },
  };
}

/** RFC 3339 has years of four digits. */
function utc(value: string): string | undefined {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString();
  return /^\d{4}-/.test(text) ? text : undefined;
}
