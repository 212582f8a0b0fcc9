import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { saslServer } from "../../../lib/policy/sasl.ts";
import {
  accountsOf,
  begin,
  bound,
  converse,
  octets,
  type ScramClient,
  scramClient,
  session,
  user,
  WRONG,
} from "./fixture.ts";

const accounts = accountsOf(
  user,
  { ...user, name: "a,b=c" },
  { ...user, name: "IX" },
);

/** The octets that make the server's nonce of RFC 7677 section 3. */
function exampleOctets(): Uint8Array {
  return Uint8Array.from("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", (character) => {
    const code = character.charCodeAt(0);
    return code - (code < 0x2c ? 0x21 : 0x22);
  });
}

Deno.test("SCRAM-SHA-256 holds the exchange that RFC 7677 gives as its example", async () => {
  const server = saslServer({ accounts, random: exampleOctets });
  const lines = await converse(
    begin(server, "SCRAM-SHA-256"),
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0," +
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "",
  );
  assertEquals(lines, [
    "334 r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "334 v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    "235 user",
  ]);
});

/** Holds an exchange with a client, and checks the server's last word to it. */
async function login(
  mechanism: string,
  of: typeof session,
  options: ScramClient,
  isInitial = true,
): Promise<string> {
  const exchange = begin(saslServer({ accounts, channelBinding: true }), mechanism, of);
  const client = scramClient(options);
  if (!isInitial) assertEquals(await converse(exchange, undefined), ["334 "]);
  const [serverFirst] = await converse(exchange, client.first);
  if (!serverFirst.startsWith("334 r=")) return serverFirst;
  const last = client.last(serverFirst.slice("334 ".length));
  const [serverFinal] = await converse(exchange, last.message);
  if (!serverFinal.startsWith("334 v=")) return serverFinal;
  assertEquals(serverFinal, `334 ${last.verifier}`);
  const [outcome] = await converse(exchange, "");
  return outcome;
}

const logins: readonly (readonly [
  why: string,
  mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS",
  of: typeof session,
  client: ScramClient,
  outcome: string,
])[] = [
  ["the password", "SCRAM-SHA-256", session, {}, "235 user"],
  ["a client that could bind the channel", "SCRAM-SHA-256", session, { header: "y,," }, "235 user"],
  ["its own name asked for", "SCRAM-SHA-256", session, { header: "n,a=user," }, "235 user"],
  ["nobody asked for", "SCRAM-SHA-256", session, { header: "n,a=," }, "235 user"],
  ["a name escaped", "SCRAM-SHA-256", session, { name: "a=2Cb=3Dc" }, "235 a,b=c"],
  ["a name to be prepared", "SCRAM-SHA-256", session, { name: "\u2168" }, "235 IX"],
  ["an extension", "SCRAM-SHA-256", session, { extension: ",x=y" }, "235 user"],
  ["PLUS offered to one that binds nothing", "SCRAM-SHA-256", bound, {}, "235 user"],
  [
    "a binding",
    "SCRAM-SHA-256-PLUS",
    bound,
    { header: "p=tls-server-end-point,,", binding: bound.endPoint },
    "235 user",
  ],
  [
    "a binding and a name",
    "SCRAM-SHA-256-PLUS",
    bound,
    { header: "p=tls-server-end-point,a=user,", binding: bound.endPoint },
    "235 user",
  ],
  ["a wrong password", "SCRAM-SHA-256", session, { password: "Pencil" }, WRONG],
  ["an unknown name", "SCRAM-SHA-256", session, { name: "nobody" }, WRONG],
  ["a name that is none", "SCRAM-SHA-256", session, { name: "us\u0007er" }, WRONG],
  ["a name of nothing", "SCRAM-SHA-256", session, { name: "\u00ad" }, WRONG],
  ["another name asked for", "SCRAM-SHA-256", session, { header: "n,a=root," }, WRONG],
  ["data without a binding", "SCRAM-SHA-256", session, { binding: bound.endPoint }, WRONG],
  [
    "the binding of another channel",
    "SCRAM-SHA-256-PLUS",
    bound,
    { header: "p=tls-server-end-point,,", binding: Uint8Array.of(1, 2, 254, 254) },
    WRONG,
  ],
  [
    "no data of the binding",
    "SCRAM-SHA-256-PLUS",
    bound,
    { header: "p=tls-server-end-point,," },
    WRONG,
  ],
  [
    "a downgrade",
    "SCRAM-SHA-256",
    bound,
    { header: "y,," },
    "535 5.7.8 SCRAM-SHA-256-PLUS was offered, and did not reach you",
  ],
  [
    "another type of binding",
    "SCRAM-SHA-256-PLUS",
    bound,
    { header: "p=tls-exporter,,", binding: bound.endPoint },
    "504 5.5.4 Cannot bind to the channel but by tls-server-end-point",
  ],
  [
    "a binding without PLUS",
    "SCRAM-SHA-256",
    bound,
    { header: "p=tls-server-end-point,,", binding: bound.endPoint },
    "501 5.5.2 Cannot read the response: SCRAM-SHA-256 goes without a channel binding",
  ],
  [
    "PLUS without a binding",
    "SCRAM-SHA-256-PLUS",
    bound,
    {},
    "501 5.5.2 Cannot read the response: SCRAM-SHA-256-PLUS goes with a channel binding",
  ],
  [
    "PLUS by one that knows of none",
    "SCRAM-SHA-256-PLUS",
    bound,
    { header: "y,," },
    "501 5.5.2 Cannot read the response: SCRAM-SHA-256-PLUS goes with a channel binding",
  ],
];

