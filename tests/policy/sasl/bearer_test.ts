import { assertEquals, assertMatch } from "@std/assert";
import { type BearerToken, saslServer } from "../../../lib/policy/sasl.ts";
import { begin, converse, session, WRONG } from "./fixture.ts";

const TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";

/** A server that knows one token, and what it was shown. */
function serverAndShown() {
  const shown: BearerToken[] = [];
  const server = saslServer({
    token(of, token) {
      assertEquals(of, session);
      shown.push(token);
      return token.token === TOKEN ? "user" : undefined;
    },
  });
  return { server, shown };
}

const oauthError = `334 {"status":"invalid_token"}`;
const xoauthError = `334 {"status":"401","schemes":"bearer"}`;

const good: readonly (readonly [
  mechanism: "OAUTHBEARER" | "XOAUTH2",
  message: string,
  name: string | undefined,
])[] = [
  [
    "OAUTHBEARER",
    `n,a=user@example.com,\x01host=server.example.com\x01port=587\x01auth=Bearer ${TOKEN}\x01\x01`,
    "user@example.com",
  ],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${TOKEN}\x01\x01`, undefined],
  ["OAUTHBEARER", `y,,\x01auth=bEaReR  ${TOKEN}\x01host=\x01\x01`, undefined],
  ["OAUTHBEARER", `n,a=I\u00adX=2C=3D,\x01auth=Bearer ${TOKEN}\x01unknown=a=b,\tc\x01\x01`, "IX,="],
  ["XOAUTH2", `user=someuser@example.com\x01auth=Bearer ${TOKEN}\x01\x01`, "someuser@example.com"],
  ["XOAUTH2", `user=\u2168\x01auth=bearer ${TOKEN}\x01\x01`, "IX"],
];

Deno.test("a token lets in the account that the program names", async (t) => {
  for (const [mechanism, message, name] of good) {
    await t.step(message, async () => {
      const { server, shown } = serverAndShown();
      assertEquals(await converse(begin(server, mechanism), message), ["235 user"]);
      assertEquals(await converse(begin(server, mechanism), undefined, message), [
        "334 ",
        "235 user",
      ]);
      assertEquals(shown, [{ name, token: TOKEN }, { name, token: TOKEN }]);
    });
  }
});

const refused: readonly (readonly ["OAUTHBEARER" | "XOAUTH2", message: string])[] = [
  ["OAUTHBEARER", "n,,\x01auth=Bearer wrong\x01\x01"],
  ["OAUTHBEARER", "n,,\x01auth=\x01\x01"],
  ["OAUTHBEARER", "n,,\x01\x01"],
  ["OAUTHBEARER", "n,,\x01auth=Bearer\x01\x01"],
  ["OAUTHBEARER", `n,,\x01auth=${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Basic ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${TOKEN} x\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer "${TOKEN}"\x01\x01`],
  ["OAUTHBEARER", `n,a=us\u0007er,\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["XOAUTH2", "user=user\x01auth=Bearer wrong\x01\x01"],
  ["XOAUTH2", "user=user\x01auth=\x01\x01"],
  ["XOAUTH2", `user=user\x01auth=Basic ${TOKEN}\x01\x01`],
  ["XOAUTH2", `user=us\u0007er\x01auth=Bearer ${TOKEN}\x01\x01`],
];

Deno.test("a token that lets nobody in is told in JSON, and then refused whatever the client says", async (t) => {
  for (const [mechanism, message] of refused) {
    await t.step(`${mechanism} ${message}`, async () => {
      const error = mechanism === "OAUTHBEARER" ? oauthError : xoauthError;
      for (const answer of ["\x01", "", message, `n,,\x01auth=Bearer ${TOKEN}\x01\x01`]) {
        const exchange = begin(serverAndShown().server, mechanism);
        assertEquals(await converse(exchange, message, answer, ""), [error, WRONG]);
        assertMatch((await converse(exchange, "\x01"))[0], /^503 5\.5\.1 /);
      }
    });
  }
});

const malformed: readonly (readonly ["OAUTHBEARER" | "XOAUTH2", message: string])[] = [
  ["OAUTHBEARER", ""],
  ["OAUTHBEARER", "\x01"],
  ["OAUTHBEARER", "n,,"],
  ["OAUTHBEARER", "n,,\x01"],
  ["OAUTHBEARER", `n,\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${TOKEN}\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${TOKEN}\x01\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${TOKEN}\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${TOKEN}\x01AUTH=\x01\x01`],
  ["OAUTHBEARER", `n,,\x01=x\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01x1=x\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01host=\u00e4\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01host=\0\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,a=us=er,\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,a=${"a".repeat(1025)},\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,user,\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `p=tls-exporter,,\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `user=user\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["OAUTHBEARER", `n,,\x01auth=Bearer ${"a".repeat(9216)}\x01\x01`],
  ["XOAUTH2", ""],
  ["XOAUTH2", "\x01"],
  ["XOAUTH2", `auth=Bearer ${TOKEN}\x01\x01`],
  ["XOAUTH2", `user=user\x01auth=Bearer ${TOKEN}\x01`],
  ["XOAUTH2", `user=user\x01auth=Bearer ${TOKEN}\x01\x01\n`],
  ["XOAUTH2", `user=user\x01x=y\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["XOAUTH2", `user=us\0er\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["XOAUTH2", `user=${"a".repeat(1025)}\x01auth=Bearer ${TOKEN}\x01\x01`],
  ["XOAUTH2", `n,,\x01auth=Bearer ${TOKEN}\x01\x01`],
];

Deno.test("a message with a token that is malformed is refused once, and shown to nobody", async (t) => {
  for (const [mechanism, message] of malformed) {
    await t.step(`${mechanism} ${JSON.stringify(message.slice(0, 60))}`, async () => {
      const { server, shown } = serverAndShown();
      const exchange = begin(server, mechanism);
      const [line] = await converse(exchange, message);
      assertMatch(line, /^501 5\.5\.2 Cannot read the response: /);
      assertMatch((await converse(exchange, "\x01"))[0], /^503 5\.5\.1 /);
      assertEquals(shown, []);
    });
  }
});
