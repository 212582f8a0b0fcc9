/** What all mechanisms of SASL (RFC 4422) are made of. @module */
import { type Reply, reply, SmtpError } from "../../smtp/reply.ts";
import { saslPrep } from "../saslprep.ts";

/** What came of an exchange. */
export type SaslOutcome =
  | { readonly account: string }
  | {
    readonly refusal: Reply;
    /** A challenge before the refusal, whose answer changes nothing. */
    readonly lastWord?: Uint8Array;
  };

/**
 * One exchange by one mechanism: given the initial response, if there was one, it yields a challenge and
 * gets the response to it, until it says what came of it. It throws an `SmtpError` to refuse, and anything
 * else for a failure that may pass.
 */
export type SaslMechanism = (
  initialResponse: Uint8Array | undefined,
) => AsyncGenerator<Uint8Array, SaslOutcome, Uint8Array>;

/** The most octets of a name or of a password. RFC 4616 section 2 asks for 255 at least. */
export const MAX_CREDENTIAL_LENGTH = 1024;

/** The challenge to a client that is to speak first and gave no initial response (RFC 4954 section 4). */
export const EMPTY: Uint8Array = new Uint8Array(0);

/** The one refusal of credentials, whatever is wrong with them (RFC 4954 section 6). */
export const WRONG_CREDENTIALS: Reply = reply(535, "5.7.8", "Authentication credentials invalid");

/** The error for a response that the mechanism does not have. It must not repeat what the client sent. */
export function malformed(what: string): SmtpError {
  return new SmtpError(501, "5.5.2", `Cannot read the response: ${what}`);
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads octets as UTF-8 (RFC 3629). @throws {SmtpError} 501 if they are something else */
export function utf8Text(octets: Uint8Array, what: string): string {
  try {
    return decoder.decode(octets);
  } catch {
    throw malformed(`${what} is not UTF-8`);
  }
}

/** Reads a name or a password. @throws {SmtpError} 501 if it is too long, or no UTF-8 */
export function credentialText(octets: Uint8Array, what: string): string {
  if (octets.length > MAX_CREDENTIAL_LENGTH) {
    throw malformed(`${what} has more than ${MAX_CREDENTIAL_LENGTH} octets`);
  }
  return utf8Text(octets, what);
}

/**
 * Prepares a name or a password that is compared with those that there are. There is none where nothing
 * is left of it, or it cannot be one: RFC 4616 section 2 has the login fail then.
 */
export function preparedCredential(text: string): string | undefined {
  try {
    return saslPrep(text, { query: true }) || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a client asks to act as somebody else than the account that it authenticates as (the
 * authorization identity of RFC 4422 section 3.4.1), which nobody may.
 */
export function asksForAnother(authorizationIdentity: string, name: string): boolean {
  return authorizationIdentity !== "" && preparedCredential(authorizationIdentity) !== name;
}
