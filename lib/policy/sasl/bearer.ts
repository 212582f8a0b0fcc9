/** OAUTHBEARER (RFC 7628) and XOAUTH2, which was there before it. @module */
import { asciiOctets } from "../../smtp/octets.ts";
import type { MaybePromise } from "../hooks.ts";
import {
  EMPTY,
  malformed,
  MAX_CREDENTIAL_LENGTH,
  preparedCredential,
  type SaslMechanism,
  type SaslOutcome,
  utf8Text,
  WRONG_CREDENTIALS,
} from "./mechanism.ts";
import { parseGs2Header } from "./scram_messages.ts";

/** What a client shows instead of a password. */
export interface BearerToken {
  /** The name that the client gives with it, prepared (RFC 4013); OAUTHBEARER may leave it out. */
  readonly name: string | undefined;
  /** The token: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1). */
  readonly token: string;
}

/** Answers the name of the account that a token lets in, if it lets one in. */
export type TokenCheck = (token: BearerToken) => MaybePromise<string | undefined>;

/** What was read: a name and a token, either of which may be missing. */
interface BearerMessage {
  readonly name: string;
  readonly token: string | undefined;
}

/** The payload of an Authorization field (RFC 6750 section 2.1); the scheme is in any case. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * ```abnf
 * client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep
 * kvpair      = key "=" value kvsep
 * key         = 1*(ALPHA)
 * value       = *(VCHAR / SP / HTAB / CR / LF)
 * kvsep       = %x01
 * ```
 *
 * `host` and `port` are not looked at: behind a proxy the client has others than we.
 */
function parseOauthBearer(text: string): BearerMessage {
  const header = parseGs2Header(text);
  if (typeof header.binding === "object") throw malformed("OAUTHBEARER has no channel binding");
  const rest = text.slice(header.text.length);
  if (!/^\x01(?:[A-Za-z]+=[\x21-\x7e \t\r\n]*\x01)*\x01$/.test(rest)) {
    throw malformed("it is no message of OAUTHBEARER");
  }
  const payloads = rest.split("\x01").filter((pair) => /^auth=/i.test(pair));
  if (payloads.length > 1) throw malformed("it has `auth` twice");
  return {
    name: header.authorizationIdentity,
    token: payloads[0] && BEARER.exec(payloads[0].slice("auth=".length))?.[1],
  };
}

/** `"user=" name %x01 "auth=Bearer " token %x01 %x01`, as Google and Microsoft write of it. */
function parseXOauth2(text: string): BearerMessage {
  const match = /^user=([^\0\x01]*)\x01auth=([^\0\x01]*)\x01\x01$/i.exec(text);
  if (match === null) throw malformed("it is no message of XOAUTH2");
  const [, name, payload] = match;
  if (new TextEncoder().encode(name).length > MAX_CREDENTIAL_LENGTH) {
    throw malformed(`the name has more than ${MAX_CREDENTIAL_LENGTH} octets`);
  }
  return { name, token: BEARER.exec(payload)?.[1] };
}

/**
 * An exchange of one message. A refusal is told in JSON first, as a challenge that the client answers
 * with %x01, or with nothing, or cancels (RFC 7628 section 3.2.3): it is refused all the same.
 */
function bearer(
  parse: (text: string) => BearerMessage,
  error: Readonly<Record<string, string>>,
  check: TokenCheck,
): SaslMechanism {
  const refused: SaslOutcome = {
    refusal: WRONG_CREDENTIALS,
    lastWord: asciiOctets(JSON.stringify(error)),
  };
  return async function* (initialResponse) {
    const message = parse(utf8Text(initialResponse ?? (yield EMPTY), "it"));
    const name = preparedCredential(message.name);
    if (message.token === undefined || (name === undefined && message.name !== "")) return refused;
    const account = await check({ name, token: message.token });
    return account ? { account } : refused;
  };
}

/** Makes an exchange by OAUTHBEARER. */
export function oauthBearer(check: TokenCheck): SaslMechanism {
  return bearer(parseOauthBearer, { status: "invalid_token" }, check);
}

/** Makes an exchange by XOAUTH2. */
export function xoauth2(check: TokenCheck): SaslMechanism {
  return bearer(parseXOauth2, { status: "401", schemes: "bearer" }, check);
}