Deno.test("SCRAM lets in who has the password, over the channel that both see", async (t) => {
  for (const [why, mechanism, of, client, outcome] of logins) {
    await t.step(why, async () => {
      assertEquals(await login(mechanism, of, client), outcome);
      assertEquals(await login(mechanism, of, client, false), outcome);
    });
  }
});

Deno.test("SCRAM is not offered a channel to bind where there is none", () => {
  assertEquals(saslServer({ accounts }).begin("SCRAM-SHA-256-PLUS", session), undefined);
});

const firsts: readonly string[] = [
  "",
  "n",
  "n,",
  "n,,",
  "n,,n=user",
  "n,,n=user,",
  "n,,n=user,r=",
  "n,,n=,r=abc",
  "n,,r=abc,n=user",
  "n,,n=user,r=a\u00e4",
  "n,,n=user,r=a b",
  "n,,n=user,r=abc,",
  "n,,n=user,r=abc,x",
  "n,,n=user,r=abc,x=",
  "n,,n=user,r=abc,1=y",
  "n,,n=user,r=abc,xy=z",
  "n,,n=user,r=abc,r=def",
  "n,,n=user,r=abc,n=root",
  "n,,n=user,r=abc,p=def",
  "n,,n=us=er,r=abc",
  "n,,n=us=2cer,r=abc",
  "n,,n=us=,r=abc",
  "n,,n=us\0er,r=abc",
  "n,,N=user,r=abc",
  "n,,n=user,R=abc",
  " n,,n=user,r=abc",
  "\ufeffn,,n=user,r=abc",
  "n,user,n=user,r=abc",
  "n,a=us=er,n=user,r=abc",
  "n,a=us\0er,n=user,r=abc",
  "N,,n=user,r=abc",
  "x,,n=user,r=abc",
  "F,n,,n=user,r=abc",
  "p,,n=user,r=abc",
  "p=,,n=user,r=abc",
  "p=tls unique,,n=user,r=abc",
  "n,,n=user,r=abc\r\n",
  `n,,n=${"a".repeat(1025)},r=abc`,
  `n,,n=${"=2C".repeat(1025)},r=abc`,
  `n,a=${"a".repeat(1025)},n=user,r=abc`,
  `n,,n=user,r=${"a".repeat(9217)}`,
];

Deno.test("SCRAM refuses a first message that is malformed, once", async (t) => {
  const server = saslServer({ accounts });
  for (const first of firsts) {
    await t.step(JSON.stringify(first.slice(0, 60)), async () => {
      const exchange = begin(server, "SCRAM-SHA-256");
      const [line] = await converse(exchange, first);
      assertMatch(line, /^501 5\.5\.2 Cannot read the response: /);
      assertMatch((await converse(exchange, ""))[0], /^503 5\.5\.1 /);
    });
  }
  await t.step("not UTF-8", async () => {
    const exchange = begin(server, "SCRAM-SHA-256");
    const first = Uint8Array.of(...octets("n,,n=us"), 0xff, ...octets("er,r=abc"));
    assertMatch((await converse(exchange, first))[0], /^501 5\.5\.2 .* not UTF-8$/);
  });
});

const proof = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/** Last messages, with the server's nonce for `@`. */
const lasts: readonly (readonly [message: string, outcome: RegExp])[] = [
  ["", /^501/],
  ["c=biws", /^501/],
  ["c=biws,r=@", /^501/],
  ["c=biws,r=@,p=", /^501/],
  ["c=biws,r=@,p=AAAA", /^501 .* 32 octets$/],
  ["c=biws,r=@,p=A", /^501 .* base64$/],
  [`c=biws,r=@,p=${proof.replace("AA=", "AB=")}`, /^501 .* base64$/],
  [`c=biws,r=@,p=${proof.slice(0, -1)}`, /^501 .* base64$/],
  [`c=biws,r=@,p=${proof},x=y`, /^501/],
  [`c=biws,r=@,p=${proof},p=${proof}`, /^501/],
  [`c=,r=@,p=${proof}`, /^501/],
  [`c=bi ws,r=@,p=${proof}`, /^501/],
  [`r=@,c=biws,p=${proof}`, /^501/],
  [`c=biws,p=${proof},r=@`, /^501/],
  [`c=biws,r=@,c=biws,p=${proof}`, /^501 .* twice/],
  [`c=biws,r=@,p=${proof}\n`, /^501/],
  [`c=biws,r=@\0,p=${proof}`, /^501/],
  [`c=biws,r=@,p=${proof}`, /^535/],
  [`c=biws,r=@x,p=${proof}`, /^535/],
  [`c=biws,r=abc,p=${proof}`, /^535/],
  [`c=eSws,r=@,p=${proof}`, /^535/],
  [`c=biwt,r=@,p=${proof}`, /^535/],
];

