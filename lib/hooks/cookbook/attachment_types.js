// @ts-check
/*
 * Refuses a message that has a file of one of these types, by the names that its parts give (RFC 2183,
 * RFC 2231, RFC 2047). It reads along while the message comes and keeps one field of it at most. It does
 * not look into archives. Text that quotes the source of such a part is refused as well.
 *
 * Grants: none.
 */

const TYPES = ["bat", "cmd", "com", "cpl", "exe", "hta", "jar", "js", "lnk", "ps1", "scr", "vbs"];

/** Octets of a field that tells a file's name, and of a line; a longer field is refused. */
const MAX_FIELD = 8 * 1024;

/** Windows drops spaces and dots from the end of a name. */
const REFUSED = new RegExp(`\\.(?:${TYPES.join("|")})[\\s.]*$`, "i");
const PARAMETER = /;\s*(?:file)?name(?:\*(\d*)\*?)?\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;]*))/gi;

/** @param {string} text @param {RegExp} escape */
function unescaped(text, escape) {
  return text.replace(escape, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

/** @param {string} text */
function decoded(text) {
  return unescaped(text, /%([0-9a-f]{2})/gi)
    .replace(/=\?[^?]*\?([bq])\?([^?]*)\?=\s*/gi, (whole, how, word) => {
      if (/q/i.test(how)) return unescaped(word, /=([0-9a-f]{2})/gi);
      const digits = word.replace(/=+$/, "");
      return /^[a-z0-9+/]*$/i.test(digits) && digits.length % 4 !== 1 ? atob(digits) : whole;
    })
    // What UTF-16 has between the letters of ASCII.
    .replaceAll("\0", "");
}

/**
 * The name of the file that a field gives, however it is written.
 *
 * @param {string} field
 */
function namesIn(field) {
  /** @type {[order: number, piece: string][]} */
  const pieces = [];
  const names = [];
  for (const [, piece, quoted, bare] of field.matchAll(PARAMETER)) {
    const value = quoted?.replace(/\\(.)/g, "$1") ?? bare;
    // RFC 2231 section 3: a long name comes in pieces, `name*0`, `name*1` and so on, in any order.
    if (piece) pieces.push([Number(piece), value]);
    else names.push(value);
  }
  const long = pieces.sort(([a], [b]) => a - b).map(([, piece]) => piece).join("");
  return [...names, long].flatMap((name) => [name, decoded(name)]);
}

const refusal = { code: 550, enhanced: "5.7.1", text: "This server takes no programs" };

/** @type {Required<import("@smtpd/smtpd").HooksModule>["data"]} */
export async function data(_session, { content }) {
  const decoder = new TextDecoder("latin1");
  let line = "";
  let field = "";
  let isHeader = true;
  let isMessage = false;
  for await (const octets of content) {
    const lines = (line + decoder.decode(octets, { stream: true })).split("\n");
    // The rest of a line that is too long for a field cannot begin one.
    line = lines.pop()?.slice(0, MAX_FIELD + 1) ?? "";
    for (const each of lines) {
      const text = each.replace(/\r$/, "");
      if (isHeader && /^[ \t]/.test(text)) {
        if (field !== "") field += text;
      } else {
        if (field !== "" && namesIn(field).some((name) => REFUSED.test(name))) return refusal;
        if (/^content-type\s*:\s*message\//i.test(field)) isMessage = true;
        field = isHeader && /^content-(?:type|disposition)\s*:/i.test(text) ? text : "";
      }
      if (field.length > MAX_FIELD) {
        return { code: 550, enhanced: "5.6.0", text: "A field of a part is too long" };
      }
      if (text.startsWith("--")) [isHeader, isMessage] = [true, false];
      // A message within the message begins with a header section as well.
      else if (text === "") [isHeader, isMessage] = [isMessage, false];
    }
  }
}
