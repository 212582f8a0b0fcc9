/** The certificates that settings name: read, held to be good, and tried. @module */
import type { Config } from "../config.ts";
import type { CertificatePair } from "../config/certificate_pair.ts";
import { shown } from "../config/sources.ts";
import {
  type CertificateFiles,
  type CertificateProblem,
  checkCertificates,
  type PemFile,
} from "../net/certificate_check.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import {
  type ServerCertificate,
  type TlsIdentity,
  tlsIdentity,
  type TlsIdentityOptions,
} from "../net/tls_identity.ts";
import { canBeginTls, tryTls } from "../net/tls_trial.ts";
import { EXIT, Failure } from "./failure.ts";
import { readText, reasonOf } from "./text_file.ts";

/** The largest file in octets; a certificate has about two thousand. */
const MAX_FILE = 1024 * 1024;

/** What was read. */
export interface LoadedCertificates {
  /** What the server shows of itself with them. */
  readonly identity: TlsIdentity;
  /** What is not so wrong that the server should not start. */
  readonly warnings: readonly CertificateProblem[];
}

/** The files that settings name, the certificate of the flags first. */
export function certificatePairs({ tlsCert, tlsKey, certificates }: Config): CertificatePair[] {
  return tlsCert === undefined || tlsKey === undefined
    ? [...certificates]
    : [{ certificate: tlsCert, key: tlsKey }, ...certificates];
}

function readFile(path: string): PemFile {
  const name = shown(path);
  let mode: number | null = null;
  try {
    const text = readText(path, MAX_FILE, (info) => mode = info.mode);
    return { name, text, mode };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return { name, text: undefined, reason: reasonOf(error) };
  }
}

function noServerTls(version: string): Failure {
  const wrong = `the Deno that smtpd runs on, ${version}, cannot do TLS as a server`;
  const mend = Deno.build.standalone
    ? "take an executable made with Deno 2.8 or later, or leave the certificate out"
    : "take Deno 2.8 or later, or leave the certificate out";
  return new Failure(EXIT.configuration, wrong, mend);
}

/** Does a handshake with a certificate: only then it turns out whether the runtime takes it. */
async function tryCertificate(
  certificate: ServerCertificate,
  { certificate: { name } }: CertificateFiles,
  clock: Clock,
): Promise<void> {
  const mend = "have another made, with a key of RSA of 2048 bits or EC on P-256";
  const refuse = (reason: string, cause?: unknown) =>
    new Failure(
      EXIT.configuration,
      `TLS cannot be done with the certificate in ${name} (${shown(reason)})`,
      mend,
      cause,
    );
  let identity: TlsIdentity;
  try {
    identity = tlsIdentity([certificate]);
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error), error);
  }
  const trial = await tryTls(identity.contextFor(undefined), clock);
  if (trial.kind === "silent") throw noServerTls(Deno.version.deno);
  if (trial.kind === "refused") throw refuse(trial.reason);
}

/**
 * Reads the certificates that settings name, holds that they are good, and tries them in memory. Answers
 * `undefined` where settings name none.
 *
 * @throws {Failure} with exit code 78 for the first that cannot be used, or where the runtime cannot do TLS
 *   as a server
 */
export async function loadCertificates(
  config: Config,
  { clock = systemClock, version = Deno.version.deno, ...options }:
    & TlsIdentityOptions
    & { readonly clock?: Clock; readonly version?: string } = {},
): Promise<LoadedCertificates | undefined> {
  const pairs = certificatePairs(config);
  if (pairs.length === 0) return undefined;
  if (!canBeginTls(version)) throw noServerTls(version);
  const files = pairs.map(({ certificate, key }) => ({
    certificate: readFile(certificate),
    key: readFile(key),
  }));
  const { hostname } = config;
  const problems = checkCertificates(files, { hostname, now: clock.now() });
  const bad = problems.find(({ severity }) => severity === "error");
  if (bad !== undefined) throw new Failure(EXIT.configuration, bad.wrong, bad.mend);
  const read = files.map(({ certificate, key }) => ({
    certificate: certificate.text ?? "",
    key: key.text ?? "",
  }));
  for (const [index, pair] of files.entries()) await tryCertificate(read[index], pair, clock);
  return { identity: tlsIdentity(read, options), warnings: problems };
}
