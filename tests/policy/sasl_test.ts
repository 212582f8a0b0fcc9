import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import { reply, SmtpError } from "../../lib/smtp/reply.ts";
import type { Accounts } from "../../lib/policy/accounts.ts";
import { saslServer, type SaslServerOptions, type SaslStep } from "../../lib/policy/sasl.ts";
import {
  accountsOf,
  begin,
  bound,
  converse,
  derivationsIn,
  lineOf,
  octets,
  plaintext,
  scramClient,
  session,
  user,
  WRONG,
} from "./sasl/fixture.ts";

const accounts = accountsOf(user);
const token = () => undefined;
const password = (_of: unknown, name: string, text: string) => name === "user" && text === "pencil";

const ALL = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"];

const offers: readonly (readonly [
  why: string,
  options: SaslServerOptions,
  of: typeof session,
  offered: readonly string[],
])[] = [
  ["all, best first, in TLS whose end point is known", { accounts, token }, bound, ALL],
  ["no PLUS without an end point", { accounts, token }, session, ALL.slice(1)],
  ["accounts alone", { accounts }, session, ["SCRAM-SHA-256", "PLAIN", "LOGIN"]],
  ["tokens alone", { token }, bound, ["OAUTHBEARER", "XOAUTH2"]],
  ["no SCRAM by a program's own database", { password }, bound, ["PLAIN", "LOGIN"]],
  ["its own database before accounts", { accounts, password }, bound, ["PLAIN", "LOGIN"]],
  ["nothing in plaintext", { accounts, token }, plaintext, []],
  [
    "what is allowed in plaintext",
    { accounts, token, allowPlaintext: true },
    plaintext,
    ALL.slice(1),
  ],
  ["nothing where nobody can be known", {}, bound, []],
];

Deno.test("SASL offers what can be done, and begins nothing else", async (t) => {
  for (const [why, options, of, offered] of offers) {
    await t.step(why, () => {
      const server = saslServer({ channelBinding: true, ...options });
      assertEquals(server.mechanisms(of), offered);
      for (const mechanism of [...ALL, "CRAM-MD5", "ANONYMOUS", "__proto__", "constructor", ""]) {
        assertEquals(server.begin(mechanism, of) !== undefined, offered.includes(mechanism));
      }
    });
  }
});

Deno.test("SASL knows a mechanism in lower case", async () => {
  const exchange = begin(saslServer({ channelBinding: true, accounts }), "plain");
  assertEquals(await converse(exchange, "\0user\0pencil"), ["235 user"]);
});

Deno.test("SASL asks a program's own database for name and password, prepared", async () => {
  const asked: unknown[] = [];
  const server = saslServer({
    channelBinding: true,
    password(of, name, text) {
      asked.push([of, name, text]);
      return Promise.resolve(password(of, name, text));
    },
  });
  const logins: readonly (readonly [message: string, line: string])[] = [
    ["\0user\0pencil", "235 user"],
    ["\0us\u00ader\0pen\u00adcil", "235 user"],
    ["\0user\0\u{1f600}", WRONG],
    ["\0user\0Pencil", WRONG],
  ];
  for (const [message, line] of logins) {
    assertEquals(await converse(begin(server, "PLAIN"), message), [line]);
  }
  assertEquals(asked, [
    [session, "user", "pencil"],
    [session, "user", "pencil"],
    [session, "user", "\u{1f600}"],
    [session, "user", "Pencil"],
  ]);
  for (const message of ["\0user\0", "\0\0pencil", "\0user\0\u0007", "\0\u00ad\0pencil"]) {
    assertEquals(await converse(begin(server, "PLAIN"), message), [WRONG]);
  }
  assertEquals(asked.length, 4);
});

Deno.test("SASL takes an unknown name the way of a wrong password", async (t) => {
  const server = saslServer({ channelBinding: true, accounts, iterations: 4096 });
  async function steps(mechanism: string, name: string): Promise<SaslStep[]> {
    const exchange = begin(server, mechanism);
    const client = scramClient({ name, password: "wrong" });
    const responses = {
      PLAIN: () => `\0${name}\0wrong`,
      LOGIN: (before: number) => [name, "wrong"][before],
      "SCRAM-SHA-256": (before: number, challenge: string) =>
        before === 0 ? client.first : client.last(challenge).message,
    }[mechanism] ?? (() => "");
    const taken: SaslStep[] = [];
    let challenge = "";
    for (;;) {
      const step = await exchange.next(octets(responses(taken.length, challenge)));
      taken.push(step);
      if (step.kind !== "challenge") return taken;
      challenge = new TextDecoder().decode(step.octets);
    }
  }
  for (const [mechanism, rounds] of [["PLAIN", 1], ["LOGIN", 1], ["SCRAM-SHA-256", 0]] as const) {
    await t.step(mechanism, async () => {
      const taken: SaslStep[][] = [];
      for (const name of ["user", "nobody"]) {
        const derived = await derivationsIn(async () => {
          taken.push(await steps(mechanism, name));
        });
        assertEquals(derived, Array(rounds).fill(4096));
      }
      const [ofUser, ofNobody] = taken;
      assertEquals(ofNobody.map(({ kind }) => kind), ofUser.map(({ kind }) => kind));
      assertEquals(ofNobody.at(-1), ofUser.at(-1));
      assertEquals(lineOf(ofUser[ofUser.length - 1]), WRONG);
    });
  }
});

