/** Text that is not ASCII in a header field of ASCII (RFC 2047). @module */

/** Octets of text in one encoded word, which has 75 characters at most (RFC 2047 section 2). */
const ENCODED = 42;

const utf8 = new TextEncoder();

/** Writes text as encoded words; a space has to stand between two. No character is cut in two. */
export function encodedWords(text: string): string[] {
  const words: string[] = [];
  let chunk = "";
  for (const character of [...text, ""]) {
    if (character === "" || utf8.encode(chunk + character).length > ENCODED) {
      const binary = String.fromCharCode(...utf8.encode(chunk));
      if (chunk !== "") words.push(`=?UTF-8?B?${btoa(binary)}?=`);
      chunk = "";
    }
    chunk += character;
  }
  return words;
}

const NOT_ASCII = /[^\x00-\x7f]/;

/**
 * Writes the words of unstructured text that are not ASCII as encoded words, from the first of each run of
 * them to the last: white space between two encoded words is not shown (RFC 2047 section 6.2).
 */
export function encodedText(text: string): string {
  const parts = text.split(/([ \t]+)/);
  let out = "";
  for (let i = 0; i < parts.length; i++) {
    if (!NOT_ASCII.test(parts[i])) {
      out += parts[i];
      continue;
    }
    let run = parts[i];
    while (i + 2 < parts.length && NOT_ASCII.test(parts[i + 2])) {
      run += parts[i + 1] + parts[i + 2];
      i += 2;
    }
    out += encodedWords(run).join(" ");
  }
  return out;
}
