/** Base64 as SASL exchanges have it (RFC 4648 section 4), read strictly. @module */

/** `base64 = base64-terminal / ( 1*(4base64-char) [base64-terminal] )` (RFC 4954 section 8) */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Writes octets. */
export function encodeBase64(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text);
}

/**
 * Reads what {@linkcode encodeBase64} writes, and nothing else: no line break, no other alphabet, and no
 * second way to write the same octets.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!BASE64.test(text)) return undefined;
  const decoded = atob(text);
  // The unused bits of the last character have to be zero (RFC 4648 section 3.5).
  if (btoa(decoded) !== text) return undefined;
  return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
}
