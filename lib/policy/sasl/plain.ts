/** PLAIN (RFC 4616). @module */
import {
  asksForAnother,
  credentialText,
  EMPTY,
  malformed,
  preparedCredential,
  type SaslMechanism,
  WRONG_CREDENTIALS,
} from "./mechanism.ts";
import type { PasswordCheck } from "./password.ts";

interface PlainMessage {
  readonly authorizationIdentity: string;
  readonly name: string;
  readonly password: string;
}

/**
 * Reads the one message there is. An empty name or password is left to be refused as a wrong one.
 *
 * ```abnf
 * message = [authzid] UTF8NUL authcid UTF8NUL passwd
 * authcid = 1*SAFE  ; UTF-8 without NUL
 * authzid = 1*SAFE
 * passwd  = 1*SAFE
 * ```
 */
function parse(octets: Uint8Array): PlainMessage {
  const first = octets.indexOf(0);
  const second = first < 0 ? -1 : octets.indexOf(0, first + 1);
  if (second < 0 || octets.indexOf(0, second + 1) >= 0) {
    throw malformed("PLAIN has two NULs, no more and no less");
  }
  return {
    authorizationIdentity: credentialText(octets.subarray(0, first), "the authorization identity"),
    name: credentialText(octets.subarray(first + 1, second), "the name"),
    password: credentialText(octets.subarray(second + 1), "the password"),
  };
}

/** Makes an exchange by PLAIN. */
export function plain(check: PasswordCheck): SaslMechanism {
  return async function* (initialResponse) {
    const message = parse(initialResponse ?? (yield EMPTY));
    const name = preparedCredential(message.name);
    if (name === undefined || asksForAnother(message.authorizationIdentity, name)) {
      return { refusal: WRONG_CREDENTIALS };
    }
    const account = await check(name, message.password);
    return account === undefined ? { refusal: WRONG_CREDENTIALS } : { account };
  };
}
