/**
 * LOGIN, which was never more than a draft (draft-murchison-sasl-login), and is the only mechanism of
 * some printers and mail programs.
 *
 * @module
 */
import { asciiOctets } from "../../smtp/octets.ts";
import { credentialText, type SaslMechanism, WRONG_CREDENTIALS } from "./mechanism.ts";
import type { PasswordCheck } from "./password.ts";

/** Clients compare these two words, colon and all. */
const ASK_NAME = asciiOctets("Username:");
const ASK_PASSWORD = asciiOctets("Password:");

/** Makes an exchange by LOGIN. An initial response is the name, as several clients have it. */
export function login(check: PasswordCheck): SaslMechanism {
  return async function* (initialResponse) {
    const name = credentialText(initialResponse ?? (yield ASK_NAME), "the name");
    const password = credentialText(yield ASK_PASSWORD, "the password");
    const account = await check(name, password);
    return account === undefined ? { refusal: WRONG_CREDENTIALS } : { account };
  };
}
