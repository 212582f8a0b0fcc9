/** The accounts that clients authenticate as. @module */
import type { MaybePromise } from "./hooks.ts";
import type { Rate } from "./rate.ts";
import type { ScramVerifier } from "./scram_verifier.ts";

/** Somebody who may submit mail. */
export interface Account {
  /** The name that the client gives (the authentication identity), prepared for comparison. */
  readonly name: string;
  /** What its password is checked against. */
  readonly verifier: ScramVerifier;
  /** The addresses that it may send from: `user@example.org`, or `@example.org` for all of a domain. Empty: any. */
  readonly allowedFrom: readonly string[];
  /** How many messages it may submit in a time; as many as it likes unless there is one. */
  readonly quota?: Rate;
}

/** Where accounts are looked up. */
export interface Accounts {
  /**
   * Finds an account by its name, which has been prepared (RFC 4013) and is compared exactly. A failure
   * to look rejects or throws, and the client is told to come again.
   */
  find(name: string): MaybePromise<Account | undefined>;
}
