/** Which passwords were right before, so that they need not be hashed again. @module */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { ScramVerifier } from "../scram_verifier.ts";
import { KEY_LENGTH } from "./sha256.ts";

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
 * What is kept is a MAC under a key that this process alone has, over the password and the verifier that
 * it fitted: it is worth nothing outside, and nothing once the password is changed.
 */
export class KnownPasswords {
  readonly #key = crypto.getRandomValues(new Uint8Array(KEY_LENGTH));
  /** By the names of accounts, the one that was new longest ago first. */
  readonly #macs = new Map<string, Uint8Array>();

  /** Whether a password is known to fit the verifier of an account; takes the same time for any. */
  has(name: string, verifier: ScramVerifier | undefined, password: string): boolean {
    return timingSafeEqual(this.#mac(verifier, password), this.#macs.get(name) ?? NONE);
  }

  /** Remembers a password that fits. */
  add(name: string, verifier: ScramVerifier, password: string): void {
    this.#macs.delete(name);
    if (this.#macs.size >= MOST_ACCOUNTS) this.#macs.delete(this.#macs.keys().next().value!);
    this.#macs.set(name, this.#mac(verifier, password));
  }

  #mac(verifier: ScramVerifier | undefined, password: string): Uint8Array {
    const mac = createHmac("sha256", this.#key);
    mac.update(verifier?.storedKey ?? NONE);
    return mac.update(encoder.encode(password)).digest();
  }
}
