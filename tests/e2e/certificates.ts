/** An authority for a test and the certificates that it gives to servers. */
import { makeCertificate, type Wanted } from "../net/certificates.ts";

/** Where a certificate is: the file of the chain, the server's first, and the file of its key. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** The host that clients connect to, and the name that the server has beside it. */
export const LOCALHOST = "localhost";

/** An authority that clients are told to trust. */
export interface Authority {
  /** The file of its certificate. */
  readonly path: string;
  /** Makes a certificate that lasts 90 days unless told otherwise. */
  issue(name: string, wanted: Wanted): Promise<CertificateFiles>;
}

/** Makes an authority in a folder, which has to be there. */
export async function makeAuthority(folder: string): Promise<Authority> {
  await makeCertificate(folder, "authority", {
    isAuthority: true,
    names: ["smtpd test authority"],
  });
  const path = `${folder}/authority.pem`;
  return {
    path,
    async issue(name, wanted) {
      await makeCertificate(folder, name, { ...wanted, issuer: "authority" });
      const key = `${folder}/${name}.key`;
      const certificate = `${folder}/${name}.chain`;
      const chain = [`${folder}/${name}.pem`, path].map((file) => Deno.readTextFileSync(file));
      Deno.writeTextFileSync(certificate, chain.join(""));
      Deno.chmodSync(key, 0o600);
      return { certificate, key };
    },
  };
}
