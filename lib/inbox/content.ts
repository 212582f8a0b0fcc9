/** What a message says, as a person or a test looks at it. @module */

/** A mailbox in a header field. */
export interface HeaderAddress {
  /** The display name, decoded; empty if there is none. */
  readonly name: string;
  /** The address as it is written. */
  readonly address: string;
}

/** A part of a message that is no text to be shown: an attachment, or an image inside of HTML. */
export interface ContentPart {
  /** Its number, from 0; what `/parts/N` is asked by. */
  readonly index: number;
  /** Its media type, lower case. */
  readonly type: string;
  /** The name of its file, decoded, as the message has it: never a path to write to. */
  readonly name?: string;
  /** Whether it is to be shown inside of the message. */
  readonly inline: boolean;
  /** What HTML names it by in `cid:` URLs, without angle brackets. */
  readonly contentId?: string;
  /** Its octets, decoded. */
  readonly size: number;
}

/** A message as it was read. Texts are cut where they are longer than anybody looks at. */
export interface Content {
  /** The subject, decoded; empty if there is none. */
  readonly subject: string;
  /** The mailboxes of the From field. */
  readonly from: readonly HeaderAddress[];
  /** Those of the To fields. */
  readonly to: readonly HeaderAddress[];
  /** Those of the Cc fields. */
  readonly cc: readonly HeaderAddress[];
  /** Those of the Reply-To field. */
  readonly replyTo: readonly HeaderAddress[];
  /** The Date field, as RFC 3339 in UTC, if it can be read. */
  readonly date?: string;
  /** The Message-ID field, with its angle brackets. */
  readonly messageId?: string;
  /** The text, or what the HTML says if that is all there is. */
  readonly text: string;
  /** The HTML as it came: hostile until proven otherwise. */
  readonly html?: string;
  /** Attachments and images, in order. */
  readonly parts: readonly ContentPart[];
  /** The `http:` and `https:` URLs of text and HTML, in order, each once. */
  readonly links: readonly string[];
  /** The one-time codes that text and HTML seem to have, the likeliest first. */
  readonly codes: readonly string[];
  /** Why it is not all there, if it is not: too long, too deep, or not MIME. */
  readonly problem?: string;
}

/** Gives the octets of a message from the first on; it may be asked again. */
export type ContentSource = () => AsyncIterable<Uint8Array>;

/**
 * Reads messages apart from the thread that serves, so that none holds the others up: neither by its
 * size nor by how it is made.
 */
export interface ContentReader extends AsyncDisposable {
  /** Reads a message. Never fails for what is in it: then `problem` says so. */
  read(id: string, source: ContentSource): Promise<Content>;
  /** The octets of one part; nothing where there is no such part. */
  part(
    id: string,
    index: number,
    source: ContentSource,
  ): Promise<{ readonly part: ContentPart; readonly octets: Uint8Array } | undefined>;
}
