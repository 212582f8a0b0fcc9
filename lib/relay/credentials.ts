/** What we prove to a next hop who we are by, and where it is kept. @module */
import { printable } from "../smtp/reply.ts";
import type { Proof } from "./sasl_client/mechanism.ts";

/** A text that nothing shows by accident: neither a log, nor JSON, nor an error. */
export class Secret {
  readonly #text: string;

  /** Keeps a text. */
  constructor(text: string) {
    this.#text = text;
  }

  /** Gives the text to who needs it. */
  reveal(): string {
    return this.#text;
  }

  /** What JSON has in its place. */
  toJSON(): string {
    return "***";
  }
}

/** Where a secret is kept. What is not in the route is read at each login, so that it may change. */
export type SecretSource =
  | { readonly kind: "route"; readonly secret: Secret }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "environment"; readonly variable: string };

/** A user of a next hop. */
export interface Credentials {
  /** The name of the account there. */
  readonly user: string;
  /** What the secret is: a password, or an access token (RFC 6750). */
  readonly kind: Proof["kind"];
  /** Where it is kept. */
  readonly source: SecretSource;
}

/** What every variable that holds a secret begins with: no other may be read. */
export const SECRET_PREFIX = "SMTPD_SECRET_";

/** More is no password, and no token that a line of SMTP could carry. */
const MAX_SECRET = 8192;

/** RFC 6750 section 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** The secret cannot be had now. The message says where it should be, and nothing of what is there. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
  /** What is wrong, without the beginning of the message. */
  readonly why: string;

  /** Makes the error of what is wrong. */
  constructor(why: string) {
    super(`Cannot log in: ${why}`);
    this.why = why;
  }
}

function read(source: SecretSource): [text: string, place: string] {
  switch (source.kind) {
    case "route":
      return [source.secret.reveal(), "the route"];
    case "environment": {
      const text = Deno.env.get(source.variable);
      if (text === undefined) {
        throw new CredentialsError(`${source.variable} is not set`);
      }
      return [text, source.variable];
    }
    case "file": {
      const place = printable(source.path);
      try {
        // An editor ends the file with a line break, which is no part of the secret.
        return [Deno.readTextFileSync(source.path).replace(/\r?\n$/, ""), place];
      } catch (error) {
        const why = error instanceof Error ? printable(error.name) : "unknown error";
        throw new CredentialsError(`${place} cannot be read (${why})`);
      }
    }
  }
}

/**
 * Reads the secret.
 *
 * @throws {CredentialsError} if it cannot be read or cannot be one
 */
export function readProof({ user, kind, source }: Credentials): Proof {
  const [text, place] = read(source);
  if (text === "" || text.length > MAX_SECRET) {
    throw new CredentialsError(`${place} holds no ${kind}`);
  }
  if (/\p{Cc}/u.test(text)) {
    throw new CredentialsError(`the ${kind} in ${place} has a control character`);
  }
  if (kind === "password") return { kind, user, password: text };
  if (!TOKEN.test(text)) throw new CredentialsError(`${place} holds no ${kind}`);
  return { kind, user, token: text };
}
