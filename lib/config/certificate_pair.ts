/** A certificate and its key, written as the two files one behind the other. @module */
import type { Value } from "./values.ts";

/** Where a certificate and its key are. */
export interface CertificatePair {
  /** The path of the certificate. */
  readonly certificate: string;
  /** The path of its key. */
  readonly key: string;
}

/** `CERTFILE KEYFILE`: two paths without white space in them. */
export const certificatePair: Value<CertificatePair> = {
  type: "string",
  expects:
    "give the file of a certificate and that of its key, such as /etc/tls/a.pem /etc/tls/a.key",
  parse(text) {
    const words = text.trim().split(/\s+/);
    const [certificate, key] = words;
    return words.length !== 2 || text.includes("\0") ? undefined : { certificate, key };
  },
};
