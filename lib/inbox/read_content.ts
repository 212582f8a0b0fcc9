/** Reads a message: its octets into what it says. postal-mime takes it apart. @module */
import type { Attachment, Email } from "postal-mime";
import type { Content, ContentPart } from "./content.ts";
import { affordableLength } from "./content_budget.ts";
import { contentHeader, MAX_FIELD } from "./content_header.ts";
import { type ContentNotes, contentNotes, oneLine } from "./content_notes.ts";
import { MAX_TEXT, parseMessage } from "./content_parser.ts";
import { type Page, readPage } from "./content_page.ts";
import { scanContent } from "./content_scan.ts";
import { findCodes, findLinks } from "./links_and_codes.ts";

/** A message as it was read, with the octets of its parts. */
export interface ReadMessage {
  readonly content: Content;
  /** The octets of `content.parts`, in the same order. */
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
}

const MAX_PARTS = 10_000;
const MAX_LINKS = 500;
const MAX_CODES = 10;

/** A media type (RFC 2045 section 5.1), short enough for a header field. */
const MEDIA_TYPE = /^[a-z0-9!#$&^_.+-]{1,63}\/[a-z0-9!#$&^_.+-]{1,127}$/;

/**
 * Reads a message, whatever is in it. One that cannot be taken apart is shown as it came, as far as it goes.
 *
 * A part in base64 has its octets as they were. The lines of any other end with LF, and so does its last
 * one, since postal-mime reads messages by lines.
 *
 * @param isCut whether there is more of the message
 */
export async function readContent(octets: Uint8Array, isCut = false): Promise<ReadMessage> {
  const notes = contentNotes();
  const length = affordableLength(octets);
  if (isCut || length < octets.length) {
    const why = isCut && length === octets.length ? "it is too large" : "it has too many lines";
    notes.add(`${why}, so only its first ${length.toLocaleString("en")} octets are read`);
  }
  try {
    return contentOf(await parseMessage(octets.subarray(0, length)), notes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "for no reason that it tells";
    notes.add(`it cannot be taken apart and is shown as it came (${reason})`);
    return { content: scanContent(octets, notes), parts: [] };
  }
}

function contentOf(email: Email, notes: ContentNotes): ReadMessage {
  const fields = email.headers.map(({ key, value }) => ({ name: key, value }));
  const header = contentHeader(fields, notes);
  const html = email.html === undefined ? undefined : notes.cut(email.html, MAX_TEXT, "the HTML");
  const page = html === undefined ? undefined : readPage(html);
  const isPageText = page !== undefined && (email.text ?? "").trim() === "";
  const text = notes.cut(isPageText ? page.text : email.text ?? "", MAX_TEXT, "the text");
  const links = findLinks(text, page, isPageText, MAX_LINKS);
  const attachments = notes.cutList(email.attachments, MAX_PARTS, "parts");
  const cids = html === undefined ? new Set<string>() : cidsIn(html);
  const codes = findCodes([text, ...otherText(page, isPageText)], MAX_CODES);
  return {
    content: {
      ...header,
      text,
      ...html !== undefined && { html },
      parts: attachments.map((attachment, index) => partOf(attachment, index, cids, notes)),
      links: [...notes.cutList(links, MAX_LINKS, "links")],
      codes,
      ...notes.problem !== undefined && { problem: notes.problem },
    },
    parts: attachments.map(octetsOf),
  };
}

function otherText(page: Page | undefined, isPageText: boolean): string[] {
  return page === undefined || isPageText ? [] : [page.text];
}

function partOf(
  attachment: Attachment,
  index: number,
  cids: ReadonlySet<string>,
  notes: ContentNotes,
): ContentPart {
  const { filename, mimeType } = attachment;
  const name = notes.cut(oneLine(filename ?? ""), MAX_FIELD, "the name of a part");
  const contentId = notes.cut(
    oneLine(attachment.contentId ?? "").replace(/^\s*<|>\s*$/g, ""),
    MAX_FIELD,
    "the Content-ID of a part",
  );
  return {
    index,
    type: MEDIA_TYPE.test(mimeType) ? mimeType : "application/octet-stream",
    ...name !== "" && { name },
    // Many attachments say that they are inline, or are put next to the HTML, and yet nothing shows them.
    inline: contentId !== "" && cids.has(contentId),
    ...contentId !== "" && { contentId },
    size: octetsOf(attachment).length,
  };
}

function octetsOf({ content }: Attachment): Uint8Array<ArrayBuffer> {
  // It is text only where postal-mime was asked for text.
  return content instanceof ArrayBuffer
    ? new Uint8Array(content)
    : content as Uint8Array<ArrayBuffer>;
}

/** The `cid:` URLs in HTML (RFC 2392), each as it is written and decoded. */
function cidsIn(html: string): Set<string> {
  const cids = new Set<string>();
  for (const [, id] of html.matchAll(/(?<![a-z0-9])cid:([^\s"'<>()]{1,1000})/gi)) {
    cids.add(id);
    cids.add(percentDecoded(id.replaceAll("&amp;", "&")));
  }
  return cids;
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
