/** What a reader would click or type over: the links and the one-time codes in a message. @module */
import { contextOf, knowsOfCodes } from "./content_code_words.ts";
import type { Page } from "./content_page.ts";

/** A link longer than this is none that anybody sends. */
const MAX_LINK = 8_192;

/** As many candidates are looked at; a text with more numbers is a table, and no message with a code. */
const MAX_CANDIDATES = 2_000;

/** Where a link may begin. */
const SCHEME = /(?<![A-Za-z0-9])https?:\/\//gi;

/**
 * Where a link ends at the latest: at white space, at what links stand between, and at the punctuation of
 * Chinese and Japanese, which has no space before or behind it.
 */
const LINK_END =
  /[\s\x00-\x1f\x7f<>"`\u00ab\u00bb\u2018-\u201f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff3d\uff5b-\uff65]/;

/** What ends a sentence rather than a link. */
const TRAILING = new Set([...".,:;!?'*\u2026"]);

const CLOSERS: ReadonlyMap<string, string> = new Map([[")", "("], ["]", "["], ["}", "{"]]);

/** Where a link stands in a text. */
interface Found {
  readonly at: number;
  readonly url: string;
}

/**
 * Finds the `http:` and `https:` URLs of a text, then those that a page links to, each once, at most `most`
 * and one more. Where the text is the page's own, they come in the order of the page.
 *
 * A URL in a text ends before a bracket that was not opened in it, and before the punctuation of the
 * sentence around it: `(see https://example.test/a_(b).)` has `https://example.test/a_(b)`.
 *
 * @param isPageText whether the text was made of the page
 */
export function findLinks(
  text: string,
  page: Page | undefined,
  isPageText: boolean,
  most: number,
): string[] {
  const links = new Set<string>();
  const hrefs = page?.hrefs ?? [];
  let next = 0;
  const addHrefs = (until: number): void => {
    while (links.size <= most && next < hrefs.length && hrefs[next].at <= until) {
      // A browser leaves such characters out of a URL.
      const url = hrefs[next++].url.replace(/[\t\n\r]/g, "");
      if (isLink(url)) links.add(url);
    }
  };
  for (const { at, url } of linksIn(text)) {
    if (isPageText) addHrefs(at);
    if (links.size > most) break;
    if (!links.has(url) && isLink(url)) links.add(url);
  }
  addHrefs(Infinity);
  return [...links];
}

function isLink(url: string): boolean {
  return url.length <= MAX_LINK && /^https?:\/\/[^\s/?#]/i.test(url) && URL.canParse(url);
}

function* linksIn(text: string): Generator<Found> {
  SCHEME.lastIndex = 0;
  for (let match = SCHEME.exec(text); match !== null; match = SCHEME.exec(text)) {
    const { index: at } = match;
    const end = linkEnd(text, SCHEME.lastIndex);
    let last = end;
    while (last > at && TRAILING.has(text[last - 1])) last--;
    if (last - at <= MAX_LINK) yield { at, url: text.slice(at, last) };
    // Others may be looked for in between.
    SCHEME.lastIndex = end;
  }
}

/** Where the link ends whose host begins at `start`. */
function linkEnd(text: string, start: number): number {
  const open = new Map([["(", 0], ["[", 0], ["{", 0]]);
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (LINK_END.test(character)) return i;
    const count = open.get(character);
    if (count !== undefined) open.set(character, count + 1);
    const opener = CLOSERS.get(character);
    if (opener === undefined) continue;
    if (open.get(opener) === 0) return i;
    open.set(opener, open.get(opener)! - 1);
  }
  return text.length;
}

/** A word of letters, digits and hyphens, as far as codes are made of them. */
const WORD = /[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*/g;

/** What stands between the numbers of a longer one: of a phone number, a date, a time, an amount. */
const JOINT = /^(?:[ .,:/\u00a0\u2009\u202f\u2011\u2013]|\) ?| ?\()$/;

/** The shapes of codes in digits. A person reads 2019-2024 and 1 234 as something else. */
const DIGITS = /^(?:\d{4,8}|\d{3}[ \u00a0-]\d{3}|\d{4}[ \u00a0-]\d{4}|\d(?:[ \u00a0-]\d){3,7})$/;

/** A letter or two that say whose code it is, as in `G-123456`. */
const PREFIXED = /^[A-Z]{1,2}-(\d{4,8})$/;

/** Letters and digits mixed, 6 to 8 of them. */
const MIXED =
  /^(?=.*\d)(?=.*[A-Z])(?:[A-Z0-9]{6,8}|[A-Z0-9]{3}-[A-Z0-9]{3}|[A-Z0-9]{4}-[A-Z0-9]{4})$/;

const YEAR = /^(?:19|20)\d\d$/;

/** What may as well be the name of something, as RFC5321 is. */
const NAME = /^[A-Z]+\d+$/;

/** What does not stand right before a code: it makes a colour, an amount, a name or a path of it. */
const BEFORE = /[#$€£¥@&%+/\\~\p{Script=Latin}.,\d_-]/u;

/** What does not stand right behind one. */
const BEHIND =
  /^(?:[@%/\\=&€£$~\p{Script=Latin}_-]|[.,:]\d|[ \u00a0]?(?:[€£$¥%]|(?:EUR|USD|GBP|CHF|kr|zł|Kč|px|pt|em|kg|km|MB|GB|KB|kB|ms|Uhr|words|users|people|points?|items?|years?|min(?:ute)?[sn]?|minutos|Minuten|seconds?|Sekunden|segundos|hours?|Stunden|horas|heures|days?|Tage?n?|jours|días)(?![\p{L}])))/u;

/** A candidate: how it is typed, and where it stands. */
interface Candidate {
  readonly code: string;
  readonly shape: "digits" | "mixed";
  readonly start: number;
  readonly end: number;
}

/**
 * Finds what seems to be a one-time code: 4 to 8 digits, also in two groups or one by one, or 6 to 8 capital
 * letters and digits, that stand near a word such as "code" in one of some languages; or six digits alone in
 * their line. The likeliest come first, at most `most`.
 *
 * A code is answered the way it is typed: `123-456` and `123 456` as `123456`, `G-123456` without what says
 * whose it is.
 *
 * @param texts the same message in several forms, the one that is read first in front
 */
export function findCodes(texts: readonly string[], most: number): string[] {
  const scores = new Map<string, number>();
  for (const text of texts) {
    const bare = withoutAddresses(text);
    const isAware = knowsOfCodes(bare);
    let count = 0;
    for (const candidate of candidatesIn(bare)) {
      if (++count > MAX_CANDIDATES) break;
      const score = scoreOf(bare, candidate, isAware);
      if (score > (scores.get(candidate.code) ?? 0)) scores.set(candidate.code, score);
    }
  }
  return [...scores].sort(([, a], [, b]) => b - a).slice(0, most).map(([code]) => code);
}

/** Takes out URLs and mail addresses, whose numbers are no codes; what is left keeps its lines. */
function withoutAddresses(text: string): string {
  const kept: string[] = [];
  let from = 0;
  for (const { at, url } of linksIn(text)) {
    kept.push(text.slice(from, at), "\ufffc");
    from = at + url.length;
  }
  kept.push(text.slice(from));
  return kept.join("");
}

function* candidatesIn(text: string): Generator<Candidate> {
  let run: { start: number; end: number } | undefined;
  for (const { 0: word, index: start } of text.matchAll(WORD)) {
    const end = start + word.length;
    const isNumber = /^[\d-]+$/.test(word);
    if (run !== undefined) {
      if (isNumber && start - run.end <= 2 && JOINT.test(text.slice(run.end, start))) {
        run.end = end;
        continue;
      }
      yield* digitsOf(text, run);
      run = undefined;
    }
    if (isNumber) run = { start, end };
    else yield* lettersOf(text, word, start);
  }
  if (run !== undefined) yield* digitsOf(text, run);
}

function* digitsOf(
  text: string,
  { start, end }: { start: number; end: number },
): Generator<Candidate> {
  if (end - start > 16) return;
  const written = text.slice(start, end);
  if (!DIGITS.test(written) || !isFree(text, start, end)) return;
  if (
    /^\d{4}[ -]\d{4}$/.test(written) && YEAR.test(written.slice(0, 4)) &&
    YEAR.test(written.slice(5))
  ) return;
  yield { code: written.replace(/\D/g, ""), shape: "digits", start, end };
}

function* lettersOf(text: string, word: string, start: number): Generator<Candidate> {
  if (word.length > 11) return;
  const end = start + word.length;
  if (!isFree(text, start, end)) return;
  const prefixed = PREFIXED.exec(word);
  if (prefixed !== null) yield { code: prefixed[1], shape: "digits", start, end };
  else if (MIXED.test(word)) yield { code: word.replace("-", ""), shape: "mixed", start, end };
}

/** Whether nothing is attached to it. */
function isFree(text: string, start: number, end: number): boolean {
  if (start > 0 && BEFORE.test(text[start - 1])) return false;
  if (/[€£$¥] ?$/.test(text.slice(Math.max(0, start - 2), start))) return false;
  return !BEHIND.test(text.slice(end, end + 12));
}

/** How likely a candidate is a code; 0 if it is none. */
function scoreOf(text: string, candidate: Candidate, isAware: boolean): number {
  const { code, shape, start, end } = candidate;
  const context = contextOf(text, start, end);
  if (context.isOpposed) return 0;
  const isUsual = shape === "digits" && code.length === 6;
  const bonus = (context.isAlone ? 2 : 0) + (isUsual ? 1 : 0);
  if (context.strength === 0) {
    // Nothing says what it is but its place.
    if (!context.isAlone || shape === "mixed") return 0;
    return isUsual || isAware && !YEAR.test(code) ? bonus : 0;
  }
  if (!context.isNext && (shape === "digits" ? YEAR : NAME).test(code)) return 0;
  return 10 * context.strength + (context.isNext ? 4 : 0) + bonus;
}
