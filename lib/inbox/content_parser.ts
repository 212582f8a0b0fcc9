/** postal-mime, kept from working on more text than is shown. @module */
import PostalMime, { type Email, type PostalMimeOptions } from "postal-mime";

/** As many characters of text and of HTML are kept, each. */
export const MAX_TEXT = 1024 * 1024;

/**
 * A message in a message stays a part as it is. Real messages have five levels and some ten thousand octets
 * in all their header fields; time goes up with the number of levels, and with the square of what may be in
 * one field.
 */
const PARSING: PostalMimeOptions = {
  forceRfc822Attachments: true,
  maxNestingDepth: 50,
  maxHeadersSize: 512 * 1024,
};

/** A text of the message, on its way to what is shown. */
interface TextItem {
  readonly type: "text";
  readonly value: string;
}

/** What postal-mime 4.0.0 has and does not declare. */
interface TextTaker {
  /** Is given each text, in the order of the message. */
  addTextEntry(node: unknown, textType: "plain" | "html", item: TextItem): void;
}

const Parser = PostalMime as unknown as new (
  options: PostalMimeOptions,
) => PostalMime & TextTaker;

/**
 * Cuts texts as they come in. Where a message has both text and HTML, postal-mime makes each of them into
 * the other, by a score of copies: for HTML of 16 MiB it takes a gigabyte.
 */
class BoundedParser extends Parser {
  readonly #taken = { plain: 0, html: 0 };

  override addTextEntry(node: unknown, textType: "plain" | "html", item: TextItem): void {
    // One more than is shown, so that it is noticed that there was more.
    const value = item.value.slice(0, MAX_TEXT + 1 - this.#taken[textType]);
    this.#taken[textType] += value.length;
    super.addTextEntry(node, textType, { type: "text", value });
  }
}

/**
 * Takes a message apart. Of text and HTML there is at least as much as is shown.
 *
 * @throws {Error} if it is too deep, or its header fields are too much
 */
export function parseMessage(octets: Uint8Array): Promise<Email> {
  return new BoundedParser(PARSING).parse(octets);
}
