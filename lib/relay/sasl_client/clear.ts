/**
 * The mechanisms that hand the secret itself to the server. They are for nobody but a server that has
 * shown who it is.
 *
 * @module
 */
import { type Proof, SaslFault, type SaslMechanism, saslName } from "./mechanism.ts";

type Password = Extract<Proof, { readonly kind: "password" }>;
type Token = Extract<Proof, { readonly kind: "token" }>;

const utf8 = new TextEncoder();

/** What ends a key and its value in OAUTHBEARER. */
const KV_SEPARATOR = "\x01";

function unasked(name: string): SaslFault {
  return new SaslFault(`a challenge came that ${name} does not have`);
}

/**
 * PLAIN (RFC 4616).
 *
 * ```abnf
 * message = [authzid] UTF8NUL authcid UTF8NUL passwd
 * ```
 */
export function plain({ user, password }: Password): SaslMechanism {
  return {
    name: "PLAIN",
    initialResponse: utf8.encode(`\0${user}\0${password}`),
    respond() {
      throw unasked("PLAIN");
    },
    isComplete: true,
  };
}

/** LOGIN (draft-murchison-sasl-login): the server asks twice, in words that differ from one to another. */
export function login({ user, password }: Password): SaslMechanism {
  const answers = [user, password];
  return {
    name: "LOGIN",
    respond() {
      const answer = answers.shift();
      if (answer === undefined) throw unasked("LOGIN");
      return utf8.encode(answer);
    },
    get isComplete() {
      return answers.length === 0;
    },
  };
}

/**
 * OAUTHBEARER (RFC 7628 section 3.1).
 *
 * ```abnf
 * client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
 * ```
 */
export function oauthBearer(
  { user, token }: Token,
  server: { readonly host: string; readonly port: number },
): SaslMechanism {
  const pairs = [`host=${server.host}`, `port=${server.port}`, `auth=Bearer ${token}`];
  let hasFailed = false;
  return {
    name: "OAUTHBEARER",
    initialResponse: utf8.encode(
      [`n,a=${saslName(user)},`, ...pairs, "", ""].join(KV_SEPARATOR),
    ),
    respond() {
      // RFC 7628 section 3.2.3: the challenge says why it failed, and wants this before the server does.
      if (hasFailed) throw unasked("OAUTHBEARER");
      hasFailed = true;
      return utf8.encode(KV_SEPARATOR);
    },
    get isComplete() {
      return !hasFailed;
    },
  };
}
