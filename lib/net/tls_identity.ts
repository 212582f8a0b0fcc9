/** What a server shows of itself in TLS: certificates, and which of them to whom. @module */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { type Fit, fitOf, hostNamesOf } from "./certificate_names.ts";
import { endPointOf } from "./end_point.ts";
import { certificatesIn, keysIn } from "./pem.ts";

/** A certificate and its key. */
export interface ServerCertificate {
  /** PEM: the certificate of the server, and behind it those that lead to an authority. */
  readonly certificate: string;
  /** PEM: the private key, not encrypted. */
  readonly key: string;
}

/** What a server shows of itself to those who connect. */
export interface TlsIdentity {
  /** The context for the name that a client asks for; the first certificate's where none fits. */
  contextFor(serverName: string | undefined): SecureContext;
  /**
   * tls-server-end-point of the certificate in that context (RFC 5929 section 4.1); `undefined` where the
   * certificate has none, as one that is signed by Ed25519.
   */
  endPointFor(serverName: string | undefined): Uint8Array | undefined;
  /** Whether clients are asked for a certificate. */
  readonly asksClient: boolean;
}

/** What may be said beside the certificates. */
export interface TlsIdentityOptions {
  /** PEM: the authorities that certificates of clients may come from, beside the system's. */
  readonly clientAuthorities?: readonly string[];
  /** Whether clients are asked for a certificate; they need not have one. No unless given. */
  readonly asksClient?: boolean;
}

interface Entry {
  readonly names: readonly string[];
  readonly isEcdsa: boolean;
  readonly context: SecureContext;
  readonly endPoint: Uint8Array | undefined;
}

function entryOf(
  { certificate, key }: ServerCertificate,
  { clientAuthorities }: TlsIdentityOptions,
): Entry {
  const chain = certificatesIn(certificate);
  const [own] = chain;
  const [privateKey] = keysIn(key);
  if (own === undefined) throw new SyntaxError("Cannot show a certificate: there is none in PEM");
  if (privateKey === undefined) {
    throw new SyntaxError("Cannot show a certificate: there is no private key in PEM");
  }
  const read = new X509Certificate(own);
  return {
    names: hostNamesOf(read),
    isEcdsa: createPrivateKey(privateKey).asymmetricKeyType === "ec",
    context: createSecureContext({
      cert: `${chain.join("\n")}\n`,
      key: `${privateKey}\n`,
      ca: clientAuthorities === undefined ? undefined : [...clientAuthorities],
      minVersion: "TLSv1.2",
      maxVersion: "TLSv1.3",
    }),
    endPoint: endPointOf(read.raw),
  };
}

/** The best of those that fit so; ECDSA before RSA, since it costs a server a tenth of the time. */
function bestOf(entries: readonly Entry[], host: string, fit: Fit): Entry | undefined {
  const fitting = entries.filter(({ names }) => fitOf(names, host) === fit);
  return fitting.find(({ isEcdsa }) => isEcdsa) ?? fitting[0];
}

/**
 * Makes an identity of certificates, for TLS 1.2 and 1.3. A client gets the one that has the name which it
 * asks for; else one that has it by a wildcard; else, or where it asks for none, the first.
 *
 * A context holds one certificate: the runtime takes no second one with a key of another kind. Where an
 * ECDSA and an RSA certificate have the same name, all clients that ask for it get the ECDSA one; every
 * client of TLS 1.2 of the last ten years can do that.
 *
 * @throws {RangeError} if there is no certificate
 * @throws {SyntaxError} if one is not PEM, or has no key
 * @throws {Error} if the runtime cannot read one, or its key is too small
 */
export function tlsIdentity(
  certificates: readonly ServerCertificate[],
  options: TlsIdentityOptions = {},
): TlsIdentity {
  if (certificates.length === 0) throw new RangeError("Cannot make an identity of no certificate");
  const entries = certificates.map((certificate) => entryOf(certificate, options));
  function entryFor(name: string | undefined): Entry {
    return name === undefined
      ? entries[0]
      : bestOf(entries, name, "exact") ?? bestOf(entries, name, "wildcard") ?? entries[0];
  }
  return {
    contextFor: (name) => entryFor(name).context,
    endPointFor: (name) => entryFor(name).endPoint,
    asksClient: options.asksClient ?? false,
  };
}
