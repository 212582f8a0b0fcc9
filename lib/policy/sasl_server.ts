/**
 * Who authenticates clients (SASL, RFC 4422, as RFC 4954 has it): which mechanisms a client is offered, and
 * what becomes of the exchange by one of them.
 *
 * @module
 */
import { isPositive, type Reply, reply, SmtpError } from "../smtp/reply.ts";
import type { Accounts } from "./accounts.ts";
import type { MaybePromise } from "./hooks.ts";
import type { SaslExchange, SaslServer, SaslSession, SaslStep } from "./sasl.ts";
import { type BearerToken, oauthBearer, type TokenCheck, xoauth2 } from "./sasl/bearer.ts";
import { login } from "./sasl/login.ts";
import {
  EMPTY,
  malformed,
  type SaslMechanism,
  type SaslOutcome,
  WRONG_CREDENTIALS,
} from "./sasl/mechanism.ts";
import { accountPassword, foreignPassword, type PasswordCheck } from "./sasl/password.ts";
import { plain } from "./sasl/plain.ts";
import { scram } from "./sasl/scram.ts";
import { type TurnLimits, turns } from "./sasl/turns.ts";
import { unknownVerifiers } from "./sasl/unknown_account.ts";
import { DEFAULT_ITERATIONS } from "./scram_verifier.ts";
import type { Session } from "./session.ts";

export type { BearerToken } from "./sasl/bearer.ts";
export type { TurnLimits } from "./sasl/turns.ts";

/** What a server side of SASL is made of. */
export interface SaslServerOptions {
  /** Whose passwords there are. Without it, only hooks let somebody in. */
  readonly accounts?: Accounts;
  /** Whether AUTH is offered in plaintext, where who listens can read the passwords. */
  readonly allowPlaintext?: boolean;
  /**
   * Verifies a token of OAuth 2.0, and answers the name of the account that it lets in. OAUTHBEARER and
   * XOAUTH2 are offered only where there is one.
   */
  readonly token?: (session: SaslSession, token: BearerToken) => MaybePromise<string | undefined>;
  /**
   * Verifies a name and password by a program's own database, instead of `accounts`. Both are prepared
   * (RFC 4013). SCRAM is not offered then, since it shows no password.
   */
  readonly password?: (
    session: SaslSession,
    name: string,
    password: string,
  ) => MaybePromise<boolean>;
  /**
   * What makes up salts for names that have no account: 32 octets that nobody can guess. Made at random
   * unless given; a client can tell such names by their salt once it is another.
   */
  readonly secret?: Uint8Array;
  /** The iterations that names without an account seem to have: as many as most accounts have. */
  readonly iterations?: number;
  /** Makes so many random octets. */
  readonly random?: (n: number) => Uint8Array;
  /** How many passwords are hashed at once, and how many logins wait for that; 2 and 100. */
  readonly hashing?: TurnLimits;
  /** What is asked and told about logins. */
  readonly attempts?: {
    /** The reply that refuses a login to a client for now. */
    mayTry(session: Session): Reply | undefined;
    /** A login has failed. Settles when the client may be told. */
    failed(session: Session): MaybePromise<void>;
    /** A login has succeeded. */
    succeeded(session: Session): void;
  };
}

/** More than a line of AUTH has room for (RFC 4954 section 4: 12,288 octets of base64). */
const MAX_RESPONSE_LENGTH = 9216;

const OVER: SaslStep = {
  kind: "failure",
  reply: reply(503, "5.5.1", "No authentication is under way"),
};

function randomOctets(n: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(n));
}

