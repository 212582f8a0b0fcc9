/**
 * What is kept of a password: the SCRAM-SHA-256 verifier of RFC 5803 and RFC 7677, against which a
 * password can be checked and a SCRAM exchange be held, and from which it cannot be read.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { decodeBase64, encodeBase64 } from "../smtp/base64.ts";
import { hmac, KEY_LENGTH, saltedPassword, sha256 } from "./sasl/sha256.ts";
import { saslPrep } from "./saslprep.ts";

/** A verifier of a password. */
export interface ScramVerifier {
  /** 8 to 64 octets, other for every account. */
  readonly salt: Uint8Array;
  /** How often the hash goes round, 4,096 to 10,000,000. */
  readonly iterations: number;
  /** `H(HMAC(SaltedPassword, "Client Key"))`: 32 octets. */
  readonly storedKey: Uint8Array;
  /** `HMAC(SaltedPassword, "Server Key")`: 32 octets. */
  readonly serverKey: Uint8Array;
}

/**
 * What RFC 7677 section 4 arrived at for a tenth of a second on a client of its time. More would slow
 * down whoever steals the file, and us as well: with PLAIN and LOGIN it is the server that pays, and
 * 15,000 take 3 to 4 ms of one core of the machine that this was measured on, so that a core bears
 * some 250 guesses a second. SCRAM costs the server next to nothing.
 */
export const DEFAULT_ITERATIONS = 15_000;

/** RFC 7677 section 2: the iteration count that a server announces should be at least 4096. */
const MIN_ITERATIONS = 4_096;

/** Two to three seconds of a core: whoever can edit the file can hold up no more than a thread with it. */
const MAX_ITERATIONS = 10_000_000;

const MIN_SALT_LENGTH = 8;
const MAX_SALT_LENGTH = 64;

/** How many octets of salt there are, unless told otherwise. */
export const SALT_LENGTH = 16;

const encoder = new TextEncoder();

/** An array whose buffer is its own, as `crypto.subtle` asks for. */
type Octets = Uint8Array<ArrayBuffer>;

/** Prepares a password for comparison, as RFC 5802 section 2.2 has it. The error does not repeat it. */
function prepared(password: string): Octets {
  if (/\p{Cc}/u.test(password)) {
    throw new SyntaxError("Cannot use a password that holds a control character");
  }
  const text = saslPrep(password);
  if (text === "") throw new SyntaxError("Cannot use an empty password");
  return encoder.encode(text);
}

async function keysOf(
  password: Octets,
  salt: Uint8Array,
  iterations: number,
): Promise<Pick<ScramVerifier, "storedKey" | "serverKey">> {
  const salted = await saltedPassword(password, salt, iterations);
  const clientKey = await hmac(salted, "Client Key");
  return { storedKey: sha256(clientKey), serverKey: await hmac(salted, "Server Key") };
}

function hasGoodIterations(iterations: number): boolean {
  return Number.isInteger(iterations) && iterations >= MIN_ITERATIONS &&
    iterations <= MAX_ITERATIONS;
}

function hasGoodSalt(salt: Uint8Array): boolean {
  return salt.length >= MIN_SALT_LENGTH && salt.length <= MAX_SALT_LENGTH;
}

/**
 * Makes the verifier of a password (RFC 5802 section 3), on a thread beside this one.
 *
 * @param options.salt 8 to 64 octets; 16 random ones unless given
 * @param options.iterations 4,096 to 10,000,000; 15,000 unless given
 * @throws {SyntaxError} for a password that cannot be one: empty, or with control characters
 * @throws {RangeError} for a salt or a count outside of its limits
 */
export async function makeVerifier(
  password: string,
  options: { readonly salt?: Uint8Array; readonly iterations?: number } = {},
): Promise<ScramVerifier> {
  const {
    salt = crypto.getRandomValues(new Uint8Array(SALT_LENGTH)),
    iterations = DEFAULT_ITERATIONS,
  } = options;
  if (!hasGoodIterations(iterations)) {
    throw new RangeError(
      `Cannot use ${iterations} iterations: give ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`,
    );
  }
  if (!hasGoodSalt(salt)) {
    throw new RangeError(
      `Cannot use a salt of ${salt.length} octets: give ${MIN_SALT_LENGTH} to ${MAX_SALT_LENGTH}`,
    );
  }
  return { salt, iterations, ...await keysOf(prepared(password), salt, iterations) };
}

/**
 * Says whether a password is the one that a verifier was made of, in the same time whichever octet of
 * the keys differs. A text that cannot be a password is not.
 */
export async function checkPassword(verifier: ScramVerifier, password: string): Promise<boolean> {
  let octets: Octets;
  try {
    octets = prepared(password);
  } catch {
    return false;
  }
  const { storedKey } = await keysOf(octets, verifier.salt, verifier.iterations);
  return timingSafeEqual(storedKey, verifier.storedKey);
}

/** Writes a verifier as {@linkcode parseVerifier} reads it and as PostgreSQL keeps its own. */
export function formatVerifier(verifier: ScramVerifier): string {
  const { salt, iterations, storedKey, serverKey } = verifier;
  return `SCRAM-SHA-256$${iterations}:${encodeBase64(salt)}` +
    `$${encodeBase64(storedKey)}:${encodeBase64(serverKey)}`;
}

/**
 * Reads a verifier. The errors say which part is wrong, and repeat none of it.
 *
 * ```abnf
 * verifier   = "SCRAM-SHA-256$" iterations ":" salt "$" stored-key ":" server-key
 * iterations = %x31-39 *DIGIT  ; 4096 to 10000000
 * salt       = base64          ; 8 to 64 octets
 * stored-key = base64          ; 32 octets
 * server-key = base64          ; 32 octets
 * ```
 *
 * @throws {SyntaxError} for anything else
 */
export function parseVerifier(text: string): ScramVerifier {
  const match = /^SCRAM-SHA-256\$([^:$]*):([^:$]*)\$([^:$]*):([^:$]*)$/.exec(text);
  if (match === null) {
    throw new SyntaxError(
      "Cannot read a verifier: it is written SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey",
    );
  }
  const iterations = /^[1-9][0-9]{0,7}$/.test(match[1]) ? Number(match[1]) : NaN;
  if (!hasGoodIterations(iterations)) {
    throw new SyntaxError(
      `Cannot read a verifier: its iterations are no number from ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`,
    );
  }
  const salt = decodeBase64(match[2]);
  if (salt === undefined || !hasGoodSalt(salt)) {
    throw new SyntaxError(
      `Cannot read a verifier: its salt is no base64 of ${MIN_SALT_LENGTH} to ${MAX_SALT_LENGTH} octets`,
    );
  }
  const [storedKey, serverKey] = match.slice(3).map(decodeBase64);
  if (storedKey?.length !== KEY_LENGTH) {
    throw new SyntaxError("Cannot read a verifier: its StoredKey is no base64 of 32 octets");
  }
  if (serverKey?.length !== KEY_LENGTH) {
    throw new SyntaxError("Cannot read a verifier: its ServerKey is no base64 of 32 octets");
  }
  return { salt, iterations, storedKey, serverKey };
}
