import { assert, assertEquals, assertMatch } from "@std/assert";
import type { SaslExchange, SaslServer, SaslStep } from "../../lib/policy/sasl.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { greetedSession, openSession } from "./session_fixture.ts";
import { testIdentity } from "./tls_fixture.ts";

const identity = testIdentity();

function base64(text: string): string {
  return btoa(text);
}

/** Asks for a word, and takes `open sesame`; offered inside TLS, or where `inPlaintext` says so. */
function stubSasl(inPlaintext = true): SaslServer & { readonly asked: string[] } {
  const asked: string[] = [];
  function exchange(mechanism: string): SaslExchange {
    return {
      mechanism,
      next(response): SaslStep | Promise<SaslStep> {
        const said = response && new TextDecoder().decode(response);
        asked.push(`${mechanism} ${said}`);
        if (said === undefined) {
          return { kind: "challenge", octets: new TextEncoder().encode("Word?") };
        }
        if (said === "bug") throw new Error("Cannot go on");
        if (said === "open sesame") return Promise.resolve({ kind: "success", account: "ali" });
        return { kind: "failure", reply: reply(535, "5.7.8", "Wrong word") };
      },
    };
  }
  return {
    asked,
    mechanisms: (session) => session.tls || inPlaintext ? ["WORD"] : [],
    begin: (mechanism) => mechanism === "WORD" ? exchange(mechanism) : undefined,
  };
}

Deno.test("a client authenticates with an initial response, or to a challenge", async () => {
  for (const isInitial of [true, false]) {
    await using session = openSession({ sasl: stubSasl(), address: "192.0.2.1" });
    await session.client.reply();
    assertMatch(await session.client.say("EHLO client.example.org"), /^250 AUTH WORD\r$/m);
    if (isInitial) await session.client.send(`AUTH WORD ${base64("open sesame")}\r\n`);
    else {
      assertEquals(await session.client.say("AUTH WORD"), `334 ${base64("Word?")}\r\n`);
      await session.client.send(`${base64("open sesame")}\r\n`);
    }
    assertEquals(await session.client.reply(), "235 2.7.0 Authentication successful\r\n");
    assertEquals(session.connection.session.account, "ali");
    const { account, mechanism } = session.logged("authenticated")[0].fields;
    assertEquals([account, mechanism], ["ali", "WORD"]);
    assertMatch(await session.client.say("AUTH WORD"), /^503 /);
  }
});

Deno.test("a client that has authenticated may relay, and its mail says so", async () => {
  await using session = openSession({ sasl: stubSasl(), address: "192.0.2.1" });
  await session.client.greet();
  await session.client.say("MAIL FROM:<a@example.org>");
  assertMatch(await session.client.say("RCPT TO:<b@elsewhere.test>"), /^550 5\.7\.1 /);
  await session.client.say("RSET");
  await session.client.say(`AUTH WORD ${base64("open sesame")}`);
  assertMatch(await session.client.begin("a@example.org", "b@elsewhere.test"), /^354 /);
  await session.client.say("Subject: x\r\n\r\nHello\r\n.");
  assertMatch(session.intake.messages[0].trace, /with ESMTPA\s/);
});

Deno.test("a client that is refused is told so and goes on without an account", async () => {
  await using session = await greetedSession({ sasl: stubSasl() });
  assertEquals(
    await session.client.say(`AUTH WORD ${base64("please")}`),
    "535 5.7.8 Wrong word\r\n",
  );
  assertEquals(session.connection.session.account, undefined);
  const { step, mechanism } = session.logged("refused")[0].fields;
  assertEquals([step, mechanism], ["auth", "WORD"]);
  // What it said must not be in the log.
  assert(!JSON.stringify(session.events).includes("please"));
  assertMatch(await session.client.say("AUTH OTHER"), /^504 5\.5\.4 /);
  assertMatch(await session.client.say("MAIL FROM:<a@example.org>"), /^250 /);
  assertMatch(await session.client.say(`AUTH WORD ${base64("open sesame")}`), /^503 /);
});

Deno.test("a cancelled exchange is not gone on with", async () => {
  const sasl = stubSasl();
  await using session = await greetedSession({ sasl });
  await session.client.say("AUTH WORD");
  assertEquals(await session.client.say("*"), "501 5.7.0 Authentication cancelled\r\n");
  assertMatch(await session.client.say(base64("open sesame")), /^500 /);
  assertEquals(sasl.asked, ["WORD undefined"]);
});

Deno.test("an error in an exchange is a bug, which the client is told as a passing failure", async () => {
  await using session = await greetedSession({ sasl: stubSasl() });
  assertMatch(await session.client.say(`AUTH WORD ${base64("bug")}`), /^451 4\.3\.0 /);
  assertEquals(session.logged("bug").length, 1);
  assertMatch(await session.client.say("NOOP"), /^250 /);
});

Deno.test("in plaintext AUTH asks for TLS where nothing is offered without it", async () => {
  await using session = openSession({ identity, sasl: stubSasl(false) });
  await session.client.reply();
  assert(!(await session.client.say("EHLO client.example.org")).includes("AUTH"));
  assertMatch(await session.client.say(`AUTH WORD ${base64("open sesame")}`), /^538 5\.7\.11 /);
  await session.client.say("STARTTLS");
  await session.secure();
  assertMatch(await session.client.say("EHLO client.example.org"), /^250 AUTH WORD\r$/m);
  assertMatch(await session.client.say(`AUTH WORD ${base64("open sesame")}`), /^235 /);
});

Deno.test("STARTTLS ends what AUTH has agreed on", async () => {
  await using session = await greetedSession({ identity, sasl: stubSasl() });
  assertMatch(await session.client.say(`AUTH WORD ${base64("open sesame")}`), /^235 /);
  await session.client.say("STARTTLS");
  await session.secure();
  await session.client.say("EHLO client.example.org");
  assertEquals(session.connection.session.account, undefined);
  assertMatch(await session.client.say(`AUTH WORD ${base64("open sesame")}`), /^235 /);
});

Deno.test("a submission service takes mail only from who has authenticated", async () => {
  await using session = await greetedSession({
    sasl: stubSasl(),
    service: { port: 0, submission: true },
  });
  assertEquals(
    await session.client.say("MAIL FROM:<a@example.org>"),
    "530 5.7.0 Authentication required\r\n",
  );
  await session.client.say(`AUTH WORD ${base64("open sesame")}`);
  assertMatch(await session.client.say("MAIL FROM:<a@example.org>"), /^250 /);
});
