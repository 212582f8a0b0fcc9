import {
  assertEquals,
  assertFalse,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  checkPassword,
  formatVerifier,
  makeVerifier,
  parseVerifier,
} from "../../lib/policy/scram_verifier.ts";

const encoder = new TextEncoder();

/** The example of RFC 7677 section 3: the account `user` and its password `pencil`. */
const example = {
  salt: Uint8Array.fromBase64("W22ZaJ0SNY7soEsUEjb6gQ=="),
  iterations: 4_096,
  authMessage: "n=user,r=rOprNGfwEbeRWgbNEkqO," +
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," +
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  clientProof: Uint8Array.fromBase64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
  serverSignature: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

async function hmac(key: Uint8Array, text: string): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey(
    "raw",
    new Uint8Array(key),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

Deno.test("verifier holds the exchange that RFC 7677 gives as its example", async () => {
  const { salt, iterations, authMessage, clientProof, serverSignature } = example;
  const { storedKey, serverKey } = await makeVerifier("pencil", { salt, iterations });
  // RFC 5802 section 3: ClientProof = ClientKey XOR ClientSignature, and StoredKey = H(ClientKey).
  const clientSignature = await hmac(storedKey, authMessage);
  const clientKey = clientProof.map((octet, i) => octet ^ clientSignature[i]);
  assertEquals(new Uint8Array(await crypto.subtle.digest("SHA-256", clientKey)), storedKey);
  assertEquals((await hmac(serverKey, authMessage)).toBase64(), serverSignature);
});

/** The example's verifier, as PostgreSQL writes it. */
const written = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

Deno.test("verifier is written as PostgreSQL writes it, and read again", async () => {
  assertEquals(formatVerifier(await makeVerifier("pencil", example)), written);
  assertEquals(formatVerifier(parseVerifier(written)), written);
});

Deno.test("verifier knows its password, and no other", async () => {
  const verifier = parseVerifier(written);
  assertEquals(await checkPassword(verifier, "pencil"), true);
  for (const wrong of ["", "Pencil", "pencil ", "pencil\n", "pencils", "\0", "penci\u0301l"]) {
    assertEquals(await checkPassword(verifier, wrong), false, JSON.stringify(wrong));
  }
});

Deno.test("verifier takes a password however its characters are composed", async () => {
  const verifier = await makeVerifier("caf\u00e9 \u2168", { iterations: 4_096 });
  assertEquals(await checkPassword(verifier, "cafe\u0301 IX"), true);
  assertEquals(await checkPassword(verifier, "caf\u00e9\u00a0I\u00adX"), true);
  assertEquals(await checkPassword(verifier, "cafe IX"), false);
  assertEquals(await checkPassword(verifier, "caf\u00e9 IX\u{1f600}"), false);
});

Deno.test("verifier has 16 random octets of salt and 15,000 iterations unless told otherwise", async () => {
  const [one, other] = [await makeVerifier("pencil"), await makeVerifier("pencil")];
  assertEquals([one.salt.length, one.iterations], [16, 15_000]);
  assertNotEquals(one.salt, other.salt);
  assertNotEquals(one.storedKey, other.storedKey);
});

Deno.test("verifier is made of no password that cannot be one, and the error does not repeat it", async () => {
  for (const password of ["", "\u00ad", "secret\n", "se\0cret", "secret\u007f", "secret\ue000"]) {
    const error = await assertRejects(() => makeVerifier(password), SyntaxError, "password");
    assertFalse(error.message.includes("secret"));
  }
});

Deno.test("verifier is made within the limits of its salt and its iterations", async () => {
  for (const iterations of [0, 4_095, 10_000_001, 4_096.5, NaN, -15_000]) {
    await assertRejects(() => makeVerifier("pencil", { iterations }), RangeError, "iterations");
  }
  for (const length of [0, 7, 65]) {
    const salt = new Uint8Array(length);
    await assertRejects(() => makeVerifier("pencil", { salt }), RangeError, "salt");
  }
});

const salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
const key = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=";

const malformed: readonly (readonly [text: string, complaint: string])[] = [
  ["", "it is written"],
  ["pencil", "it is written"],
  [` ${written}`, "it is written"],
  [`${written}:`, "it is written"],
  [`${written}$`, "it is written"],
  [written.replace("256", "1"), "it is written"],
  [written.replace("SCRAM", "scram"), "it is written"],
  [`SCRAM-SHA-256$${salt}$${key}:${key}`, "it is written"],
  [`SCRAM-SHA-256$:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$4095:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$10000001:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$04096:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$4096.0:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$1e5:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$-4096:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$99999999999999999999:${salt}$${key}:${key}`, "its iterations"],
  [`SCRAM-SHA-256$4096:$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:AAAA$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:${"AAAA".repeat(22)}$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gR==$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:W22ZaJ0SNY7s EsUEjb6gQ==$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:W22ZaJ0SNY7s-EsUEjb6gQ==$${key}:${key}`, "its salt"],
  [`SCRAM-SHA-256$4096:${salt}$:${key}`, "its StoredKey"],
  [`SCRAM-SHA-256$4096:${salt}$${salt}:${key}`, "its StoredKey"],
  [`SCRAM-SHA-256$4096:${salt}$${key.slice(1)}:${key}`, "its StoredKey"],
  [`SCRAM-SHA-256$4096:${salt}$${key}:`, "its ServerKey"],
  [`SCRAM-SHA-256$4096:${salt}$${key}:${key}\n`, "its ServerKey"],
  [`SCRAM-SHA-256$4096:${salt}$${key}:${key}AAAA`, "its ServerKey"],
];

Deno.test("verifier is read from nothing that is malformed", async (t) => {
  for (const [text, complaint] of malformed) {
    await t.step(JSON.stringify(text), () => {
      assertThrows(() => parseVerifier(text), SyntaxError, complaint);
    });
  }
});
