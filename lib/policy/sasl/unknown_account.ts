/** What a client is shown of an account that there is not. @module */
import { SALT_LENGTH, type ScramVerifier } from "../scram_verifier.ts";
import { hmac } from "./sha256.ts";

/**
 * Makes verifiers for names that have no account: the same for the same name as long as the secret is
 * the same, and not to be told from a real one by who has no secret. No password fits them.
 */
export function unknownVerifiers(
  secret: Uint8Array,
  iterations: number,
): (name: string) => Promise<ScramVerifier> {
  return async (name) => ({
    salt: (await hmac(secret, `salt\0${name}`)).subarray(0, SALT_LENGTH),
    iterations,
    storedKey: await hmac(secret, `StoredKey\0${name}`),
    serverKey: await hmac(secret, `ServerKey\0${name}`),
  });
}
