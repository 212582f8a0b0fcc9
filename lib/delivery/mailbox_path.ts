/**
 * The name of a directory for a mailbox, made from a local part that anyone on the network chose.
 *
 * The rules, for those who look for a mailbox or name a directory themselves:
 *
 * - Upper and lower case are the same mailbox, and so are the ways to compose a letter: the local part
 *   is brought into Unicode normalization form C and into lower case. RFC 5321 section 2.4 leaves what
 *   a local part means to the host that delivers it; mail for `Joe@` that lands apart from the mail for
 *   `joe@` is not what anybody means, and on some file systems it cannot.
 * - `a` to `z`, `0` to `9` and `-` `_` `+` `=` `.` stand as they are. Each other octet of its UTF-8 is
 *   written `%xx` in lower-case hexadecimal.
 * - A `.` at the start or the end is `%2e` as well, so that no name is `.` or `..`, hides, or loses its
 *   dot on Windows. The first letter of a name that is a device there (`con`, `nul.x`) is written so too.
 *
 * The encoding is reversible, and each directory stands for one mailbox only.
 *
 * @module
 */

/** The longest name of a directory in octets: NAME_MAX of every file system in common use. */
export const MAX_NAME = 255;

const KEPT = new Uint8Array(128);
for (const character of "abcdefghijklmnopqrstuvwxyz0123456789-_+=.") {
  KEPT[character.charCodeAt(0)] = 1;
}
/** What most local parts are, and needs nothing done. */
const PLAIN = /^[a-z0-9_+=-](?:[a-z0-9._+=-]*[a-z0-9_+=-])?$/;
const DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Brings a local part into the one form in which mailboxes are compared here. */
export function normalizeLocalPart(localPart: string): string {
  // Lower-casing may leave letters that can be composed.
  return localPart.toWellFormed().normalize("NFC").toLowerCase().normalize("NFC");
}

/**
 * Answers the name of the directory for a local part, or `undefined` for one that has none: the empty
 * local part, and one whose name would be over {@linkcode MAX_NAME}.
 */
export function encodeLocalPart(localPart: string): string | undefined {
  const normal = normalizeLocalPart(localPart);
  if (normal === "" || normal.length > MAX_NAME) return undefined;
  if (PLAIN.test(normal) && !DEVICE.test(normal)) return normal;
  const octets = encoder.encode(normal);
  const last = octets.length - 1;
  const isDevice = DEVICE.test(normal);
  let name = "";
  for (let i = 0; i <= last; i++) {
    const octet = octets[i];
    const isEdgeDot = octet === 46 && (i === 0 || i === last);
    if (octet < 128 && KEPT[octet] === 1 && !isEdgeDot && !(i === 0 && isDevice)) {
      name += String.fromCharCode(octet);
    } else {
      name += `%${octet.toString(16).padStart(2, "0")}`;
    }
  }
  return name.length > MAX_NAME ? undefined : name;
}

/**
 * Answers the local part, in its normal form, whose directory has a name; or `undefined` for a name that
 * {@linkcode encodeLocalPart} does not make.
 */
export function decodeLocalPart(name: string): string | undefined {
  if (name.length > MAX_NAME || !/^(?:[a-z0-9._+=-]|%[0-9a-f]{2})+$/.test(name)) return undefined;
  const octets = new Uint8Array(name.length);
  let length = 0;
  for (let i = 0; i < name.length; i++) {
    if (name[i] === "%") {
      octets[length++] = parseInt(name.slice(i + 1, i + 3), 16);
      i += 2;
    } else {
      octets[length++] = name.charCodeAt(i);
    }
  }
  try {
    const localPart = decoder.decode(octets.subarray(0, length));
    return encodeLocalPart(localPart) === name ? localPart : undefined;
  } catch {
    return undefined;
  }
}
