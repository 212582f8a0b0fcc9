/** What the tests of SASL share: a session, accounts, and a client of SCRAM made of other parts. */

import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { SaslExchange, SaslServer, SaslSession, SaslStep } from "../../../lib/policy/sasl.ts";
import type { Account, Accounts } from "../../../lib/policy/accounts.ts";
import { parseVerifier } from "../../../lib/policy/scram_verifier.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const session: SaslSession = {
  id: "s1",
  remote: { address: "192.0.2.1", port: 1025 },
  local: { address: "192.0.2.2", port: 587 },
  protocol: "ESMTP",
  heloName: "client.example",
  tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" },
  account: undefined,
  endPoint: undefined,
};

export const bound: SaslSession = { ...session, endPoint: Uint8Array.of(1, 2, 254, 255) };
export const plaintext: SaslSession = { ...session, tls: undefined };

/** The account of the example of RFC 7677 section 3: its password is `pencil`. */
export const user: Account = {
  name: "user",
  verifier: parseVerifier(
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
      "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  ),
  allowedFrom: [],
};

export function accountsOf(...accounts: readonly Account[]): Accounts {
  return { find: (name) => accounts.find((account) => account.name === name) };
}

export function octets(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A step in one line: `334 challenge`, `235 account`, or the reply. */
export function lineOf(step: SaslStep): string {
  if (step.kind === "challenge") return `334 ${decoder.decode(step.octets)}`;
  if (step.kind === "success") return `235 ${step.account}`;
  return `${step.reply.code} ${step.reply.enhanced} ${step.reply.lines.join(" ")}`;
}

/** Begins an exchange by a mechanism that is offered. */
export function begin(server: SaslServer, mechanism: string, of = session): SaslExchange {
  const exchange = server.begin(mechanism, of);
  if (exchange === undefined) throw new Error(`${mechanism} is not offered`);
  return exchange;
}

/** Says responses one after another until the exchange is over, and writes down the steps. */
export async function converse(
  exchange: SaslExchange,
  ...responses: readonly (string | Uint8Array | undefined)[]
): Promise<string[]> {
  const lines: string[] = [];
  for (const response of responses) {
    const step = await exchange.next(typeof response === "string" ? octets(response) : response);
    lines.push(lineOf(step));
    if (step.kind !== "challenge") break;
  }
  return lines;
}

export const WRONG = "535 5.7.8 Authentication credentials invalid";

export interface ScramClient {
  readonly header?: string;
  readonly binding?: Uint8Array;
  readonly name?: string;
  readonly password?: string;
  /** Stands in for the attributes behind the nonce of the last message. */
  readonly extension?: string;
}

function hmac(key: Uint8Array, text: string): Uint8Array {
  return createHmac("sha256", key).update(text).digest();
}

/** A client of SCRAM: its first message, and the last one with what the server must say to it. */
export function scramClient(
  { header = "n,,", binding, name = "user", password = "pencil", extension = "" }: ScramClient,
): { first: string; last(serverFirst: string): { message: string; verifier: string } } {
  const bare = `n=${name},r=abcdefgh`;
  return {
    first: header + bare,
    last(serverFirst) {
      const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=([0-9]+)$/.exec(serverFirst) ??
        [];
      const salted = pbkdf2Sync(
        password,
        Uint8Array.fromBase64(salt),
        Number(iterations),
        32,
        "sha256",
      );
      const input = new Uint8Array([...octets(header), ...(binding ?? [])]);
      const withoutProof = `c=${input.toBase64()},r=${nonce}${extension}`;
      const authMessage = `${bare},${serverFirst},${withoutProof}`;
      const clientKey = hmac(salted, "Client Key");
      const storedKey = createHash("sha256").update(clientKey).digest();
      const signature = hmac(storedKey, authMessage);
      const proof = new Uint8Array(clientKey.map((octet, i) => octet ^ signature[i]));
      const serverSignature = new Uint8Array(hmac(hmac(salted, "Server Key"), authMessage));
      return {
        message: `${withoutProof},p=${proof.toBase64()}`,
        verifier: `v=${serverSignature.toBase64()}`,
      };
    },
  };
}

/** Counts how often PBKDF2 goes round while work is done. */
export async function derivationsIn(work: () => Promise<unknown>): Promise<number[]> {
  const { deriveBits } = crypto.subtle;
  const rounds: number[] = [];
  crypto.subtle.deriveBits = function (algorithm, key, length) {
    rounds.push((algorithm as Pbkdf2Params).iterations);
    return deriveBits.call(crypto.subtle, algorithm, key, length);
  };
  try {
    await work();
  } finally {
    crypto.subtle.deriveBits = deriveBits;
  }
  return rounds;
}
