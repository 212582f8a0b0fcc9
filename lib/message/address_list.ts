/** The addresses in header fields such as To, Cc and Bcc (RFC 5322 section 3.4). @module */

/** As many characters of one address are read; what is longer is none. */
const MAX_ADDRESS = 2048;

/**
 * Reads the addresses of a field body, in the order in which they stand there.
 *
 * ```abnf
 * address-list = (address *("," address)) / obs-addr-list
 * address      = mailbox / group
 * mailbox      = name-addr / addr-spec
 * name-addr    = [display-name] angle-addr
 * angle-addr   = [CFWS] "<" addr-spec ">" [CFWS] / obs-angle-addr
 * group        = display-name ":" [group-list] ";" [CFWS]
 * ```
 *
 * Comments, white space, display names and the names of groups are left out; empty elements are let
 * pass (section 4.4). What is answered is not yet known to be an address: the local part may stand in
 * quotes, and the domain may be missing. It is read in one pass, so that no nesting is deep.
 *
 * @returns what stands in angle brackets, or the whole element where there are none
 * @throws {SyntaxError} if a quote, comment or bracket has no end, or an element is more than one address
 */
export function parseAddressList(body: string): string[] {
  const found: string[] = [];
  /** The element under way: outside of angle brackets, and within. */
  let plain = "";
  let angle: string | undefined;
  let isWithin = false;
  /** Whether white space or a comment stands behind `plain`, so that another word would be a second one. */
  let isApart = false;
  let isPhrase = false;

  function fail(what: string): never {
    throw new SyntaxError(`Cannot read the addresses in ${JSON.stringify(body)}: ${what}`);
  }

  function add(text: string): void {
    if (isWithin) {
      angle += text;
      return;
    }
    const joins = /[.@]$/.test(plain) || /^[.@]/.test(text);
    if (isApart && plain !== "" && !joins) isPhrase = true;
    isApart = false;
    plain += text;
    if (plain.length > MAX_ADDRESS && angle === undefined) isPhrase = true;
  }

  function flush(): void {
    if (isWithin) fail("an angle bracket has no end");
    if (angle !== undefined) {
      if (angle !== "") found.push(angle);
    } else if (plain !== "") {
      if (isPhrase) fail("there is more than an address between two commas");
      found.push(plain);
    }
    plain = "";
    angle = undefined;
    isApart = isPhrase = false;
  }

  for (let i = 0; i < body.length; i++) {
    const character = body[i];
    if (character === " " || character === "\t") {
      isApart = true;
    } else if (character === "(") {
      i = commentEnd(body, i);
      if (i < 0) fail("a comment has no end");
      isApart = true;
    } else if (character === '"') {
      const end = quoteEnd(body, i);
      if (end < 0) fail("a quote has no end");
      add(body.slice(i, end + 1));
      i = end;
    } else if (character === "[") {
      const end = body.indexOf("]", i);
      if (end < 0) fail("a bracket has no end");
      add(body.slice(i, end + 1));
      i = end;
    } else if (character === "<") {
      if (angle !== undefined) fail("there are two addresses between two commas");
      angle = "";
      isWithin = true;
    } else if (character === ">") {
      if (!isWithin) fail("an angle bracket has no beginning");
      if (angle!.length > MAX_ADDRESS) fail("an address is too long");
      isWithin = false;
    } else if (character === "," && !isWithin || character === ";" && !isWithin) {
      flush();
    } else if (character === ":" && !isWithin) {
      if (angle !== undefined) fail("a colon stands behind an address");
      // What stood before is the name of a group.
      plain = "";
      isApart = isPhrase = false;
    } else {
      add(character);
    }
  }
  flush();
  return found;
}

/** Where a comment ends, comments within it counted; -1 if it does not. */
function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "(") depth++;
    else if (text[i] === ")" && --depth === 0) return i;
  }
  return -1;
}

function quoteEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}
