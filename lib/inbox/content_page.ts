/** What HTML says as plain text, and what it links to. It is not made safe to be shown by this. @module */
import { decodeEntities } from "./content_entities.ts";

/** Where a link goes that stands in the text of a page. */
export interface Href {
  /** Where in the text it stands. */
  readonly at: number;
  /** The value of the attribute, decoded. */
  readonly url: string;
}

/** What was found in HTML. */
export interface Page {
  readonly text: string;
  /** In the order in which they stand there. */
  readonly hrefs: readonly Href[];
}

/** Elements that begin a line of their own, with the line ends that stand around them. */
const BLOCKS: ReadonlyMap<string, number> = new Map([
  ...words("address article aside body center dd div dl dt fieldset figcaption figure footer form"),
  ...words("header html legend li main nav option section tr").map(([name]) => [name, 1] as const),
  ...words("blockquote h1 h2 h3 h4 h5 h6 hr ol p pre table ul").map(([name]) => [name, 2] as const),
]);

function words(names: string): (readonly [string, number])[] {
  return names.split(" ").map((name) => [name, 1]);
}

/** Elements that have no markup inside and whose content is no text to be read, with their ends. */
const SKIPPED: ReadonlyMap<string, RegExp> = new Map(
  ["iframe", "noembed", "noframes", "script", "style", "title"].map((name) => [
    name,
    new RegExp(`</${name}(?=[\\s/>])`, "gi"),
  ]),
);

/** One attribute and what stands before it. A quote without an end is not tried more than once. */
const ATTRIBUTE =
  /[\s/]*([^\s/>][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*|(?=>))))?/y;

const TAG = /<(\/?)([a-zA-Z][^\s/>]*)/y;

/** Characters that nobody sees, such as stand behind the first words of a mailing in hundreds. */
const INVISIBLE = /[\u00ad\u034f\u200b\ufeff]/g;

/** Collects text as it is to be read: white space as one space, line ends as the elements ask for them. */
class PageText {
  readonly #chunks: string[] = [];
  #length = 0;
  #lineEnds = 0;
  #isSpaced = false;
  #bullet = "";
  /** How many `pre` elements are open. */
  preformatted = 0;

  get length(): number {
    return this.#length;
  }

  /** Sees to it that what follows stands behind at least so many line ends. */
  endLine(count: number): void {
    this.#lineEnds = Math.max(this.#lineEnds, count);
  }

  /** Adds one more line end; an empty line is as much as there will be. */
  breakLine(): void {
    this.#lineEnds = Math.min(this.#lineEnds + 1, 2);
  }

  space(): void {
    this.#isSpaced = true;
  }

  bullet(): void {
    this.#bullet = "* ";
  }

  /** Adds text with its references. */
  add(source: string): void {
    const text = decodeEntities(source).replace(INVISIBLE, "");
    if (this.preformatted > 0) return this.#addLines(text);
    const inner = text.replace(/\s+/g, " ");
    const trimmed = inner.trim();
    if (inner.startsWith(" ")) this.#isSpaced = true;
    if (trimmed === "") return;
    this.#write(trimmed);
    this.#isSpaced = inner.endsWith(" ");
  }

  /** Adds lines as they are. */
  #addLines(text: string): void {
    for (const [i, line] of text.replace(/\r\n?/g, "\n").split("\n").entries()) {
      if (i > 0) this.#lineEnds = Math.min(this.#lineEnds + 1, 2);
      if (line !== "") this.#write(line);
    }
  }

  #write(text: string): void {
    let before = "";
    if (this.#length > 0) {
      if (this.#lineEnds > 0) before = "\n".repeat(this.#lineEnds);
      else if (this.#isSpaced) before = " ";
    }
    const chunk = before + this.#bullet + text;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    this.#lineEnds = 0;
    this.#isSpaced = false;
    this.#bullet = "";
  }

  toString(): string {
    return this.#chunks.join("");
  }
}

/**
 * Reads HTML the way a browser finds its tags, in one pass and in time in proportion to its length, whatever
 * is open or nested in it.
 */
export function readPage(html: string): Page {
  const text = new PageText();
  const hrefs: Href[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open === -1) break;
    TAG.lastIndex = open;
    const tag = TAG.exec(html);
    if (tag === null) {
      const end = declarationEnd(html, open);
      // A bracket that begins nothing is text.
      text.add(html.slice(at, end === undefined ? open + 1 : open));
      at = end ?? open + 1;
      continue;
    }
    text.add(html.slice(at, open));
    const isEnd = tag[1] === "/";
    const name = tag[2].toLowerCase();
    const { end, href } = readAttributes(html, TAG.lastIndex);
    if (href !== undefined && !isEnd && (name === "a" || name === "area")) {
      hrefs.push({ at: text.length, url: href.trim() });
    }
    layOut(text, name, isEnd);
    at = isEnd ? end : skippedEnd(html, name, end);
  }
  text.add(html.slice(at));
  return { text: text.toString(), hrefs };
}

/** What a tag does to the text around it. */
function layOut(text: PageText, name: string, isEnd: boolean): void {
  if (name === "br") return text.breakLine();
  if (name === "td" || name === "th") return text.space();
  const lineEnds = BLOCKS.get(name);
  if (lineEnds === undefined) return;
  text.endLine(lineEnds);
  if (name === "li" && !isEnd) text.bullet();
  if (name === "pre") text.preformatted = Math.max(0, text.preformatted + (isEnd ? -1 : 1));
}

/** Where a comment, a declaration or a processing instruction ends that begins at `open`. */
function declarationEnd(html: string, open: number): number | undefined {
  const next = html[open + 1];
  if (next !== "!" && next !== "?" && next !== "/") return undefined;
  const isComment = html.startsWith("<!--", open);
  const close = isComment ? html.indexOf("-->", open + 2) : html.indexOf(">", open);
  if (close === -1) return html.length;
  return close + (isComment ? 3 : 1);
}

/** Reads the rest of a tag; what has no end goes to the end of the page, as in a browser. */
function readAttributes(html: string, start: number): { end: number; href?: string } {
  let href: string | undefined;
  let at = start;
  for (;;) {
    ATTRIBUTE.lastIndex = at;
    const match = ATTRIBUTE.exec(html);
    if (match === null) break;
    const [whole, name, double, single, bare] = match;
    at += whole.length;
    const value = double ?? single ?? bare;
    if (value === undefined && /^\s*=/.test(html.slice(at, at + 64))) return { end: html.length };
    if (href === undefined && value !== undefined && name.toLowerCase() === "href") {
      href = decodeEntities(value);
    }
  }
  const close = html.indexOf(">", at);
  return { end: close === -1 ? html.length : close + 1, href };
}

/** Where reading goes on behind a start tag: behind what is not read, for some elements. */
function skippedEnd(html: string, name: string, start: number): number {
  const ending = SKIPPED.get(name);
  if (ending === undefined) return start;
  ending.lastIndex = start;
  return ending.exec(html)?.index ?? html.length;
}
