/** Reads what stands in the search box. Knows nothing of the page. @module */

/** What a search may be made of, for the hint below the box. */
export const TERMS = /** @type {const} */ ([
  ["from:ann@example.com", "the sender; from:<> for notices"],
  ["to:bob@example.com", "a recipient"],
  ['subject:"your order"', "part of the subject"],
  ["has:attachment", "with attachments"],
  ["is:held", "held, queued, failed, delivered, removed, seen or unseen"],
  ["size:>1MB", "over, or size:<10KB under"],
  ["since:1h", "the last 30s, 10m, 1h, 7d; or since:2026-01-31"],
  ["before:2026-01-31", "older than that"],
  ["other words", "in subject, text or an address, as they stand"],
]);

const STATES = ["held", "queued", "failed", "delivered", "removed"];
const AGE = /^[1-9][0-9]*(?:ms|s|m|h|d)$/i;
const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?$/i;
const SIZE = /^([<>]?)([0-9]+)(B|KB|KiB|MB|MiB|GiB)?$/i;
const UNITS = new Map(
  ["B", "KB", "KiB", "MB", "MiB", "GiB"].map((unit) => [unit.toLowerCase(), unit]),
);

/** A term without a value; or a quoted or a bare word, with or without a term in front. A URL is a word. */
const TOKEN = /([a-z]+):(?=\s|$)|(?:([a-z]+):(?!\/\/))?(?:"([^"]*)("?)|(\S+))/iy;

/**
 * What to ask the API for; or what is wrong, in words.
 *
 * @typedef {{ readonly params: ReadonlyMap<string, string> } | { readonly problem: string }} Parsed
 */

/**
 * @param {string} text
 * @returns {Parsed}
 */
export function parseSearch(text) {
  /** @type {Map<string, string>} */
  const params = new Map();
  /** @type {string[]} */
  const words = [];
  let rest = text.trim();
  while (rest !== "") {
    TOKEN.lastIndex = 0;
    const match = TOKEN.exec(rest);
    if (match === null) return { problem: `“${rest}” is not understood` };
    const [token, empty, name, quoted, end, bare] = match;
    rest = rest.slice(token.length).trimStart();
    if (end === "") return { problem: "A quotation mark is not closed" };
    const value = quoted ?? bare;
    if (empty !== undefined) {
      // `Re:` is a word of a subject; `from:` is something that is still being written.
      if (READERS.has(empty.toLowerCase())) return { problem: `${empty}: wants a value behind it` };
      words.push(token);
      continue;
    }
    if (name === undefined) {
      words.push(value);
      continue;
    }
    const read = READERS.get(name.toLowerCase());
    if (read === undefined) {
      const known = [...READERS.keys()].join(", ");
      return {
        problem:
          `“${name}:” is not known. There are ${known}; put other words with a colon in quotation marks`,
      };
    }
    const found = read(value);
    if (typeof found === "string") return { problem: found };
    const [param, asked] = found;
    if (params.has(param)) return { problem: `${name}: is there twice` };
    params.set(param, asked);
  }
  if (words.length > 0) params.set("text", words.join(" "));
  return { params };
}

/**
 * Reads the value of a term: the parameter of the API and its value, or what is wrong.
 *
 * @typedef {(value: string) => readonly [string, string] | string} Reader
 */

/**
 * @param {string} name
 * @returns {Reader}
 */
function address(name) {
  return (value) => {
    const inner = value.replace(/^<(.*)>$/, "$1");
    if (inner === "" && name === "from") return [name, ""];
    return inner.includes("@")
      ? [name, inner]
      : `${name}: wants a whole address such as ann@example.com`;
  };
}

/**
 * @param {string} name
 * @returns {Reader}
 */
function time(name) {
  return (value) => {
    if (AGE.test(value)) return [name, value.toLowerCase()];
    // A day begins at midnight of the one who asks.
    const date = new Date(DAY.test(value) ? `${value}T00:00` : TIME.test(value) ? value : NaN);
    return Number.isNaN(date.getTime())
      ? `${name}: wants a time such as 30s, 10m, 1h, 7d or 2026-01-31`
      : [name, date.toISOString()];
  };
}

/** @type {ReadonlyMap<string, Reader>} */
const READERS = new Map([
  ["from", address("from")],
  ["to", address("to")],
  ["subject", (value) => value === "" ? "subject: wants a value behind it" : ["subject", value]],
  [
    "has",
    (value) =>
      value.toLowerCase() === "attachment" ? ["has", "attachment"] : "has: knows attachment alone",
  ],
  ["is", (value) => {
    const word = value.toLowerCase();
    if (word === "seen" || word === "unseen") return ["seen", String(word === "seen")];
    return STATES.includes(word)
      ? ["state", word]
      : `is: knows ${STATES.join(", ")}, seen and unseen`;
  }],
  ["size", (value) => {
    const [, sign, number, unit = "B"] = SIZE.exec(value) ?? [];
    return number === undefined
      ? "size: wants a size such as >1MB, <10KB or 5000"
      : ["size", `${sign}${number}${UNITS.get(unit.toLowerCase())}`];
  }],
  ["since", time("since")],
  ["before", time("before")],
]);

/**
 * Puts `is:STATE` into a search in place of any such term that it has, or takes that out.
 *
 * @param {string} text
 * @param {string | undefined} state
 * @returns {string}
 */
export function withState(text, state) {
  const others = text.replace(
    /"[^"]*"?|(^|\s)is:(?:held|queued|failed|delivered|removed|seen|unseen)(?=\s|$)/gi,
    (match, before) => before === undefined ? match : "",
  ).trim();
  return [state && `is:${state}`, others].filter(Boolean).join(" ");
}