Deno.test("SASL lets nobody in by an account without a name for it, whatever the password", async () => {
  const server = saslServer({ channelBinding: true, accounts: accountsOf(), iterations: 4096 });
  for (const message of ["\0user\0pencil", "\0nobody\0pencil"]) {
    assertEquals(await converse(begin(server, "PLAIN"), message), [WRONG]);
  }
});

Deno.test("SASL hashes as many passwords at once as it may, and refuses what finds no room", async () => {
  const server = saslServer({ channelBinding: true, accounts, hashing: { atOnce: 1, waiting: 2 } });
  const lines = await Promise.all(
    Array.from({ length: 5 }, () => converse(begin(server, "PLAIN"), "\0user\0pencil")),
  );
  assertEquals(lines.flat().sort(), [
    "235 user",
    "235 user",
    "235 user",
    "454 4.7.0 Too many logins at once, try again later",
    "454 4.7.0 Too many logins at once, try again later",
  ]);
  assertEquals(await converse(begin(server, "PLAIN"), "\0user\0pencil"), ["235 user"]);
});

const failing: readonly (readonly [
  why: string,
  thrown: unknown,
  line: string,
  isLogged: boolean,
])[] = [
  [
    "an error",
    new TypeError("secret"),
    "454 4.7.0 Cannot tell who you are for now, try again later",
    true,
  ],
  ["a reply", new SmtpError(454, "4.7.0", "Later"), "454 4.7.0 Later", false],
  ["a refusal", new SmtpError(535, "5.7.8", "Expired"), "535 5.7.8 Expired", false],
  [
    "a reply that refuses nothing",
    new SmtpError(250, "2.0.0", "Fine"),
    "454 4.7.0 Cannot tell who you are for now, try again later",
    true,
  ],
];

Deno.test("SASL answers for lookups and hooks that fail", async (t) => {
  for (const [why, thrown, line, isLogged] of failing) {
    for (const isLater of [false, true]) {
      await t.step(`${why} ${isLater ? "later" : "at once"}`, async () => {
        function fail(): Promise<never> {
          if (isLater) return Promise.reject(thrown);
          throw thrown;
        }
        const asking:
          readonly (readonly [SaslServerOptions, mechanism: string, message: string])[] = [
            [{ accounts: { find: fail } }, "PLAIN", "\0user\0pencil"],
            [{ accounts: { find: fail } }, "SCRAM-SHA-256", "n,,n=user,r=abc"],
            [{ password: fail }, "PLAIN", "\0user\0pencil"],
            [{ token: fail }, "XOAUTH2", "user=user\x01auth=Bearer abc\x01\x01"],
          ];
        for (const [options, mechanism, message] of asking) {
          const step = await begin(saslServer({ channelBinding: true, ...options }), mechanism)
            .next(octets(message));
          assert(step.kind === "failure");
          assertEquals(lineOf(step), line);
          if (isLogged) assertStrictEquals(step.error, thrown);
          else assertEquals("error" in step, false);
        }
      });
    }
  }
});

/** Attempts as they are told of, in words. */
function recorded(refusal?: ReturnType<typeof reply>) {
  const log: string[] = [];
  const attempts: NonNullable<SaslServerOptions["attempts"]> = {
    mayTry() {
      log.push("asked");
      return refusal;
    },
    hasFailed: () => false,
    async failed() {
      log.push("failing");
      await Promise.resolve();
      log.push("failed");
    },
    succeeded() {
      log.push("succeeded");
    },
  };
  return { log, attempts };
}

Deno.test("SASL counts each login once, before its last reply", async (t) => {
  const bearer = "user=user\x01auth=Bearer abc\x01\x01";
  const failed = ["asked", "failing", "failed"];
  const cases: readonly (readonly [mechanism: string, responses: string[], log: string[]])[] = [
    ["PLAIN", ["\0user\0pencil"], ["asked", "succeeded"]],
    ["PLAIN", ["\0user\0wrong"], failed],
    ["PLAIN", ["\0user\0wrong", "\0user\0wrong"], failed],
    ["PLAIN", ["nonsense"], ["asked"]],
    // Each step asks, since the client may have been locked out in the meantime.
    ["LOGIN", ["user", "wrong"], ["asked", ...failed]],
    ["LOGIN", ["user"], ["asked"]],
    ["SCRAM-SHA-256", ["n,,n=user,r=abc"], ["asked"]],
    ["SCRAM-SHA-256", ["n,a=root,n=user,r=abc"], failed],
    // Told as soon as it has failed: the client may cancel instead of answering.
    ["XOAUTH2", [bearer], failed],
    ["XOAUTH2", [bearer, ""], failed],
  ];
  for (const [mechanism, responses, expected] of cases) {
    await t.step(`${mechanism} ${JSON.stringify(responses)}`, async () => {
      const { log, attempts } = recorded();
      const exchange = begin(
        saslServer({ channelBinding: true, accounts, token, attempts }),
        mechanism,
      );
      for (const response of responses) await exchange.next(octets(response));
      assertEquals(log, expected);
    });
  }
});

