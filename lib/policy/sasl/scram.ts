/** SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677). @module */
import { encodeBase64 } from "../../smtp/base64.ts";
import { timingSafeEqual } from "node:crypto";
import { asciiOctets } from "../../smtp/octets.ts";
import { SmtpError } from "../../smtp/reply.ts";
import type { Accounts } from "../accounts.ts";
import type { ScramVerifier } from "../scram_verifier.ts";
import {
  asksForAnother,
  EMPTY,
  malformed,
  preparedCredential,
  type SaslMechanism,
  type SaslOutcome,
  utf8Text,
  WRONG_CREDENTIALS,
} from "./mechanism.ts";
import { type Gs2Header, parseClientFinal, parseClientFirst } from "./scram_messages.ts";
import { hmac, sha256 } from "./sha256.ts";

/** What an exchange needs. */
export interface ScramOptions {
  /** Where names are looked up. */
  readonly accounts: Accounts;
  /** The verifier that stands in for that of a name without an account. */
  readonly unknown: (name: string) => Promise<ScramVerifier>;
  /** Makes so many random octets. */
  readonly random: (n: number) => Uint8Array;
  /** tls-server-end-point, where SCRAM-SHA-256-PLUS is offered. */
  readonly endPoint: Uint8Array | undefined;
  /** Whether the client has chosen SCRAM-SHA-256-PLUS. */
  readonly isPlus: boolean;
}

const BINDING_TYPE = "tls-server-end-point";

/** More than 150 bits; RFC 5802 section 9 leaves the length to us. */
const NONCE_LENGTH = 24;

/** RFC 5802 section 5.1: what a mandatory extension should be answered with, since we know none. */
const EXTENSION_REFUSED: SaslOutcome = {
  refusal: WRONG_CREDENTIALS,
  lastWord: asciiOctets("e=extensions-not-supported"),
};

const REFUSED: SaslOutcome = { refusal: WRONG_CREDENTIALS };

/** Writes each octet as one of the 93 characters of a nonce: `printable = %x21-2B / %x2D-7E`. */
function nonceOf(octets: Uint8Array): string {
  let nonce = "";
  for (const octet of octets) {
    const code = 0x21 + octet % 93;
    nonce += String.fromCharCode(code < 0x2c ? code : code + 1);
  }
  return nonce;
}

/** Holds the client to the channel binding that its mechanism stands for (RFC 5802 section 6). */
function checkBinding(
  { binding }: Gs2Header,
  { endPoint, isPlus }: Pick<ScramOptions, "endPoint" | "isPlus">,
): void {
  if (isPlus !== (typeof binding === "object")) {
    throw malformed(
      isPlus
        ? "SCRAM-SHA-256-PLUS goes with a channel binding"
        : "SCRAM-SHA-256 goes without a channel binding",
    );
  }
  if (typeof binding === "object" && binding.type !== BINDING_TYPE) {
    throw new SmtpError(504, "5.5.4", `Cannot bind to the channel but by ${BINDING_TYPE}`);
  }
  // The client saw no SCRAM-SHA-256-PLUS though it was offered: somebody has taken it off the list.
  if (binding === "y" && endPoint !== undefined) {
    throw new SmtpError(535, "5.7.8", "SCRAM-SHA-256-PLUS was offered, and did not reach you");
  }
}

const encoder = new TextEncoder();

/** What `c=` must be: the header and, with a channel binding, its data. Base64 has one way of writing it. */
function bindingText({ text, binding }: Gs2Header, endPoint: Uint8Array = EMPTY): string {
  const header = encoder.encode(text);
  if (typeof binding === "string") return encodeBase64(header);
  const input = new Uint8Array(header.length + endPoint.length);
  input.set(header);
  input.set(endPoint, header.length);
  return encodeBase64(input);
}

/**
 * Whether a proof was made by who knows the password (RFC 5802 section 3): with ClientKey XOR
 * ClientSignature sent, we get ClientKey, whose hash is StoredKey.
 */
async function isProof(
  proof: Uint8Array,
  storedKey: Uint8Array,
  authMessage: string,
): Promise<boolean> {
  const clientSignature = await hmac(storedKey, authMessage);
  const clientKey = proof.map((octet, i) => octet ^ clientSignature[i]);
  return timingSafeEqual(sha256(clientKey), storedKey);
}

/**
 * Makes an exchange by SCRAM-SHA-256. A name that nobody has is taken through the same steps with a
 * verifier that no proof fits, so that nobody learns which names there are.
 */
export function scram(options: ScramOptions): SaslMechanism {
  return async function* (initialResponse) {
    const first = parseClientFirst(utf8Text(initialResponse ?? (yield EMPTY), "it"));
    if (first.hasMandatoryExtension) return EXTENSION_REFUSED;
    checkBinding(first.header, options);
    const name = preparedCredential(first.name);
    if (name === undefined || asksForAnother(first.header.authorizationIdentity, name)) {
      return REFUSED;
    }
    const account = await options.accounts.find(name);
    // Made for every name, since making it takes time.
    const standIn = await options.unknown(name);
    const { salt, iterations, storedKey, serverKey } = account?.verifier ?? standIn;
    const nonce = first.nonce + nonceOf(options.random(NONCE_LENGTH));
    const serverFirst = `r=${nonce},s=${encodeBase64(salt)},i=${iterations}`;

    const final = parseClientFinal(utf8Text(yield encoder.encode(serverFirst), "it"));
    if (final.hasMandatoryExtension) return EXTENSION_REFUSED;
    const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`;
    const hasProof = await isProof(final.proof, storedKey, authMessage);
    if (
      !hasProof || account === undefined || final.nonce !== nonce ||
      final.channelBinding !== bindingText(first.header, options.endPoint)
    ) {
      return REFUSED;
    }

    // RFC 4954 section 4: a mechanism's last word to a client that is let in is one more challenge.
    const answer = yield encoder.encode(`v=${encodeBase64(await hmac(serverKey, authMessage))}`);
    if (answer.length > 0) throw malformed("the server's final message has an empty response");
    return { account: account.name };
  };
}
