/** Certificates that openssl makes for a test. @module */
import type { ServerCertificate } from "../../lib/net/tls_identity.ts";
import { findPeer } from "../peers.ts";

/** Runs openssl in a folder; fails with what it says. */
export async function openssl(folder: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(findPeer("openssl")!, {
    args,
    cwd: folder,
    stdin: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  if (!success) throw new Error(`Cannot run openssl: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** How a key of each kind is asked for. */
export const KEYS = {
  p256: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
  p384: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
  p521: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
  k256: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
  rsa: ["-newkey", "rsa:2048"],
  rsa1024: ["-newkey", "rsa:1024"],
  rsaPss: ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"],
  ed25519: ["-newkey", "ed25519"],
} as const satisfies Record<string, readonly string[]>;

/** What a certificate is to be. */
export interface Wanted {
  readonly key?: keyof typeof KEYS;
  /** The names of hosts, the first of which is the common name as well. */
  readonly names?: readonly string[];
  /** The file without its ending of who signs it; itself unless given. */
  readonly issuer?: string;
  readonly isAuthority?: boolean;
  /** From when to when it is valid; for 90 days from now unless given. */
  readonly from?: Date;
  readonly until?: Date;
  readonly digest?: string;
}

function opensslTime(date: Date): string {
  return date.toISOString().replace(/[-:T]|\.\d+/g, "");
}

const DAY = 86_400_000;

/**
 * Makes `<name>.pem` and `<name>.key` in a folder.
 *
 * A certificate with dates of its own comes from openssl's small authority: `x509` and `req` of openssl 3.0
 * take no dates, only days from now.
 */
export async function makeCertificate(
  folder: string,
  name: string,
  wanted: Wanted = {},
): Promise<void> {
  const { key = "p256", names = ["mail.test"], issuer = name, isAuthority = false } = wanted;
  const { digest = "sha256", from = new Date(Date.now() - 1000) } = wanted;
  const { until = new Date(Date.now() + 90 * DAY) } = wanted;
  const path = (ending: string) => `${folder}/${name}.${ending}`;
  await openssl(
    folder,
    ...["req", "-new", ...KEYS[key], "-nodes", "-keyout", path("key"), "-out", path("csr")],
    ...["-subj", `/CN=${names[0]}`],
  );
  await Deno.writeTextFile(path("index"), "");
  await Deno.writeTextFile(
    path("cnf"),
    `[ca]\ndefault_ca=own\n[own]\ndatabase=${path("index")}\nnew_certs_dir=${folder}\n` +
      `rand_serial=yes\npolicy=any\nx509_extensions=ext\nunique_subject=no\n` +
      `[any]\ncommonName=supplied\n[ext]\nbasicConstraints=critical,CA:${
        isAuthority ? "TRUE" : "FALSE"
      }\n` +
      (isAuthority ? "" : `subjectAltName=${names.map((name) => `DNS:${name}`)}\n`),
  );
  const signer = issuer === name
    ? ["-selfsign", "-keyfile", path("key")]
    : ["-cert", `${folder}/${issuer}.pem`, "-keyfile", `${folder}/${issuer}.key`];
  await openssl(
    folder,
    ...["ca", "-batch", "-notext", "-config", path("cnf"), ...signer, "-md", digest],
    ...["-startdate", opensslTime(from), "-enddate", opensslTime(until)],
    ...["-in", path("csr"), "-out", path("pem")],
  );
}

/** The certificate and key of a name, with those of others behind the certificate. */
export function certificateOf(folder: string, name: string, ...chain: string[]): ServerCertificate {
  const read = (file: string) => Deno.readTextFileSync(`${folder}/${file}`);
  return {
    certificate: [name, ...chain].map((name) => read(`${name}.pem`)).join(""),
    key: read(`${name}.key`),
  };
}
