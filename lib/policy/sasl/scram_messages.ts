/** The messages that a client sends in SCRAM (RFC 5802 section 7). @module */
import { decodeBase64 } from "../../smtp/base64.ts";
import { malformed, MAX_CREDENTIAL_LENGTH } from "./mechanism.ts";

/** The header that SCRAM and OAUTHBEARER have in common (RFC 5801 section 4). */
export interface Gs2Header {
  /** The header as it was sent, with the comma at its end. */
  readonly text: string;
  /** `n`: the client does not bind channels. `y`: it would, but takes us for one that does not. */
  readonly binding: "n" | "y" | { readonly type: string };
  /** As whom the client wants to act; empty if as the account itself. */
  readonly authorizationIdentity: string;
}

/** A client-first-message. */
export interface ClientFirst {
  readonly header: Gs2Header;
  /** The client-first-message-bare. */
  readonly bare: string;
  readonly name: string;
  readonly nonce: string;
  /** Whether it has an extension that it would have us understand. */
  readonly hasMandatoryExtension: boolean;
}

/** A client-final-message. */
export interface ClientFinal {
  /** The client-final-message-without-proof. */
  readonly withoutProof: string;
  /** The GS2 header and the channel binding, in base64. */
  readonly channelBinding: string;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** Whether it has an extension that it would have us understand. */
  readonly hasMandatoryExtension: boolean;
}

const encoder = new TextEncoder();

/**
 * ```abnf
 * saslname        = 1*(value-safe-char / "=2C" / "=3D")
 * value-safe-char = %x01-2B / %x2D-3C / %x3E-7F / UTF8-2 / UTF8-3 / UTF8-4
 * ```
 */
function parseSaslName(text: string, what: string): string {
  // Section 5.1: the login must fail for any other "=".
  if (!/^(?:[^=,\0]|=2C|=3D)+$/u.test(text)) {
    throw malformed(`${what} is not escaped as it must be`);
  }
  const name = text.replaceAll("=2C", ",").replaceAll("=3D", "=");
  if (encoder.encode(name).length > MAX_CREDENTIAL_LENGTH) {
    throw malformed(`${what} has more than ${MAX_CREDENTIAL_LENGTH} octets`);
  }
  return name;
}

/**
 * Reads the header at the beginning of a message.
 *
 * ```abnf
 * gs2-header     = gs2-cbind-flag "," [ authzid ] ","
 * gs2-cbind-flag = ("p=" cb-name) / "n" / "y"
 * cb-name        = 1*(ALPHA / DIGIT / "." / "-")
 * authzid        = "a=" saslname
 * ```
 */
export function parseGs2Header(message: string): Gs2Header {
  const match = /^(?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,/.exec(message);
  if (match === null) throw malformed("it does not begin with a GS2 header");
  const [text, flag, type, authorizationIdentity] = match;
  return {
    text,
    binding: flag === "n" || flag === "y" ? flag : { type },
    // GNU SASL sends `a=` where it has none. That is no saslname, but cannot mean anything else.
    authorizationIdentity: authorizationIdentity
      ? parseSaslName(authorizationIdentity, "the authorization identity")
      : "",
  };
}

/** `attr-val = ALPHA "=" value` and `value = 1*value-char`, each behind a comma. */
const EXTENSIONS = String.raw`((?:,[A-Za-z]=[^,\0]+)*)`;
/** `printable = %x21-2B / %x2D-7E` */
const NONCE = String.raw`[\x21-\x2b\x2d-\x7e]+`;

const clientFirst = new RegExp(`^(m=[^,\\0]+,)?n=([^,\\0]+),r=(${NONCE})${EXTENSIONS}$`, "u");
const clientFinal = new RegExp(
  `^(c=([A-Za-z0-9+/]+={0,2}),r=(${NONCE})${EXTENSIONS}),p=([A-Za-z0-9+/]+={0,2})$`,
  "u",
);

/**
 * Says whether one of the extensions is mandatory. One that is unknown and is not must be ignored; the
 * other names of section 5.1 have their own places, and are no extensions.
 */
function hasMandatory(extensions: string): boolean {
  if (/,[acdinprsve]=/.test(extensions)) {
    throw malformed("an attribute stands twice, or in the wrong place");
  }
  return extensions.includes(",m=");
}

/**
 * Reads the first message of a client.
 *
 * ```abnf
 * client-first-message      = gs2-header client-first-message-bare
 * client-first-message-bare = [reserved-mext ","] username "," nonce ["," extensions]
 * reserved-mext             = "m=" 1*(value-char)
 * username                  = "n=" saslname
 * nonce                     = "r=" c-nonce [s-nonce]
 * ```
 */
export function parseClientFirst(message: string): ClientFirst {
  const header = parseGs2Header(message);
  const bare = message.slice(header.text.length);
  const match = clientFirst.exec(bare);
  if (match === null) throw malformed("it is no client-first-message of SCRAM");
  const [, mandatory, name, nonce, extensions] = match;
  return {
    header,
    bare,
    name: parseSaslName(name, "the name"),
    nonce,
    hasMandatoryExtension: hasMandatory(extensions) || mandatory !== undefined,
  };
}

/**
 * Reads the last message of a client.
 *
 * ```abnf
 * client-final-message               = client-final-message-without-proof "," proof
 * client-final-message-without-proof = channel-binding "," nonce ["," extensions]
 * channel-binding                    = "c=" base64
 * proof                              = "p=" base64
 * ```
 */
export function parseClientFinal(message: string): ClientFinal {
  const match = clientFinal.exec(message);
  if (match === null) throw malformed("it is no client-final-message of SCRAM");
  const [, withoutProof, channelBinding, nonce, extensions, proof] = match;
  return {
    withoutProof,
    channelBinding,
    nonce,
    proof: parseProof(proof),
    hasMandatoryExtension: hasMandatory(extensions),
  };
}

function parseProof(text: string): Uint8Array {
  const proof = decodeBase64(text);
  if (proof === undefined) throw malformed("the proof is not base64");
  if (proof.length !== 32) throw malformed("the proof has not 32 octets");
  return proof;
}
