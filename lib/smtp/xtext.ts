/**
 * The encodings in which a parameter of MAIL or RCPT carries text: xtext (RFC 3461 section 4) and the
 * two forms of an address in UTF-8 (RFC 6533 section 3).
 *
 * What they hide is copied into header fields and logs later, so a decoder refuses what could be more
 * than text there: a control character, a separator of lines, octets that are not UTF-8.
 *
 * @module
 */

/** Longer than any parameter that is encoded may be: ORCPT and AUTH have 500 octets. */
const MAX_LENGTH = 2048;

/** Controls (C0, DEL, C1) and the line separators of Unicode. */
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * ```abnf
 * xtext   = *( xchar / hexchar )
 * xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
 * hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
 * ```
 */
const XTEXT = /^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/;
const XCHAR = /[!-*,-<>-~]/;

/**
 * ```abnf
 * utf-8-addr-xtext    = 1*( QCHAR / EmbeddedUnicodeChar )
 * utf-8-addr-unitext  = 1*( QUCHAR / EmbeddedUnicodeChar )
 * QCHAR               = %x21-2a / %x2c-3c / %x3e-5b / %x5d-7e
 * QUCHAR              = QCHAR / UTF8-2 / UTF8-3 / UTF8-4
 * EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}"
 * HEXPOINT            = ( ( "0" / "1" ) %x31-39 ) / "10" / "20" / "2B" / "3D" / "7F" / "5C" /
 *                       ( HEXDIG8 HEXDIG ) / ( NZHEXDIG 2( HEXDIG ) ) /
 *                       ( NZDHEXDIG 3( HEXDIG ) ) / ( "D" %x30-37 2( HEXDIG ) ) /
 *                       ( NZHEXDIG 4( HEXDIG ) ) / ( "10" 4*HEXDIG )
 * ```
 */
const HEXPOINT = "[01][1-9]|10|20|2B|3D|7F|5C|[89A-F][0-9A-F]|[1-9A-F][0-9A-F]{2}|" +
  "[1-9A-CEF][0-9A-F]{3}|D[0-7][0-9A-F]{2}|[1-9A-F][0-9A-F]{4}|10[0-9A-F]{4}";
const UNITEXT = new RegExp(
  `^(?:[!-*,-<>-[\\]-~\\u0080-\\uffff]|\\\\x\\{(?:${HEXPOINT})\\})+$`,
  "i",
);
const EMBEDDED = /\\x\{([0-9A-F]+)\}/gi;
const QCHAR = /[!-*,-<>-[\]-~]/;
const NOT_ASCII = /[^\x00-\x7f]/;

/** How an address in UTF-8 is encoded: in ASCII alone, or with its own characters left as they are. */
export type Utf8AddressForm = "xtext" | "unitext";

/**
 * Encodes text as xtext; characters that are not ASCII become the hexchars of their UTF-8.
 *
 * @throws {SyntaxError} if the text holds a control character or half of a surrogate pair
 */
export function encodeXtext(text: string): string {
  checkText(text);
  let encoded = "";
  for (const octet of utf8.encode(text)) {
    const character = String.fromCharCode(octet);
    encoded += XCHAR.test(character)
      ? character
      : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

/**
 * Decodes xtext.
 *
 * @returns the text, or `undefined` where it is no xtext, is over 2048 characters, or hides a control
 *   character or octets that are not UTF-8
 */
export function decodeXtext(encoded: string): string | undefined {
  if (encoded.length > MAX_LENGTH || !XTEXT.test(encoded)) return undefined;
  if (!encoded.includes("+")) return encoded;
  const octets: number[] = [];
  for (let i = 0; i < encoded.length; i++) {
    if (encoded[i] === "+") {
      octets.push(Number.parseInt(encoded.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      octets.push(encoded.charCodeAt(i));
    }
  }
  try {
    const text = strictUtf8.decode(Uint8Array.from(octets));
    return UNSAFE.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * Encodes an address as utf-8-addr-xtext or utf-8-addr-unitext. Both are xtext or UTF-8 in which no
 * `+` and no `=` stands, so a parameter carries them without any further encoding.
 *
 * @throws {SyntaxError} if the address is empty, or holds a control character or half of a surrogate
 *   pair
 */
export function encodeUtf8Address(address: string, form: Utf8AddressForm): string {
  checkText(address);
  if (address === "") throw new SyntaxError("Cannot encode an empty address");
  let encoded = "";
  for (const character of address) {
    encoded += QCHAR.test(character) || (form === "unitext" && NOT_ASCII.test(character))
      ? character
      : `\\x{${character.codePointAt(0)?.toString(16).toUpperCase()}}`;
  }
  return encoded;
}

/**
 * Decodes utf-8-addr-xtext or utf-8-addr-unitext.
 *
 * @returns the address, or `undefined` where it is in neither form, is over 2048 characters, or hides a
 *   control character
 */
export function decodeUtf8Address(encoded: string): string | undefined {
  if (encoded.length > MAX_LENGTH || !encoded.isWellFormed() || !UNITEXT.test(encoded)) {
    return undefined;
  }
  const text = encoded.replace(
    EMBEDDED,
    (_, point: string) => String.fromCodePoint(Number.parseInt(point, 16)),
  );
  return UNSAFE.test(text) ? undefined : text;
}

function checkText(text: string): void {
  if (UNSAFE.test(text) || !text.isWellFormed()) {
    throw new SyntaxError("Cannot encode text that holds a control character");
  }
}
