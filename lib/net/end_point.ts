/** What a SASL exchange is bound to a TLS session by: tls-server-end-point (RFC 5929 section 4). @module */
import { createHash } from "node:crypto";

/** The tag of a SEQUENCE and of an OBJECT IDENTIFIER in DER. */
const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;

/**
 * The hash function of a signature algorithm, by the octets of its identifier in hex. The others have
 * none (Ed25519), or one that depends on their parameters (RSASSA-PSS), and the RFC defines no binding
 * for those.
 */
const HASHES: ReadonlyMap<string, string> = new Map([
  // sha1WithRSAEncryption and ecdsa-with-SHA1: SHA-256 stands in for hashes that are broken.
  ["2a864886f70d010105", "sha256"],
  ["2a8648ce3d0401", "sha256"],
  // sha256WithRSAEncryption and its kin.
  ["2a864886f70d01010b", "sha256"],
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  // ecdsa-with-SHA256 and its kin.
  ["2a8648ce3d040302", "sha256"],
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);

/** Where the content of an element of DER begins and ends. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

function elementAt(der: Uint8Array, at: number): Element | undefined {
  const [tag, first] = [der[at], der[at + 1]];
  if (first === undefined) return undefined;
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count < 1 || count > 3) return undefined;
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (der[start++] ?? 0);
  }
  const end = start + length;
  return end <= der.length ? { tag, start, end } : undefined;
}

/**
 * Gives the tls-server-end-point of a certificate in DER: its hash, by the function of its signature.
 *
 * ```asn1
 * Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER, ... }, ... }
 * ```
 *
 * @returns nothing where the RFC defines none
 */
export function endPointOf(certificate: Uint8Array): Uint8Array | undefined {
  const whole = elementAt(certificate, 0);
  const content = whole?.tag === SEQUENCE ? elementAt(certificate, whole.start) : undefined;
  const algorithm = content?.tag === SEQUENCE ? elementAt(certificate, content.end) : undefined;
  const name = algorithm?.tag === SEQUENCE ? elementAt(certificate, algorithm.start) : undefined;
  if (name?.tag !== OBJECT_IDENTIFIER) return undefined;
  const octets = certificate.subarray(name.start, name.end);
  const hash = HASHES.get([...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(""));
  return hash === undefined
    ? undefined
    : new Uint8Array(createHash(hash).update(certificate).digest());
}
