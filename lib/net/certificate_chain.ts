/** Whether certificates that stand one behind the other lead from a server to an authority. @module */
import type { X509Certificate } from "node:crypto";
import { printable } from "../smtp/reply.ts";
import type { SignatureAlgorithm } from "./end_point.ts";

/** Something that is wrong with a certificate. */
export interface CertificateProblem {
  /** With an error, no server should start. */
  readonly severity: "error" | "warning";
  /** What is wrong. */
  readonly wrong: string;
  /** How to mend it. */
  readonly mend: string;
}

/** A certificate and how it was signed. */
export interface NamedCertificate {
  /** The certificate. */
  readonly certificate: X509Certificate;
  /** By which algorithm its issuer signed it. */
  readonly signature: SignatureAlgorithm;
}

/** What `verify` can be relied on for; it answers `false` for others, or throws. */
const VERIFIABLE: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
]);

function isIssuedBy(
  { certificate, signature }: NamedCertificate,
  issuer: X509Certificate,
): boolean {
  if (!certificate.checkIssued(issuer)) return false;
  if (!VERIFIABLE.has(signature.identifier)) return true;
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    // A curve or a kind of key that the runtime cannot verify with; the names have to do.
    return true;
  }
}

/** A certificate by its subject, as people know it. */
function titleOf({ subject }: X509Certificate): string {
  return nameOf(subject);
}

/** The common name of a subject or an issuer, or all of it. */
function nameOf(subject: string): string {
  const [, common] = /^CN=(.+)$/m.exec(subject) ?? [];
  return printable((common ?? subject.replaceAll("\n", ", ")).slice(0, 100));
}

function error(wrong: string, mend: string): CertificateProblem {
  return { severity: "error", wrong, mend };
}

function warning(wrong: string, mend: string): CertificateProblem {
  return { severity: "warning", wrong, mend };
}

const IN_ORDER = "write the server's own first, then the one that issued it, and so on";

/** What is wrong with the certificates of one file, of which the one at `own` belongs to the key. */
export function* chainProblems(
  name: string,
  chain: readonly NamedCertificate[],
  own: number,
): Generator<CertificateProblem> {
  const seen = new Set(chain.map(({ certificate }) => certificate.fingerprint256));
  if (seen.size < chain.length) {
    yield error(`${name} holds a certificate twice`, "take one of the two out");
    return;
  }
  const issues = ({ certificate }: NamedCertificate) =>
    chain.some((other) => other.certificate !== certificate && isIssuedBy(other, certificate));
  const leaves = chain.filter((link) => !link.certificate.ca && !issues(link));
  if (leaves.length > 1) {
    const titles = leaves.slice(0, 5).map(({ certificate }) => titleOf(certificate)).join(" and ");
    const wrong = `${name} holds the certificates of several servers (${titles})`;
    yield error(wrong, "write each into a file of its own, with those that issued it");
    return;
  }
  if (own > 0) {
    const wrong = `the certificate of the server is number ${own + 1} in ${name}`;
    yield error(wrong, IN_ORDER);
    return;
  }
  for (const [index, link] of chain.slice(0, -1).entries()) {
    if (isIssuedBy(link, chain[index + 1].certificate)) continue;
    yield gap(name, chain, index);
    return;
  }
  yield* signatureProblems(name, chain);
  const [{ certificate }] = chain;
  if (chain.length === 1 && !isIssuedBy(chain[0], certificate)) {
    const issuer = nameOf(certificate.issuer);
    const wrong = `${name} has nothing behind the server's own certificate`;
    const mend = `put the one of ${issuer} behind it (certbot's fullchain.pem has it), ` +
      "unless clients know that authority by themselves";
    yield warning(wrong, mend);
  }
}

/** Says what is wrong where a certificate is not issued by the next one. */
function gap(name: string, chain: readonly NamedCertificate[], index: number): CertificateProblem {
  const link = chain[index];
  const next = chain[index + 1].certificate;
  const isThere = chain.some((other) => other !== link && isIssuedBy(link, other.certificate));
  const title = titleOf(link.certificate);
  if (isThere) return error(`the certificates in ${name} are out of order at ${title}`, IN_ORDER);
  if (isIssuedBy(link, link.certificate)) {
    const wrong = `${title} in ${name} signed itself, and yet ${titleOf(next)} follows it`;
    return error(wrong, `take out what follows`);
  }
  if (link.certificate.issuer === next.subject) {
    const wrong = `the ${titleOf(next)} in ${name} is another than the one that issued ${title}`;
    return error(wrong, "put the one in that the authority delivers with the certificate");
  }
  const issuer = nameOf(link.certificate.issuer);
  const wrong = `${name} lacks the certificate of ${issuer}, which issued ${title}`;
  return error(wrong, `put it in between ${title} and ${titleOf(next)}`);
}

/** RFC 9155: signatures with MD5 and SHA-1 are worth nothing. That of an authority by itself is not looked at. */
function* signatureProblems(
  name: string,
  chain: readonly NamedCertificate[],
): Generator<CertificateProblem> {
  for (const [index, link] of chain.entries()) {
    const { hash } = link.signature;
    if (hash !== "md5" && hash !== "sha1") continue;
    if (index > 0 && isIssuedBy(link, link.certificate)) continue;
    const wrong = `the signature of ${titleOf(link.certificate)} in ${name} is one with ` +
      hash.toUpperCase().replace("SHA1", "SHA-1");
    yield warning(wrong, "clients that look at it refuse it, have it made with SHA-256");
  }
}
