/**
 * The channel binding tls-server-end-point (RFC 5929 section 4): a hash of the certificate that a server
 * shows, by which a client and a server find out that nobody stands between them.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** What DER (X.690) is read of: one element, and where it ends. */
interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly end: number;
}

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const BIT_STRING = 0x03;
/** `[0] EXPLICIT`. */
const CONTEXT_0 = 0xa0;

function notCertificate(why: string): SyntaxError {
  return new SyntaxError(`Cannot read a certificate: ${why}`);
}

/**
 * Reads an element as X.690 section 10.1 wants it: a definite length in as few octets as possible. Tags
 * of more than one octet are in no part of a certificate that is looked at here.
 */
function elementAt(octets: Uint8Array, start: number): Element {
  if (start + 2 > octets.length) throw notCertificate("it is cut off");
  const tag = octets[start];
  if ((tag & 0x1f) === 0x1f) throw notCertificate("a tag is not one of a certificate");
  let at = start + 2;
  let length = octets[start + 1];
  if (length > 0x7f) {
    const count = length & 0x7f;
    if (count === 0 || count > 4) throw notCertificate("a length is not one of DER");
    if (at + count > octets.length) throw notCertificate("it is cut off");
    length = 0;
    for (const end = at + count; at < end; at++) length = length * 0x100 + octets[at];
    if (length < 0x80 || length < 0x100 ** (count - 1)) {
      throw notCertificate("a length is not one of DER");
    }
  }
  const end = at + length;
  if (end > octets.length) throw notCertificate("it is cut off");
  return { tag, content: octets.subarray(at, end), end };
}

/** The elements one behind the other, of which there are `most` at most. */
function elementsOf(octets: Uint8Array, most: number): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < octets.length; at = found[found.length - 1].end) {
    if (found.length === most) throw notCertificate("it has too many parts");
    found.push(elementAt(octets, at));
  }
  return found;
}

/** An object identifier with dots, as X.690 section 8.19 has it in octets. */
function identifierOf(element: Element | undefined): string {
  if (element?.tag !== OBJECT_IDENTIFIER) throw notCertificate("an object identifier is missing");
  const arcs: number[] = [];
  let arc = 0;
  let isOpen = true;
  for (const octet of element.content) {
    if (arc > 0xffffff) throw notCertificate("an object identifier is too long");
    arc = arc * 0x80 + (octet & 0x7f);
    isOpen = octet > 0x7f;
    if (isOpen) continue;
    if (arcs.length > 0) arcs.push(arc);
    else arcs.push(Math.min(Math.floor(arc / 40), 2), arc - 40 * Math.min(Math.floor(arc / 40), 2));
    arc = 0;
  }
  if (isOpen) throw notCertificate("an object identifier is cut off");
  return arcs.join(".");
}

/** The hash functions by their identifiers, as RSASSA-PSS names them (RFC 4055 section 2.1). */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.4", "sha224"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);

/** The hash function that a signature algorithm uses, by the identifier of the algorithm. */
const SIGNATURES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.4", "md5"],
  ["1.2.840.113549.1.1.5", "sha1"],
  ["1.2.840.113549.1.1.14", "sha224"],
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.1", "sha1"],
  ["1.2.840.10045.4.3.1", "sha224"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  ["1.2.840.10040.4.3", "sha1"],
  ["2.16.840.1.101.3.4.3.2", "sha256"],
]);

const RSASSA_PSS = "1.2.840.113549.1.1.10";

/** `RSASSA-PSS-params` (RFC 4055 section 3.1); the hash function is SHA-1 where none is named. */
function pssHash(parameters: Element | undefined): string | undefined {
  if (parameters?.tag !== SEQUENCE) return undefined;
  const [first] = elementsOf(parameters.content, 4);
  if (first?.tag !== CONTEXT_0) return "sha1";
  const { tag, content } = elementAt(first.content, 0);
  if (tag !== SEQUENCE) throw notCertificate("the hash function of its signature is missing");
  return HASHES.get(identifierOf(elementsOf(content, 2)[0]));
}

/** A certificate's signature. */
export interface SignatureAlgorithm {
  /** The object identifier, with dots. */
  readonly identifier: string;
  /** The one hash function that it uses, as `node:crypto` names it; `undefined` where it is none or unknown. */
  readonly hash: string | undefined;
}

/**
 * Finds by which algorithm a certificate was signed.
 *
 * ```asn1
 * Certificate         ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
 * AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
 * ```
 *
 * (RFC 5280 section 4.1.)
 *
 * @param der the certificate
 * @throws {SyntaxError} if it is none
 */
export function signatureOf(der: Uint8Array): SignatureAlgorithm {
  const whole = elementAt(der, 0);
  if (whole.tag !== SEQUENCE) throw notCertificate("it does not begin as one");
  if (whole.end !== der.length) throw notCertificate("something follows it");
  const parts = elementsOf(whole.content, 3);
  if (parts.map(({ tag }) => tag).join() !== [SEQUENCE, SEQUENCE, BIT_STRING].join()) {
    throw notCertificate("its parts are not those of one");
  }
  const [algorithm, parameters] = elementsOf(parts[1].content, 2);
  const identifier = identifierOf(algorithm);
  const hash = identifier === RSASSA_PSS ? pssHash(parameters) : SIGNATURES.get(identifier);
  return { identifier, hash };
}

/**
 * Makes the channel binding tls-server-end-point of a server's certificate.
 *
 * @param der the certificate
 * @returns the octets, or `undefined` where there is no such binding: the signature of the certificate
 *   uses no hash function by itself, as Ed25519, or one that is not known
 * @throws {SyntaxError} if it is no certificate
 */
export function endPointOf(der: Uint8Array): Uint8Array | undefined {
  const { hash } = signatureOf(der);
  if (hash === undefined) return undefined;
  // RFC 5929 section 4.1: SHA-256 stands in for MD5 and SHA-1.
  const used = hash === "md5" || hash === "sha1" ? "sha256" : hash;
  return new Uint8Array(createHash(used).update(der).digest());
}
