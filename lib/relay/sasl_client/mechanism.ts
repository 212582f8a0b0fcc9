/** What a SASL mechanism is to the client side of AUTH. @module */
import type { MaybePromise } from "../../policy/hooks.ts";

/** One exchange by one mechanism. */
export interface SaslMechanism {
  /** Its name, in upper case. */
  readonly name: string;
  /** What the client says first; left out where the server begins. */
  readonly initialResponse?: Uint8Array;
  /**
   * Answers a challenge.
   *
   * @throws {SaslFault} if the server does not keep to the mechanism, or is not who it should be
   */
  respond(challenge: Uint8Array): MaybePromise<Uint8Array>;
  /** Whether the server has shown all that it must before its consent counts. */
  readonly isComplete: boolean;
}

/** The server is to blame. The message is printable and holds no secret. */
export class SaslFault extends Error {
  override readonly name = "SaslFault";
}

/** Who we are to a next hop, as it is proved. */
export type Proof =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  /** An access token (RFC 6750). */
  | { readonly kind: "token"; readonly user: string; readonly token: string };

/**
 * Writes a name as messages of SCRAM and the header of GS2 have it (RFC 5801 section 4, RFC 5802
 * section 5.1): what would end it is written otherwise.
 *
 * ```abnf
 * saslname = 1*(value-safe-char / "=2C" / "=3D")
 * ```
 */
export function saslName(user: string): string {
  return user.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a challenge of a mechanism that speaks text; `undefined` where it is not UTF-8. */
export function textOf(octets: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(octets);
  } catch {
    return undefined;
  }
}
