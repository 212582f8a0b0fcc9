/** The functions of SCRAM (RFC 5802 section 2.2), for SHA-256. @module */
import { createHash } from "node:crypto";

/** The length of every key and hash, in octets. */
export const KEY_LENGTH = 32;

const encoder = new TextEncoder();

/** `H(octets)`. */
export function sha256(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(octets).digest());
}

/** `HMAC(key, text)`. */
export async function hmac(key: Uint8Array, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const octets = new Uint8Array(key);
  const imported = await crypto.subtle.importKey("raw", octets, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

/** `Hi(password, salt, iterations)`, which is PBKDF2 with HMAC, on a thread beside this one. */
export async function saltedPassword(
  password: Uint8Array<ArrayBuffer>,
  salt: Uint8Array,
  iterations: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(salt), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 8 * KEY_LENGTH));
}