Deno.test("SASL lets who has failed too often try nothing", async () => {
  const { log, attempts } = recorded(reply(421, "4.7.0", "Too many failed logins"));
  const never: Accounts = {
    find() {
      throw new Error("looked up");
    },
  };
  const server = saslServer({ channelBinding: true, accounts: never, attempts });
  for (const response of ["\0user\0pencil", undefined]) {
    const lines = await converse(begin(server, "PLAIN"), response);
    assertEquals(lines, ["421 4.7.0 Too many failed logins"]);
  }
  assertEquals(log, ["asked", "asked"]);
});

Deno.test("SASL checks the passwords of those who have failed lately behind the others", async () => {
  const { attempts } = recorded();
  const server = saslServer({
    channelBinding: true,
    accounts,
    hashing: { atOnce: 1, waiting: 10 },
    attempts: { ...attempts, hasFailed: (client) => client === bound },
  });
  const done: string[] = [];
  const logIn = async (name: string, client: typeof session) => {
    const exchange = server.begin("PLAIN", client)!;
    assertEquals((await exchange.next(octets("\0user\0pencil"))).kind, "success");
    done.push(name);
  };
  await Promise.all([
    ...[logIn("first", session), logIn("guesser", bound)],
    ...[logIn("second", session), logIn("third", session)],
  ]);
  assertEquals(done, ["first", "second", "third", "guesser"]);
});

Deno.test("SASL repeats nothing that a client sent in a refusal", async () => {
  const canary = "canary7f";
  const messages: Record<string, readonly string[]> = {
    PLAIN: [canary, `\0${canary}\0${canary}`, `${canary}\0${canary}\0${canary}\0`],
    LOGIN: [canary, canary.repeat(200)],
    "SCRAM-SHA-256": [canary, `n,,n=${canary},r=${canary},n=${canary}`, `n,,n==${canary},r=a`],
    OAUTHBEARER: [canary, `n,,\x01auth=Bearer ${canary}\x01\x01`, `n,,\x01${canary}`],
    XOAUTH2: [canary, `user=${canary}\x01auth=Bearer ${canary}\x01\x01`],
  };
  const server = saslServer({ channelBinding: true, accounts, token });
  for (const [mechanism, texts] of Object.entries(messages)) {
    for (const text of texts) {
      const lines = await converse(begin(server, mechanism), text, text, text);
      assertMatch(lines.at(-1) ?? "", /^5/);
      assertEquals(lines.filter((line) => line.includes(canary)), []);
    }
  }
});

/** Octets that are the same every time (xorshift32). */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

Deno.test("SASL neither throws at random octets nor lets them in", async () => {
  const next = pseudoRandom(0x5a51);
  // True messages with wrong credentials, and pieces of them, so that octets get past the first checks.
  const whole = [
    "\0user\0wrong",
    "user\0user\0wrong",
    "user",
    "n,,n=user,r=abc",
    "p=tls-server-end-point,,n=user,r=abc",
    `c=biws,r=abc,p=${"A".repeat(43)}=`,
    "n,a=user,\x01host=a\x01auth=Bearer abc\x01\x01",
    "user=user\x01auth=Bearer abc\x01\x01",
  ].map(octets);
  const pieces = ["n,,", "n=", ",m=x", "r=", "\0", "\x01", "auth=", "=2C", "\u00ad"].map(octets);
  function message(): Uint8Array | undefined {
    const kind = next() % 4;
    if (kind === 0) return next() % 4 === 0 ? undefined : whole[next() % whole.length];
    if (kind === 1) {
      const parts = Array.from({ length: next() % 8 }, () => {
        if (next() % 3 > 0) return pieces[next() % pieces.length];
        return Uint8Array.from({ length: next() % 12 }, () => next() % 256);
      });
      return Uint8Array.from(parts.flatMap((part) => [...part]));
    }
    const changed = whole[next() % whole.length].slice(
      0,
      next() % 8 === 0 ? next() % 20 : undefined,
    );
    if (changed.length > 0) changed[next() % changed.length] = next() % 256;
    return changed;
  }
  const codes = new Map<number, number>();
  const server = saslServer({ channelBinding: true, accounts, token, iterations: 4096 });
  for (let i = 0; i < 6000; i++) {
    const exchange = begin(server, ALL[i % ALL.length], bound);
    for (;;) {
      const step = await exchange.next(message());
      assertNotEquals(step.kind, "success");
      if (step.kind !== "failure") continue;
      assertEquals("error" in step, false);
      codes.set(step.reply.code, (codes.get(step.reply.code) ?? 0) + 1);
      break;
    }
  }
  // Both ways to fail were gone often enough to mean something.
  assertEquals([...codes.keys()].sort(), [501, 504, 535]);
  assert((codes.get(501) ?? 0) > 1000, `${[...codes]}`);
  assert((codes.get(535) ?? 0) > 400, `${[...codes]}`);
});
