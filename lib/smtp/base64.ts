/** Base64 as SASL exchanges have it (RFC 4648 section 4): padded, in one line, and only in one way. @module */

/**
 * ```abnf
 * base64          = base64-terminal / ( 1*(4base64-char) [base64-terminal] )
 * base64-terminal = (2base64-char "==") / (3base64-char "=")
 * ```
 *
 * RFC 4954 section 8; and nothing at all, which a server writes for an empty challenge. The bits that
 * the padding leaves over are zero (RFC 4648 section 3.5), so that no octets can be written in two ways.
 */
const BASE64 =
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;

/** Writes octets as base64. */
export function encodeBase64(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return btoa(text);
}

/** Reads base64; `undefined` for everything that {@linkcode encodeBase64} would not write. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!BASE64.test(text)) return undefined;
  const decoded = atob(text);
  const octets = new Uint8Array(decoded.length);
  for (let i = 0; i < decoded.length; i++) octets[i] = decoded.charCodeAt(i);
  return octets;
}
