/** Which mechanism is spoken: the strongest that both sides know and that gives nothing away. @module */
import type { ClientTlsFacts } from "../../net/tls_transport.ts";
import { login, oauthBearer, plain } from "./clear.ts";
import type { Proof, SaslMechanism } from "./mechanism.ts";
import { Scram, type ScramOptions } from "./scram.ts";

/** The server that is authenticated to. */
export interface SaslServer {
  /** Its name and port. */
  readonly host: string;
  readonly port: number;
  /** The mechanisms that it offers, in upper case. */
  readonly offered: readonly string[];
  /** What is known of the TLS session, in which the offer was made; nothing in plaintext. */
  readonly tls?: ClientTlsFacts;
  /** Its tls-server-end-point, where there is one. */
  readonly endPoint?: Uint8Array;
}

/** The best first. */
const BY_KIND: Readonly<Record<Proof["kind"], readonly string[]>> = {
  password: ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"],
  token: ["OAUTHBEARER"],
};

/** Those that show a password to nobody who does not know it. */
const SAFE: readonly string[] = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"];

/**
 * Begins the exchange, or says in a text that ends a sentence why there is none. A secret is not handed
 * to a server that has not shown who it is: whoever is able to end TLS in its place would have it.
 */
export function chooseMechanism(proof: Proof, server: SaslServer): SaslMechanism | string {
  const { offered, tls, endPoint } = server;
  const known = BY_KIND[proof.kind].filter((name) => offered.includes(name));
  if (known.length === 0) {
    const wanted = BY_KIND[proof.kind].join(", ");
    return offered.length === 0
      ? "it offers no AUTH"
      : `it offers none of ${wanted} to authenticate by a ${proof.kind}`;
  }
  const hasPlus = offered.includes("SCRAM-SHA-256-PLUS");
  const mechanism = known.find((name) =>
    name === "SCRAM-SHA-256-PLUS"
      ? endPoint !== undefined
      : SAFE.includes(name) || tls?.isVerified === true
  );
  const isPassword = proof.kind === "password";
  switch (mechanism) {
    case "SCRAM-SHA-256-PLUS":
      if (isPassword) return scram(proof, { endPoint });
      break;
    case "SCRAM-SHA-256":
      if (isPassword) {
        return scram(proof, { isPlusMissing: endPoint !== undefined && !hasPlus });
      }
      break;
    case "PLAIN":
      if (isPassword) return plain(proof);
      break;
    case "LOGIN":
      if (isPassword) return login(proof);
      break;
    case "OAUTHBEARER":
      if (!isPassword) return oauthBearer(proof, server);
  }
  const names = known.join(" and ");
  const why = tls === undefined
    ? "the session is not encrypted"
    : `its certificate is not verified (${tls.problem ?? "unknown reason"})`;
  return `${names} would give the ${proof.kind} away: ${why}`;
}

function scram(
  proof: Extract<Proof, { readonly kind: "password" }>,
  options: ScramOptions,
): SaslMechanism | string {
  try {
    return new Scram(proof, options);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return "the user or password has a character that SASLprep (RFC 4013) does not allow";
  }
}
