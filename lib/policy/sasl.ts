/**
 * The server side of SASL (RFC 4422) as SMTP has it (RFC 4954): which mechanisms a client is offered, and
 * what becomes of the exchange by one of them. It has no socket, and no opinion on base64.
 *
 * @module
 */
import { isPositive, type Reply, reply, SmtpError } from "../smtp/reply.ts";
import type { Accounts } from "./accounts.ts";
import type { AuthAttempts } from "./client_limits.ts";
import type { MaybePromise } from "./hooks.ts";
import type { Session } from "./session.ts";
import { DEFAULT_ITERATIONS } from "./scram_verifier.ts";
import { type BearerToken, oauthBearer, type TokenCheck, xoauth2 } from "./sasl/bearer.ts";
import { login } from "./sasl/login.ts";
import {
  EMPTY,
  malformed,
  type SaslMechanism,
  type SaslOutcome,
  WRONG_CREDENTIALS,
} from "./sasl/mechanism.ts";
import { accountPasswords, foreignPassword, type PasswordCheck } from "./sasl/password.ts";
import { plain } from "./sasl/plain.ts";
import { scram } from "./sasl/scram.ts";
import { type TurnLimits, turns } from "./sasl/turns.ts";
import { unknownVerifiers } from "./sasl/unknown_account.ts";

export type { BearerToken } from "./sasl/bearer.ts";
export type { TurnLimits } from "./sasl/turns.ts";

/** One step of an exchange, the server's. */
export type SaslStep =
  | {
    readonly kind: "challenge";
    /** What to send, before base64. */
    readonly octets: Uint8Array;
  }
  | {
    readonly kind: "success";
    /** The name of the account that the client is now. */
    readonly account: string;
  }
  | {
    readonly kind: "failure";
    /**
     * 535 5.7.8 for wrong credentials of any kind, 501 5.5.2 for a response that the mechanism does not
     * have, 504 5.5.4 for a channel binding that we do not have, 454 4.7.0 for a failure that may pass,
     * 421 where too many logins of the client have failed.
     */
    readonly reply: Reply;
    /** What a lookup or a hook threw, for the log. */
    readonly error?: unknown;
  };

/** One exchange. It has no resources: one that is cancelled is just dropped. */
export interface SaslExchange {
  /** The name of the mechanism, as it is registered. */
  readonly mechanism: string;
  /** Takes the client's next response: the initial one at first, `undefined` where there is none. */
  next(response: Uint8Array | undefined): MaybePromise<SaslStep>;
}

/** A session as an exchange sees it. */
export interface SaslSession extends Session {
  /** tls-server-end-point of the session (RFC 5929 section 4); there is none in plaintext. */
  readonly endPoint: Uint8Array | undefined;
}

/** What clients are authenticated with. */
export interface SaslServer {
  /** What may be offered to this client now, best first. Nothing in plaintext unless that is allowed. */
  mechanisms(session: SaslSession): readonly string[];
  /** Begins an exchange by a mechanism that is offered; there is none by another. */
  begin(mechanism: string, session: SaslSession): SaslExchange | undefined;
}

/** Who may authenticate, and how (RFC 4954). */
export interface AuthOptions {
  /** Whose passwords there are. Without it, only hooks let somebody in. */
  readonly accounts?: Accounts;
  /** Whether AUTH is offered in plaintext, where who listens can read the passwords. */
  readonly allowPlaintext?: boolean;
  /**
   * Whether SCRAM-SHA-256-PLUS is offered, which binds a login to the certificate that the client was shown
   * (`tls-server-end-point`, RFC 5929). Clients that know other bindings alone, as those of GNU SASL, choose
   * it all the same, and cannot log in then.
   */
  readonly channelBinding?: boolean;
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
}

/** What a {@linkcode SaslServer} is made of. */
export interface SaslServerOptions extends AuthOptions {
  /**
   * What makes up salts for names that have no account: 32 octets that nobody can guess. Made at random
   * unless given; a client can tell such names by their salt once it is another.
   */
  readonly secret?: Uint8Array;
  /** The iterations that names without an account seem to have: as many as most accounts have. */
  readonly iterations?: number;
  /** Makes so many random octets. */
  readonly random?: (n: number) => Uint8Array;
  /** How many passwords are hashed at once, and how many logins wait for that; 2 and 1000. */
  readonly hashing?: TurnLimits;
  /** What is asked and told about logins. */
  readonly attempts?: AuthAttempts;
}

/** More than a line of AUTH has room for (RFC 4954 section 4: 12,288 octets of base64). */
const MAX_RESPONSE_LENGTH = 9216;

const PASSING = reply(454, "4.7.0", "Cannot tell who you are for now, try again later");
const OVER: SaslStep = {
  kind: "failure",
  reply: reply(503, "5.5.1", "No authentication is under way"),
};

function randomOctets(n: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(n));
}

/** Runs a mechanism for one client. */
function exchange(
  name: string,
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

  async function fail(reply: Reply, error?: unknown): Promise<SaslStep> {
    end = OVER;
    if (reply.code === WRONG_CREDENTIALS.code) await attempts?.failed(session);
    return error === undefined ? { kind: "failure", reply } : { kind: "failure", reply, error };
  }

  return {
    mechanism: name,
    async next(response) {
      if (end !== undefined) {
        const step = end;
        end = OVER;
        return step;
      }
      // At each step: who began many exchanges at once has not as many guesses for it.
      const refusal = attempts?.mayTry(session);
      if (refusal !== undefined) return await fail(refusal);
      let result: IteratorResult<Uint8Array, SaslOutcome>;
      try {
        result = await advance(response);
      } catch (error) {
        const isReply = error instanceof SmtpError && !isPositive(error.reply);
        return await (isReply ? fail(error.reply) : fail(PASSING, error));
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
 * Makes the server side of SASL. Names that have no account take the same time and get the same reply as
 * wrong passwords; passwords are hashed a few at a time, and every response has a limit.
 */
export function saslServer(options: SaslServerOptions): SaslServer {
  const { accounts, allowPlaintext = false, token, password, attempts } = options;
  const { channelBinding = false } = options;
  const { random = randomOctets, iterations = DEFAULT_ITERATIONS } = options;
  const inTurn = turns(options.hashing ?? { atOnce: 2, waiting: 1000 });
  const unknown = unknownVerifiers(options.secret ?? randomOctets(32), iterations);
  const passwords = accounts && accountPasswords({ accounts, unknown, inTurn });

  function scramFor(
    isPlus: boolean,
    session: SaslSession,
  ): SaslMechanism | undefined {
    if (accounts === undefined || password !== undefined) return undefined;
    const endPoint = channelBinding ? session.endPoint : undefined;
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
    // Whoever guesses from many networks must not keep the others from logging in.
    return passwords && mechanism(passwords(() => attempts?.hasFailed(session) ?? false));
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
    begin(named, session) {
      const name = named.toUpperCase();
      const mechanism = mechanismFor(name, session);
      return mechanism && exchange(name, mechanism, session, attempts);
    },
  };
}
