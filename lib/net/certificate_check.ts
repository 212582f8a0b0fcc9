/** What is wrong with the certificates of a server, before a client finds out. @module */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { printable } from "../smtp/reply.ts";
import { fitOf, hostNamesOf } from "./certificate_names.ts";
import {
  type CertificateProblem,
  chainProblems,
  type NamedCertificate,
} from "./certificate_chain.ts";
import { signatureOf } from "./end_point.ts";
import { isCutOff, pemBlocks } from "./pem.ts";

export type { CertificateProblem } from "./certificate_chain.ts";

/** A file as it was read, or why it could not be. */
export interface PemFile {
  /** What it is called in what is said of it. */
  readonly name: string;
  /** What is in it; `undefined` where it could not be read. */
  readonly text: string | undefined;
  /** Why it could not be read. */
  readonly reason?: string;
  /** Who may do what with it, as `stat` tells it; `null` or `undefined` where there is no such thing. */
  readonly mode?: number | null;
}

/** The files of a certificate and its key. */
export interface CertificateFiles {
  /** The certificate, and behind it those that lead to an authority. */
  readonly certificate: PemFile;
  /** Its key. */
  readonly key: PemFile;
}

/** What certificates are held against. */
export interface CertificateExpectations {
  /** The name of this host, which one of the certificates should have. */
  readonly hostname: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const DAY = 86_400_000;

/** How long before its end a certificate is warned about, in days. */
const WARN_BEFORE = 14;

/** More certificates than lead to any authority: a file with so many is a list of authorities. */
const MOST_IN_CHAIN = 20;

const GOOD_KEYS = "RSA of 2048 to 8192 bits, or an EC key on P-256, P-384 or P-521";

/** The curves that rustls signs on, by the names that OpenSSL gives them. */
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);

function error(wrong: string, mend: string): CertificateProblem {
  return { severity: "error", wrong, mend };
}

function warning(wrong: string, mend: string): CertificateProblem {
  return { severity: "warning", wrong, mend };
}

/** Says why there is none of what should be in a file. */
function missing(file: PemFile, text: string, what: "certificate" | "key"): CertificateProblem {
  const labels = pemBlocks(text).map(({ label }) => label);
  const other = what === "certificate" ? "key" : "certificate";
  const isOther = labels.some((label) =>
    other === "key" ? label.endsWith("PRIVATE KEY") : label === "CERTIFICATE"
  );
  if (isCutOff(text)) {
    return error(`${file.name} is cut off in the middle of PEM`, "copy the whole file");
  }
  if (isOther) {
    const wrong = `${file.name} holds a ${other} and no ${what}`;
    return error(wrong, "give the certificate first and its key second, perhaps they are swapped");
  }
  if (labels.includes("CERTIFICATE REQUEST") || labels.includes("NEW CERTIFICATE REQUEST")) {
    const wrong = `${file.name} holds a request for a certificate`;
    return error(wrong, "give what the authority answered to it");
  }
  if (labels.length > 0) {
    const wrong = `${file.name} holds no ${what} but ${printable(labels[0])}`;
    return error(wrong, `give a file with the ${what} in PEM`);
  }
  const kind = what === "certificate" ? "x509" : "pkey";
  const mend = `give a file that begins with -----BEGIN, openssl ${kind} -inform DER makes one`;
  return error(`${file.name} is not PEM`, mend);
}

function unreadable({ name, reason = "nobody knows why" }: PemFile): CertificateProblem {
  return error(
    `cannot read ${name} (${printable(reason)})`,
    "give a file in PEM that smtpd may read",
  );
}

function readChain(file: PemFile): NamedCertificate[] | CertificateProblem {
  const { name, text } = file;
  if (text === undefined) return unreadable(file);
  const blocks = pemBlocks(text).filter(({ label }) => label === "CERTIFICATE");
  if (blocks.length === 0) return missing(file, text, "certificate");
  if (isCutOff(text)) {
    return error(`${name} is cut off in the middle of PEM`, "copy the whole file");
  }
  if (blocks.length > MOST_IN_CHAIN) {
    const mend = "leave the server's own in it, and those that lead to its authority";
    return error(`${name} holds ${blocks.length} certificates`, mend);
  }
  const chain: NamedCertificate[] = [];
  for (const [index, { text }] of blocks.entries()) {
    try {
      const certificate = new X509Certificate(text);
      chain.push({ certificate, signature: signatureOf(certificate.raw) });
    } catch {
      const which = blocks.length === 1 ? "the certificate" : `certificate ${index + 1}`;
      return error(`${which} in ${name} is damaged`, "copy the file again from where it was made");
    }
  }
  return chain;
}

function readKey(file: PemFile): KeyObject | CertificateProblem {
  const { name, text } = file;
  if (text === undefined) return unreadable(file);
  const [block] = pemBlocks(text).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  if (block === undefined) return missing(file, text, "key");
  if (block.label.startsWith("ENCRYPTED") || /^Proc-Type:.*ENCRYPTED/m.test(block.text)) {
    const wrong = `the key in ${name} is encrypted, and nobody is there to ask for the password`;
    return error(wrong, "write it without one, openssl pkey -in OLD -out NEW does so");
  }
  try {
    return createPrivateKey(block.text);
  } catch {
    return error(`the key in ${name} is damaged`, "copy the file again from where it was made");
  }
}

