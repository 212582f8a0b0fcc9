/** The accounts that clients authenticate as. @module */
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import { parseDomain } from "./domain.ts";
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

/**
 * Says whether an account may send from an address. Domains are compared as they always are; local
 * parts without regard to case, since hardly anybody has two mailboxes that differ in nothing else.
 */
export function maySendFrom(account: Pick<Account, "allowedFrom">, mailbox: Mailbox): boolean {
  const { allowedFrom } = account;
  if (allowedFrom.length === 0) return true;
  const domain = parseDomain(mailbox.domain);
  if (domain === undefined) return false;
  const address = formatMailbox({ localPart: mailbox.localPart, domain }).toLowerCase();
  return allowedFrom.some((allowed) =>
    allowed === `@${domain}` || allowed.toLowerCase() === address
  );
}