/** Runs a mechanism for one client. */
function exchange(
  mechanism: SaslMechanism,
  session: SaslSession,
  attempts: SaslServerOptions["attempts"],
): SaslExchange {
  let steps: ReturnType<SaslMechanism> | undefined;
  /** What there is left to say, once the mechanism has come to its end. */
  let end: SaslStep | undefined;

  function advance(
    response: Uint8Array | undefined,
  ): Promise<IteratorResult<Uint8Array, SaslOutcome>> {
    if (response !== undefined && response.length > MAX_RESPONSE_LENGTH) {
      throw malformed(`it has more than ${MAX_RESPONSE_LENGTH} octets`);
    }
    if (steps !== undefined) return steps.next(response ?? EMPTY);
    steps = mechanism(response);
    return steps.next();
  }

  async function fail(reply: Reply): Promise<SaslStep> {
    end = OVER;
    if (reply.code === WRONG_CREDENTIALS.code) await attempts?.failed(session);
    return { kind: "failure", reply };
  }

  return {
    async next(response) {
      if (end !== undefined) {
        const step = end;
        end = OVER;
        return step;
      }
      const refusal = steps === undefined ? attempts?.mayTry(session) : undefined;
      if (refusal !== undefined) return await fail(refusal);
      let result: IteratorResult<Uint8Array, SaslOutcome>;
      try {
        result = await advance(response);
      } catch (error) {
        end = OVER;
        if (error instanceof SmtpError && !isPositive(error.reply)) return await fail(error.reply);
        throw error;
      }
      if (!result.done) return { kind: "challenge", octets: result.value };
      const outcome = result.value;
      if ("account" in outcome) {
        end = OVER;
        attempts?.succeeded(session);
        return { kind: "success", account: outcome.account };
      }
      const { refusal: reply, lastWord } = outcome;
      const failure = await fail(reply);
      // The failed login is counted before the last word: the client may cancel instead of answering it.
      if (lastWord === undefined) return failure;
      end = failure;
      return { kind: "challenge", octets: lastWord };
    },
  };
}

/**
 * Makes the server side of SASL. It fails with 535 5.7.8 for wrong credentials of any kind, 501 5.5.2 for a
 * response that the mechanism does not have, 454 4.7.0 where too many passwords wait to be hashed, and what
 * an `SmtpError` of a lookup or a hook says; anything else that these throw comes out of the exchange.
 *
 * Names that have no account take the same time and get the same reply as wrong passwords, and every
 * response has a limit.
 */
export function saslServer(options: SaslServerOptions): SaslServer {
  const { accounts, allowPlaintext = false, token, password, attempts } = options;
  const { random = randomOctets, iterations = DEFAULT_ITERATIONS } = options;
  const inTurn = turns(options.hashing ?? { atOnce: 2, waiting: 100 });
  const unknown = unknownVerifiers(options.secret ?? randomOctets(32), iterations);

  function scramFor(
    isPlus: boolean,
    { endPoint }: SaslSession,
  ): SaslMechanism | undefined {
    if (accounts === undefined || password !== undefined) return undefined;
    if (isPlus && endPoint === undefined) return undefined;
    return scram({ accounts, unknown, random, endPoint, isPlus });
  }

  function tokenFor(
    mechanism: (check: TokenCheck) => SaslMechanism,
    session: SaslSession,
  ): SaslMechanism | undefined {
    return token && mechanism((shown) => token(session, shown));
  }

  function passwordFor(
    mechanism: (check: PasswordCheck) => SaslMechanism,
    session: SaslSession,
  ): SaslMechanism | undefined {
    if (password !== undefined) {
      return mechanism(foreignPassword((name, text) => password(session, name, text)));
    }
    return accounts && mechanism(accountPassword({ accounts, unknown, inTurn }));
  }

  /** All mechanisms, best first; each has an exchange where it can be offered. */
  const all: ReadonlyMap<string, (session: SaslSession) => SaslMechanism | undefined> = new Map([
    ["SCRAM-SHA-256-PLUS", (session: SaslSession) => scramFor(true, session)],
    ["SCRAM-SHA-256", (session: SaslSession) => scramFor(false, session)],
    ["OAUTHBEARER", (session: SaslSession) => tokenFor(oauthBearer, session)],
    ["XOAUTH2", (session: SaslSession) => tokenFor(xoauth2, session)],
    ["PLAIN", (session: SaslSession) => passwordFor(plain, session)],
    ["LOGIN", (session: SaslSession) => passwordFor(login, session)],
  ]);

  function mechanismFor(name: string, session: SaslSession): SaslMechanism | undefined {
    return session.tls !== undefined || allowPlaintext ? all.get(name)?.(session) : undefined;
  }

  return {
    mechanisms: (session) =>
      [...all.keys()].filter((name) => mechanismFor(name, session) !== undefined),
    begin(name, session) {
      const mechanism = mechanismFor(name.toUpperCase(), session);
      return mechanism && exchange(mechanism, session, attempts);
    },
  };
}