/** What TLS cannot be done with. */
function keyProblem(name: string, key: KeyObject): CertificateProblem | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const bits = details?.modulusLength ?? 0;
  if (type === "rsa" && (bits < 2048 || bits > 8192)) {
    const wrong = `the key in ${name} is RSA of ${bits} bits`;
    return error(wrong, `have a certificate made with ${GOOD_KEYS}`);
  }
  if (type === "ec" && !CURVES.has(details?.namedCurve ?? "")) {
    const wrong = `the key in ${name} is on the curve ${printable(`${details?.namedCurve}`)}`;
    return error(wrong, `TLS here takes others, have a certificate made with ${GOOD_KEYS}`);
  }
  if (type !== "rsa" && type !== "ec" && type !== "ed25519") {
    const wrong = `the key in ${name} is of the kind ${printable(`${type}`)}`;
    return error(wrong, `TLS here takes others, have a certificate made with ${GOOD_KEYS}`);
  }
  return undefined;
}

/** A day as certificates and people write it. */
function day(time: number): string {
  return new Date(time).toISOString().slice(0, "2026-01-01".length);
}

function* dateProblems(
  name: string,
  { validFrom, validTo }: X509Certificate,
  now: number,
): Generator<CertificateProblem> {
  const from = Date.parse(validFrom);
  const until = Date.parse(validTo);
  if (until < now) {
    yield error(`the certificate in ${name} expired on ${day(until)}`, "have it renewed");
  } else if (from > now) {
    const mend = "wait until then, or set the clock of this computer";
    yield error(
      `the certificate in ${name} is valid from ${new Date(from).toISOString()} on`,
      mend,
    );
  } else if (until - now < WARN_BEFORE * DAY) {
    const days = Math.floor((until - now) / DAY);
    const left = days === 0 ? "today or tomorrow" : `in ${days} day${days === 1 ? "" : "s"}`;
    yield warning(
      `the certificate in ${name} expires ${left}, on ${day(until)}`,
      "have it renewed",
    );
  }
}

function* pairProblems(
  { certificate: file, key: keyFile }: CertificateFiles,
  now: number,
): Generator<CertificateProblem, X509Certificate | undefined> {
  const chain = readChain(file);
  const key = readKey(keyFile);
  if ("severity" in chain) yield chain;
  if ("severity" in key) yield key;
  if ("severity" in chain || "severity" in key) return undefined;
  const ownKey = chain.findIndex(({ certificate }) => certificate.checkPrivateKey(key));
  if (ownKey < 0) {
    const wrong = `the key in ${keyFile.name} does not belong to the certificate in ${file.name}`;
    yield error(wrong, "give the key with which the certificate was asked for");
    return undefined;
  }
  yield* chainProblems(file.name, chain, ownKey);
  const own = chain[ownKey].certificate;
  const weak = keyProblem(keyFile.name, key);
  if (weak !== undefined) yield weak;
  yield* dateProblems(file.name, own, now);
  for (const { certificate } of chain.toSpliced(ownKey, 1)) {
    if (Date.parse(certificate.validTo) > now) continue;
    const wrong = `a certificate behind the first in ${file.name} expired on ` +
      day(Date.parse(certificate.validTo));
    yield warning(wrong, "put the authority's present one in its place");
  }
  if ((keyFile.mode ?? 0) & 0o004) {
    const wrong = `every user of this computer may read the key in ${keyFile.name}`;
    yield warning(
      wrong,
      `run chmod o-rwx ${keyFile.name}, and have a new key made if others are there`,
    );
  }
  return own;
}

/**
 * Finds what is wrong with certificates and their keys: errors, with which no server should start, and
 * warnings. Each says what is wrong and how to mend it, on one line.
 */
export function checkCertificates(
  pairs: readonly CertificateFiles[],
  { hostname, now }: CertificateExpectations,
): readonly CertificateProblem[] {
  const problems: CertificateProblem[] = [];
  const names: string[] = [];
  for (const pair of pairs) {
    const found = pairProblems(pair, now);
    let next = found.next();
    for (; !next.done; next = found.next()) problems.push(next.value);
    names.push(...(next.value === undefined ? [] : hostNamesOf(next.value)));
  }
  const isGood = !problems.some(({ severity }) => severity === "error");
  if (isGood && pairs.length > 0 && fitOf(names, hostname) === undefined) {
    const some = names.slice(0, 5).map(printable).join(", ");
    const has = names.length === 0
      ? "no certificate has the name of any host"
      : `the certificates are for ${some}${names.length > 5 ? " and others" : ""}`;
    const mend = `have one made for ${hostname}, or give the name that it has to --hostname`;
    problems.push(warning(`${has}, and this host is ${hostname}`, mend));
  }
  return problems;
}