Deno.test("SCRAM refuses a last message that is malformed or wrong, once", async (t) => {
  const server = saslServer({ accounts });
  for (const [message, outcome] of lasts) {
    await t.step(JSON.stringify(message), async () => {
      const exchange = begin(server, "SCRAM-SHA-256");
      const [first] = await converse(exchange, "n,,n=user,r=abc");
      const nonce = /r=([^,]+)/.exec(first)?.[1] ?? "";
      assertMatch((await converse(exchange, message.replace("@", () => nonce)))[0], outcome);
      assertMatch((await converse(exchange, ""))[0], /^503 5\.5\.1 /);
    });
  }
});

Deno.test("SCRAM refuses the right proof of a nonce or a header that was changed since", async (t) => {
  for (
    const [why, change] of [
      ["nonce", (text: string) => text.replace(/r=[^,]+/, "$&x")],
      ["nonce of the client alone", (text: string) => text.replace(/r=[^,]+/, "r=abcdefgh")],
      ["header", (text: string) => text.replace("c=biws", "c=eSws")],
      ["extension", (text: string) => text.replace(",p=", ",x=y,p=")],
    ] as const
  ) {
    await t.step(why, async () => {
      const exchange = begin(saslServer({ accounts }), "SCRAM-SHA-256");
      const client = scramClient({});
      const [first] = await converse(exchange, client.first);
      const { message } = client.last(first.slice("334 ".length));
      assertEquals(await converse(exchange, change(message)), [WRONG]);
    });
  }
});

Deno.test("SCRAM lets in by no last message in which an octet was changed", async () => {
  const server = saslServer({ accounts, random: exampleOctets });
  const client = scramClient({});
  const [first] = await converse(begin(server, "SCRAM-SHA-256"), client.first);
  const message = octets(client.last(first.slice("334 ".length)).message);
  for (let at = 0; at < message.length; at++) {
    for (const change of [1, 2, 0x20, 0x80]) {
      const exchange = begin(server, "SCRAM-SHA-256");
      await converse(exchange, client.first);
      const changed = message.slice();
      changed[at] ^= change;
      assertMatch((await converse(exchange, changed))[0], /^5(?:01|35) /);
    }
  }
});

Deno.test("SCRAM names the error for a mandatory extension, and refuses", async (t) => {
  const refused = ["334 e=extensions-not-supported", WRONG];
  for (const first of ["n,,m=x,n=user,r=abc", "n,,n=user,r=abc,m=x", "n,,n=user,r=abc,x=y,m=x"]) {
    await t.step(first, async () => {
      const exchange = begin(saslServer({ accounts }), "SCRAM-SHA-256");
      assertEquals(await converse(exchange, first, "", ""), refused);
    });
  }
  await t.step("in the last message", async () => {
    const exchange = begin(saslServer({ accounts }), "SCRAM-SHA-256");
    const client = scramClient({ extension: ",m=x" });
    const [first] = await converse(exchange, client.first);
    const { message } = client.last(first.slice("334 ".length));
    assertEquals(await converse(exchange, message, "", ""), refused);
  });
});

Deno.test("SCRAM takes nothing but an empty response to the server's final message", async () => {
  const exchange = begin(saslServer({ accounts }), "SCRAM-SHA-256");
  const client = scramClient({});
  const [first] = await converse(exchange, client.first);
  const { message } = client.last(first.slice("334 ".length));
  const lines = await converse(exchange, message, "x", "");
  assertMatch(lines.at(-1) ?? "", /^501 5\.5\.2 /);
});

Deno.test("SCRAM shows names without an account salts that last, as long as the secret does", async () => {
  async function shown(name: string, secret: Uint8Array): Promise<string> {
    const server = saslServer({ accounts, secret, random: (n) => new Uint8Array(n) });
    const [line] = await converse(begin(server, "SCRAM-SHA-256"), `n,,n=${name},r=abc`);
    return line;
  }
  const secret = new Uint8Array(32).fill(7);
  const nobody = await shown("nobody", secret);
  assertMatch(nobody, /^334 r=abc!{24},s=[A-Za-z0-9+/]{22}==,i=15000$/);
  assertEquals(await shown("nobody", secret), nobody);
  assertEquals(await shown("nobo\u00addy", secret), nobody);
  assertNotEquals(await shown("somebody", secret), nobody);
  assertNotEquals(await shown("nobody", new Uint8Array(32)), nobody);
});

Deno.test("SCRAM has another nonce each time", async () => {
  const server = saslServer({ accounts });
  const [one] = await converse(begin(server, "SCRAM-SHA-256"), "n,,n=user,r=abc");
  const [other] = await converse(begin(server, "SCRAM-SHA-256"), "n,,n=user,r=abc");
  assertMatch(one, /^334 r=abc[\x21-\x2b\x2d-\x7e]{24},/);
  assertNotEquals(one, other);
});
