/** Which passwords were right before, so that they need not be hashed again. @module */
import { timingSafeEqual } from "node:crypto";
import { joinOctets } from "../../smtp/octets.ts";
import { putLast } from "../limited_map.ts";
import type { ScramVerifier } from "../scram_verifier.ts";
import { KEY_LENGTH, sha256 } from "./sha256.ts";

/** How many accounts are remembered, in some 2 MiB; only one that has logged in is. */
const MOST_ACCOUNTS = 10_000;

/** Stands in for what there is none of, so that nobody learns that from the time it takes. */
const NONE = new Uint8Array(KEY_LENGTH);

const encoder = new TextEncoder();

/**
 * Remembers the passwords that accounts have logged in with. A program that logs in for each message costs
 * a hash of thousands of rounds once then, and while others guess, whoever is known does not queue behind
 * their guesses.
 *
 * What is kept is a hash with a key that this process alone has, of the password and the verifier that it
 * fitted: it is worth nothing outside, and nothing once the password is changed. It never leaves the
 * process, so that it need not be an HMAC.
 */
export class KnownPasswords {
  readonly #key = crypto.getRandomValues(new Uint8Array(KEY_LENGTH));
  /** By the names of accounts, the one that was new longest ago first. */
  readonly #hashes = new Map<string, Uint8Array>();

  /** Whether a password is known to fit the verifier of an account; takes the same time for any. */
  has(name: string, verifier: ScramVerifier | undefined, password: string): boolean {
    return timingSafeEqual(this.#hash(verifier, password), this.#hashes.get(name) ?? NONE);
  }

  /** Remembers a password that fits. */
  add(name: string, verifier: ScramVerifier, password: string): void {
    putLast(this.#hashes, name, this.#hash(verifier, password), MOST_ACCOUNTS);
  }

  #hash(verifier: ScramVerifier | undefined, password: string): Uint8Array {
    return sha256(
      joinOctets([this.#key, verifier?.storedKey ?? NONE, encoder.encode(password)]),
    );
  }
}
