import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { SaslFault } from "../../../lib/relay/sasl_client/mechanism.ts";
import { Scram, type ScramOptions } from "../../../lib/relay/sasl_client/scram.ts";

const utf8 = new TextEncoder();
const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/** The example of RFC 7677 section 3. */
const NONCE = "rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

function scram(options: ScramOptions = {}): Scram {
  return new Scram({ kind: "password", user: "user", password: "pencil" }, {
    nonce: NONCE,
    ...options,
  });
}

async function fault(client: Scram, challenge: string): Promise<string> {
  const answer = Promise.resolve().then(() => client.respond(utf8.encode(challenge)));
  const error = await assertRejects(() => answer);
  assertInstanceOf(error, SaslFault);
  assertEquals(client.isComplete, false);
  return error.message;
}

Deno.test("SCRAM holds the example of RFC 7677", async () => {
  const client = scram();
  assertEquals(text(client.initialResponse), `n,,n=user,r=${NONCE}`);
  assertEquals(
    text(await client.respond(utf8.encode(SERVER_FIRST))),
    `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,` +
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  );
  assertEquals(client.isComplete, false);
  assertEquals(await client.respond(utf8.encode(SERVER_FINAL)), new Uint8Array(0));
  assertEquals(client.isComplete, true);
  await assertRejects(() => client.respond(utf8.encode("x")), SaslFault, "does not have");
});

Deno.test("SCRAM believes no server that does not know the password", async () => {
  for (
    const final of [
      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=",
      "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
      "v=",
      "v",
      "",
      "x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
      "v=6rri",
    ]
  ) {
    const client = scram();
    await client.respond(utf8.encode(SERVER_FIRST));
    assertEquals(await fault(client, final), "the server does not know the password itself");
  }
  const client = scram();
  await client.respond(utf8.encode(SERVER_FIRST));
  assertEquals(await fault(client, "e=other\r\n"), "the server says other\\x0d\\x0a");
});

Deno.test("SCRAM takes no first message that is not one", async () => {
  const nonce = "the nonce of SCRAM is not ours with the server's behind it";
  const malformed = "the first message of SCRAM is malformed";
  const table: [message: string, fault: string][] = [
    ["", malformed],
    ["r=x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", nonce],
    [`r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, nonce],
    [`r=x${NONCE}y,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`, nonce],
    [`r=${NONCE}y,s=W22ZaJ0SNY7soEsUEjb6gQ=,i=4096`, malformed],
    [`r=${NONCE}y,s=,i=4096`, malformed],
    [`m=1,r=${NONCE}y,s=AAAA,i=4096`, malformed],
    [`r=${NONCE} y,s=AAAA,i=4096`, malformed],
    [`r=${NONCE}y,s=AAAA,i=04096`, malformed],
    [`r=${NONCE}y,s=AAAA,i=-1`, malformed],
    [`r=${NONCE}y,s=AAAA,i=99999999999`, malformed],
    [`r=${NONCE}y,s=AAAA,i=4096x`, malformed],
    [
      `r=${NONCE}y,s=AAAA,i=4095`,
      "SCRAM with 4095 iterations is refused: 4096 to 1000000 are good",
    ],
    [
      `r=${NONCE}y,s=AAAA,i=1000001`,
      "SCRAM with 1000001 iterations is refused: 4096 to 1000000 are good",
    ],
  ];
  for (const [message, expected] of table) {
    assertEquals(await fault(scram(), message), expected, message);
  }
  await assertRejects(() => scram().respond(Uint8Array.of(255)), SaslFault, "not UTF-8");
});

Deno.test("SCRAM says what it is bound to", async () => {
  const endPoint = Uint8Array.from({ length: 32 }, (_, i) => i);
  const bound = scram({ endPoint });
  assertEquals(bound.name, "SCRAM-SHA-256-PLUS");
  assertEquals(text(bound.initialResponse), `p=tls-server-end-point,,n=user,r=${NONCE}`);
  const final = text(await bound.respond(utf8.encode(SERVER_FIRST)));
  const header = "p=tls-server-end-point,,";
  assertEquals(
    atob(/^c=([^,]*),/.exec(final)![1]),
    header + String.fromCharCode(...endPoint),
  );
  assertEquals(text(scram({ isPlusMissing: true }).initialResponse).slice(0, 3), "y,,");
});

Deno.test("SCRAM prepares the name and the password as the server does", async () => {
  const plain = new Scram({ kind: "password", user: "fi", password: "IX" }, { nonce: NONCE });
  const odd = new Scram({ kind: "password", user: "\ufb01", password: "\u2168" }, { nonce: NONCE });
  assertEquals(text(odd.initialResponse), text(plain.initialResponse));
  const first = utf8.encode(SERVER_FIRST);
  assertEquals(text(await odd.respond(first)), text(await plain.respond(first)));
});

Deno.test("SCRAM writes a name so that it stays one, and a nonce that is new each time", () => {
  const names = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const client = new Scram({ kind: "password", user: "a=b,c", password: "x" });
    const [, name, nonce] = /^n,,n=([^,]*),r=([A-Za-z0-9+/]{24})$/.exec(
      text(client.initialResponse),
    )!;
    assertEquals(name, "a=3Db=2Cc");
    names.add(nonce);
  }
  assertEquals(names.size, 20);
});
