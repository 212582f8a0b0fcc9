import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import type { ClientTlsFacts } from "../../../lib/net/tls_transport.ts";
import { chooseMechanism, type SaslServer } from "../../../lib/relay/sasl_client/choice.ts";
import {
  type Proof,
  SaslFault,
  type SaslMechanism,
} from "../../../lib/relay/sasl_client/mechanism.ts";

const PASSWORD: Proof = { kind: "password", user: "ann", password: "p" };
const TOKEN: Proof = { kind: "token", user: "a,n=n", token: "t0k" };
const VERIFIED: ClientTlsFacts = { version: "TLSv1.3", cipher: "X", isVerified: true };
const UNVERIFIED: ClientTlsFacts = { ...VERIFIED, isVerified: false, problem: "self-signed" };
const END_POINT = new Uint8Array(32);

function choose(proof: Proof, offered: string, more: Partial<SaslServer> = {}) {
  const names = offered === "" ? [] : offered.split(" ");
  return chooseMechanism(proof, { host: "mx.test", port: 587, offered: names, ...more });
}

const text = (octets: Uint8Array | undefined) => octets && new TextDecoder().decode(octets);

Deno.test("client speaks the strongest mechanism that gives nothing away", () => {
  const all = "LOGIN PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS OAUTHBEARER CRAM-MD5";
  const table: [Proof, offered: string, Partial<SaslServer>, chosen: string][] = [
    [PASSWORD, all, { tls: VERIFIED, endPoint: END_POINT }, "SCRAM-SHA-256-PLUS"],
    [PASSWORD, all, { tls: UNVERIFIED, endPoint: END_POINT }, "SCRAM-SHA-256-PLUS"],
    [PASSWORD, all, { tls: VERIFIED }, "SCRAM-SHA-256"],
    [PASSWORD, all, {}, "SCRAM-SHA-256"],
    [PASSWORD, "LOGIN PLAIN", { tls: VERIFIED }, "PLAIN"],
    [PASSWORD, "LOGIN", { tls: VERIFIED }, "LOGIN"],
    [TOKEN, all, { tls: VERIFIED }, "OAUTHBEARER"],
    [
      PASSWORD,
      "LOGIN PLAIN",
      {},
      "PLAIN and LOGIN would give the password away: the session is not encrypted",
    ],
    [
      PASSWORD,
      "LOGIN",
      { tls: UNVERIFIED },
      "LOGIN would give the password away: its certificate is not verified (self-signed)",
    ],
    [
      TOKEN,
      all,
      { tls: UNVERIFIED },
      "OAUTHBEARER would give the token away: its certificate is not verified (self-signed)",
    ],
    [TOKEN, "PLAIN", { tls: VERIFIED }, "it offers none of OAUTHBEARER to authenticate by a token"],
    [
      PASSWORD,
      "CRAM-MD5",
      { tls: VERIFIED },
      "it offers none of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN to authenticate by a password",
    ],
    [PASSWORD, "", { tls: VERIFIED }, "it offers no AUTH"],
    [
      { ...PASSWORD, user: "\ue000" },
      "SCRAM-SHA-256",
      {},
      "the user or password has a character that SASLprep (RFC 4013) does not allow",
    ],
  ];
  for (const [proof, offered, more, chosen] of table) {
    const made = choose(proof, offered, more);
    assertEquals(typeof made === "string" ? made : made.name, chosen);
  }
});

Deno.test("client tells the server when an offer of channel binding is missing", () => {
  const table: [offered: string, Partial<SaslServer>, header: string][] = [
    ["SCRAM-SHA-256", { tls: VERIFIED, endPoint: END_POINT }, "y,,"],
    ["SCRAM-SHA-256", { tls: VERIFIED }, "n,,"],
    ["SCRAM-SHA-256 SCRAM-SHA-256-PLUS", {}, "n,,"],
  ];
  for (const [offered, more, header] of table) {
    const made = choose(PASSWORD, offered, more) as SaslMechanism;
    assertEquals(text(made.initialResponse)?.slice(0, 3), header);
  }
});

Deno.test("PLAIN and LOGIN say who and what, and no more than that", () => {
  const plain = choose(PASSWORD, "PLAIN", { tls: VERIFIED }) as SaslMechanism;
  assertEquals(text(plain.initialResponse), "\0ann\0p");
  assertThrows(() => plain.respond(new Uint8Array()), SaslFault, "PLAIN does not have");
  const login = choose(PASSWORD, "LOGIN", { tls: VERIFIED }) as SaslMechanism;
  assertEquals(login.initialResponse, undefined);
  assertEquals(text(login.respond(new Uint8Array()) as Uint8Array), "ann");
  assertEquals(login.isComplete, false);
  assertEquals(text(login.respond(new Uint8Array()) as Uint8Array), "p");
  assertEquals(login.isComplete, true);
  assertThrows(() => login.respond(new Uint8Array()), SaslFault, "LOGIN does not have");
});

Deno.test("OAUTHBEARER is as RFC 7628 has it", () => {
  const made = choose(TOKEN, "OAUTHBEARER", { tls: VERIFIED });
  assertInstanceOf(made, Object);
  const bearer = made as SaslMechanism;
  assertEquals(
    text(bearer.initialResponse),
    "n,a=a=2Cn=3Dn,\x01host=mx.test\x01port=587\x01auth=Bearer t0k\x01\x01",
  );
  assertEquals(bearer.isComplete, true);
  assertEquals(text(bearer.respond(new Uint8Array()) as Uint8Array), "\x01");
  // What comes behind a failure is no success.
  assertEquals(bearer.isComplete, false);
});
