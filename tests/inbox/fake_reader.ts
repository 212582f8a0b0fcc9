/** Reads messages as far as the tests of the inbox need it: a subject, a text, and parts by a field. */
import type {
  Content,
  ContentPart,
  ContentReader,
  ContentSource,
} from "../../lib/inbox/content.ts";
import { parseHeader } from "../../lib/message/header.ts";
import { octetBuffer } from "../../lib/queue/octet_buffer.ts";

/** The reader. */
export class FakeReader implements ContentReader {
  /** How many octets were read, of each message in turn. */
  readonly reads: [id: string, octets: number][] = [];
  /** Called before a message is read. */
  before: (id: string) => Promise<void> | void = () => {};

  async read(id: string, source: ContentSource): Promise<Content> {
    await this.before(id);
    const octets = await whole(source);
    this.reads.push([id, octets.length]);
    const [head, text = ""] = new TextDecoder().decode(octets).split("\r\n\r\n", 2);
    const fields = parseHeader(new TextEncoder().encode(head));
    const valueOf = (name: string) => fields.find((field) => field.name === name)?.value;
    const attachment = valueOf("X-Attachment");
    return {
      subject: valueOf("Subject") ?? "",
      from: [],
      to: [],
      cc: [],
      replyTo: [],
      text: text.trim(),
      parts: attachment === undefined ? [] : [partOf(attachment)],
      links: [],
      codes: [],
    };
  }

  async part(_id: string, index: number, source: ContentSource) {
    const octets = await whole(source);
    return index === 0 ? { part: partOf("all"), octets } : undefined;
  }

  [Symbol.asyncDispose]: () => Promise<void> = () => Promise.resolve();
}

function partOf(name: string): ContentPart {
  return { index: 0, type: "text/plain", name, inline: false, size: 1 };
}

async function whole(source: ContentSource): Promise<Uint8Array> {
  const octets = octetBuffer();
  for await (const slice of source()) octets.append(slice);
  return octets.take();
}
