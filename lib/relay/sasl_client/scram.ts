/**
 * The client of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677). The server learns nothing that
 * it could be somebody else with, and has to show that it knows the password too.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { hmac, saltedPassword, sha256 } from "../../policy/sasl/sha256.ts";
import { saslPrep } from "../../policy/saslprep.ts";
import { decodeBase64, encodeBase64 } from "../../smtp/base64.ts";
import { printable } from "../../smtp/reply.ts";
import { type Proof, SaslFault, type SaslMechanism, saslName, textOf } from "./mechanism.ts";

/** RFC 7677 section 4: fewer would make the password too easy to guess for whoever listens. */
const MIN_ITERATIONS = 4_096;

/** A server that asks for more would have us work for it: these take a core a quarter of a second. */
const MAX_ITERATIONS = 1_000_000;

const NONCE_LENGTH = 18;

/** What the exchange is bound to. */
export interface ScramOptions {
  /**
   * The tls-server-end-point of the TLS session (RFC 5929 section 4): with it, SCRAM-SHA-256-PLUS is
   * spoken, which nobody can who sits between two sessions.
   */
  readonly endPoint?: Uint8Array;
  /**
   * Whether we could have bound the exchange, and the server did not offer it. One that did knows then
   * that somebody took the offer away (RFC 5802 section 6).
   */
  readonly isPlusMissing?: boolean;
  /** 1 to 64 printable characters without a comma that nobody can guess; random ones if left out. */
  readonly nonce?: string;
}

type Password = Extract<Proof, { readonly kind: "password" }>;

const utf8 = new TextEncoder();

/**
 * ```abnf
 * server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions]
 * iteration-count      = "i=" posit-number
 * server-final-message = (server-error / verifier) ["," extensions]
 * ```
 *
 * An extension that is mandatory comes first, as `m=`, and makes the message one that we cannot read.
 */
const SERVER_FIRST = /^r=([\x21-\x2b\x2d-\x7e]{1,256}),s=([^,]{1,1024}),i=([1-9]\d{0,9})(?:,.*)?$/s;
const VERIFIER = /^v=([^,]*)(?:,.*)?$/s;
const SERVER_ERROR = /^e=([^,]{1,100})/;

/** Speaks SCRAM once. */
export class Scram implements SaslMechanism {
  readonly name: "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";
  readonly initialResponse: Uint8Array;
  readonly #password: string;
  readonly #nonce: string;
  /** `client-first-message-bare` and the octets of `c=`. */
  readonly #first: string;
  readonly #binding: Uint8Array;
  #serverSignature: Uint8Array | undefined;
  #step: "first" | "final" | "over" = "first";
  #isComplete = false;

  /**
   * Makes an exchange.
   *
   * @throws {SyntaxError} if the user or password has a character that SASLprep does not allow
   */
  constructor({ user, password }: Password, options: ScramOptions = {}) {
    const { endPoint, isPlusMissing = false } = options;
    this.name = endPoint === undefined ? "SCRAM-SHA-256" : "SCRAM-SHA-256-PLUS";
    // RFC 5802 sections 2.2 and 5.1: prepared, as the server's are.
    this.#password = saslPrep(password, { query: true });
    this.#nonce = options.nonce ??
      encodeBase64(crypto.getRandomValues(new Uint8Array(NONCE_LENGTH)));
    const header = endPoint !== undefined
      ? "p=tls-server-end-point,,"
      : isPlusMissing
      ? "y,,"
      : "n,,";
    this.#first = `n=${saslName(saslPrep(user, { query: true }))},r=${this.#nonce}`;
    this.#binding = Uint8Array.from([...utf8.encode(header), ...endPoint ?? []]);
    this.initialResponse = utf8.encode(`${header}${this.#first}`);
  }

  /** Whether the server has shown that it knows the password. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Answers a challenge. */
  async respond(challenge: Uint8Array): Promise<Uint8Array> {
    const text = textOf(challenge);
    if (text === undefined) throw new SaslFault("a message of SCRAM is not UTF-8");
    const step = this.#step;
    this.#step = step === "first" ? "final" : "over";
    if (step === "first") return await this.#prove(text);
    if (step === "final") return this.#verify(text);
    throw new SaslFault("a challenge came that SCRAM does not have");
  }

  /** Answers the server's first message by showing that we know the password. */
  async #prove(serverFirst: string): Promise<Uint8Array> {
    const match = SERVER_FIRST.exec(serverFirst);
    const salt = decodeBase64(match?.[2] ?? "");
    if (match === null || salt === undefined) {
      throw new SaslFault("the first message of SCRAM is malformed");
    }
    const [, nonce, , count] = match;
    // RFC 5802 section 5: the server's part comes behind ours, and there must be one.
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw new SaslFault("the nonce of SCRAM is not ours with the server's behind it");
    }
    const iterations = Number(count);
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      throw new SaslFault(
        `SCRAM with ${iterations} iterations is refused: ${MIN_ITERATIONS} to ${MAX_ITERATIONS} are good`,
      );
    }
    const salted = await saltedPassword(utf8.encode(this.#password), salt, iterations);
    const clientKey = await hmac(salted, "Client Key");
    const storedKey = sha256(clientKey);
    const bare = `c=${encodeBase64(this.#binding)},r=${nonce}`;
    const message = `${this.#first},${serverFirst},${bare}`;
    const signature = await hmac(storedKey, message);
    const proof = clientKey.map((octet, i) => octet ^ signature[i]);
    this.#serverSignature = await hmac(await hmac(salted, "Server Key"), message);
    return utf8.encode(`${bare},p=${encodeBase64(proof)}`);
  }

  /** Looks at what the server shows in its turn. */
  #verify(serverFinal: string): Uint8Array {
    const error = SERVER_ERROR.exec(serverFinal)?.[1];
    if (error !== undefined) throw new SaslFault(`the server says ${printable(error)}`);
    const shown = decodeBase64(VERIFIER.exec(serverFinal)?.[1] ?? "");
    const expected = this.#serverSignature;
    if (
      shown === undefined || expected === undefined || shown.length !== expected.length ||
      !timingSafeEqual(shown, expected)
    ) throw new SaslFault("the server does not know the password itself");
    this.#isComplete = true;
    // RFC 4954 section 4: the server's last message comes as a challenge, whose response is empty.
    return new Uint8Array(0);
  }
}
