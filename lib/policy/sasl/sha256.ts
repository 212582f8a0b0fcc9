/** SHA-256 at once: what SCRAM hashes is shorter than a turn of the event loop is long. @module */
import { createHash, createHmac } from "node:crypto";

/** `H(octets)` of RFC 5802 section 2.2. */
export function sha256(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(octets).digest());
}

/** `HMAC(key, text)` of RFC 5802 section 2.2. */
export function hmac(key: Uint8Array, text: string): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(text, "utf8").digest());
}
