/** Whose password it is that a client has sent in clear: what PLAIN and LOGIN ask. @module */
import type { Accounts } from "../accounts.ts";
import type { MaybePromise } from "../hooks.ts";
import { checkPassword, type ScramVerifier } from "../scram_verifier.ts";
import { KnownPasswords } from "./known_passwords.ts";
import { preparedCredential } from "./mechanism.ts";
import type { InTurn } from "./turns.ts";

/** Answers the name of the account that has this name and password, if one has. */
export type PasswordCheck = (name: string, password: string) => Promise<string | undefined>;

/** What a check against accounts needs. */
export interface AccountPasswordOptions {
  /** Where names are looked up. */
  readonly accounts: Accounts;
  /** The verifier that stands in for that of a name without an account. */
  readonly unknown: (name: string) => Promise<ScramVerifier>;
  /** Bounds how many passwords are hashed at once. */
  readonly inTurn: InTurn;
}

/**
 * Makes what checks against accounts, for clients that let others go first and for those that do not. A
 * name that nobody has costs as much time as a wrong password, so that nobody learns which names there are;
 * a password that was right before costs next to none.
 */
export function accountPasswords(
  { accounts, unknown, inTurn }: AccountPasswordOptions,
): (yields: () => boolean) => PasswordCheck {
  const known = new KnownPasswords();
  return (yields) => async (name, password) => {
    const prepared = preparedCredential(name);
    if (prepared === undefined) return undefined;
    const account = await accounts.find(prepared);
    if (known.has(prepared, account?.verifier, password)) return account?.name;
    const isRight = await inTurn(async () => {
      // Made for every name, since making it takes time.
      const standIn = await unknown(prepared);
      return await checkPassword(account?.verifier ?? standIn, password);
    }, yields());
    if (!isRight || account === undefined) return undefined;
    known.add(prepared, account.verifier, password);
    return account.name;
  };
}

/** Checks by a program's own database, which gets both prepared (RFC 4013). */
export function foreignPassword(
  isRight: (name: string, password: string) => MaybePromise<boolean>,
): PasswordCheck {
  return async (name, password) => {
    const preparedName = preparedCredential(name);
    const preparedPassword = preparedCredential(password);
    if (preparedName === undefined || preparedPassword === undefined) return undefined;
    return await isRight(preparedName, preparedPassword) ? preparedName : undefined;
  };
}
