/** Whether a client may come in, by what its Authorization field says. @module */
import { timingSafeEqual } from "node:crypto";
import type { Log } from "../net/log.ts";
import type { Accounts } from "../policy/accounts.ts";
import type { ClientLimits } from "../policy/client_limits.ts";
import type { Clock } from "../policy/clock.ts";
import { putLast } from "../policy/limited_map.ts";
import { accountPasswords } from "../policy/sasl/password.ts";
import { MAX_CREDENTIAL_LENGTH } from "../policy/sasl/mechanism.ts";
import { sha256 } from "../policy/sasl/sha256.ts";
import { turns } from "../policy/sasl/turns.ts";
import { unknownVerifiers } from "../policy/sasl/unknown_account.ts";
import { DEFAULT_ITERATIONS } from "../policy/scram_verifier.ts";
import type { Endpoint } from "../policy/session.ts";
import { decodeBase64, encodeBase64 } from "../smtp/base64.ts";
import { WebError } from "./responses.ts";

/** Who may come in. */
export interface WebAccess {
  /** Those who may, with their passwords. */
  readonly accounts?: Accounts;
  /** What lets anybody in who knows it: at least 16 characters of RFC 6750's `b64token`. */
  readonly token?: string;
  /** What failed logins are counted with, those by SMTP and ours alike. */
  readonly clients: ClientLimits;
}

/** Lets a client in and answers who it is, by its Authorization field. */
export type Login = (authorization: string | null, client: Endpoint) => Promise<string>;

/** What logins need. */
export interface LoginOptions {
  readonly access: WebAccess;
  readonly clock: Clock;
  readonly log: Log;
}

/** What who came with the token is called in the log. */
const TOKEN_HOLDER = "(token)";

/** `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="` (RFC 6750 section 2.1). */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,}=*$/;

/** Whether a text is a token that nobody guesses. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** How long a login is remembered, in milliseconds: a browser shows the password with each request. */
const REMEMBERED = 5 * 60_000;
const MOST_REMEMBERED = 1000;

/** How many logins may be looked at or put off at once, in all and of a client network. */
const MOST_AT_ONCE = 200;
const MOST_OF_NETWORK = 8;

/** Passwords that are hashed at once, and that wait for it. */
const HASHING = { atOnce: 1, waiting: MOST_AT_ONCE };

const encoder = new TextEncoder();

function unauthorized(message: string): WebError {
  return new WebError(401, message, {
    "www-authenticate": 'Basic realm="smtpd", charset="UTF-8"',
  });
}

/** What a client shows: a token, or a name and a password (RFC 7617). */
type Credentials =
  | { readonly token: string }
  | { readonly name: string; readonly password: string };

function parseAuthorization(text: string): Credentials | undefined {
  const [, scheme, value] = /^(bearer|basic) +([^ ]+)$/i.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  if (scheme.toLowerCase() === "bearer") return { token: value };
  const octets = decodeBase64(value);
  // A name and a password, and the colon between.
  if (octets === undefined || octets.length > 2 * MAX_CREDENTIAL_LENGTH + 1) return undefined;
  const pair = new TextDecoder("utf-8", { ignoreBOM: true }).decode(octets);
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : { name: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** Makes a comparison with a secret that takes the same time whatever it is compared with. */
function isSecret(secret: string | undefined): (text: string) => boolean {
  if (secret === undefined) return () => false;
  const hash = sha256(encoder.encode(secret));
  return (text) => timingSafeEqual(sha256(encoder.encode(text)), hash);
}

/**
 * Makes the way in.
 *
 * @throws {RangeError} if nobody could come in, or the token can be guessed
 */
export function makeLogin({ access, clock, log }: LoginOptions): Login {
  const { accounts, token, clients } = access;
  if (accounts === undefined && token === undefined) {
    throw new RangeError("Cannot let anybody in: there are neither accounts nor a token");
  }
  if (token !== undefined && !isToken(token)) {
    throw new RangeError("Cannot use the token: it takes 16 or more letters, digits and ._~+/-");
  }
  const isOurs = isSecret(token);
  const unknown = unknownVerifiers(crypto.getRandomValues(new Uint8Array(32)), DEFAULT_ITERATIONS);
  const passwords = accounts && accountPasswords({ accounts, unknown, inTurn: turns(HASHING) });
  /** Who has come in, by the hash of what was shown; oldest first. */
  const remembered = new Map<string, { readonly who: string; readonly until: number }>();
  /** What is being looked at: a browser asks for several things at once. */
  const underWay = new Map<string, Promise<string>>();
  const networks = new Map<string, number>();

  async function find(credentials: Credentials, client: Endpoint): Promise<string | undefined> {
    if ("token" in credentials) return isOurs(credentials.token) ? TOKEN_HOLDER : undefined;
    const { name, password } = credentials;
    if (isOurs(password)) return TOKEN_HOLDER;
    if (passwords === undefined) return undefined;
    // Whoever guesses from many networks must not keep the others from logging in.
    const check = passwords(() => clients.hasFailed({ remote: client, account: undefined }));
    try {
      return await check(name, password);
    } catch (error) {
      log("warn", "login-failed", { client: client.address, error: `${error}` });
      throw new WebError(503, "Cannot tell who you are for now, try again later");
    }
  }

  async function attempt(authorization: string, client: Endpoint): Promise<string> {
    const limited = { remote: client, account: undefined };
    const refuse = (error: WebError) => {
      log("warn", "refused", {
        client: client.address,
        step: "web login",
        code: error.status,
        reply: error.message,
      });
      return error;
    };
    const refusal = clients.mayTry(limited);
    if (refusal !== undefined) throw refuse(new WebError(429, refusal.lines[0]));
    const credentials = parseAuthorization(authorization);
    const who = credentials && await find(credentials, client);
    if (who === undefined) {
      await clients.failed(limited);
      throw refuse(unauthorized("Cannot let you in: the name, the password or the token is wrong"));
    }
    clients.succeeded(limited);
    return who;
  }

  /** Makes an attempt, if there are not too many. */
  async function attemptInBounds(authorization: string, client: Endpoint): Promise<string> {
    const network = clients.networkOf(client.address) ?? client.address;
    const count = networks.get(network) ?? 0;
    if (underWay.size >= MOST_AT_ONCE || count >= MOST_OF_NETWORK) {
      throw new WebError(429, "Too many logins at once, try again later");
    }
    networks.set(network, count + 1);
    try {
      return await attempt(authorization, client);
    } finally {
      const rest = networks.get(network)! - 1;
      if (rest === 0) networks.delete(network);
      else networks.set(network, rest);
    }
  }

  return async (authorization, client) => {
    if (authorization === null) {
      throw unauthorized("Cannot let you in: give a name and a password, or a token");
    }
    const key = encodeBase64(sha256(encoder.encode(authorization)));
    const known = remembered.get(key);
    if (known !== undefined && known.until > clock.now()) return known.who;
    // The same from another address is another login: failures are counted by client.
    const login = `${key} ${client.address}`;
    let found = underWay.get(login);
    if (found === undefined) {
      found = attemptInBounds(authorization, client).finally(() => underWay.delete(login));
      underWay.set(login, found);
    }
    const who = await found;
    putLast(remembered, key, { who, until: clock.now() + REMEMBERED }, MOST_REMEMBERED);
    return who;
  };
}
