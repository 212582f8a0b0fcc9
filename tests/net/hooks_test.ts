import { assertEquals, assertMatch } from "@std/assert";
import type { Hooks, MaybePromise, Verdict } from "../../lib/policy/hooks.ts";
import { reply, SmtpError } from "../../lib/smtp/reply.ts";
import { settle } from "./fake_clock.ts";
import { greetedSession, openSession } from "./session_fixture.ts";

type Step = keyof Hooks;
const STEPS: readonly Step[] = ["connect", "helo", "mail", "rcpt", "data"];

/** What a hook does, and the reply to its command; `undefined` for the reply of a server without it. */
const DEEDS: Record<
  string,
  { act: () => MaybePromise<Verdict | void>; said?: RegExp; bug?: RegExp }
> = {
  "answers nothing": { act: () => undefined },
  "answers nothing later": { act: () => settle() },
  "permits": { act: () => "permit" },
  "permits later": { act: () => settle().then(() => "permit" as const) },
  "refuses": { act: () => reply(550, "5.7.1", "Not you"), said: /^550 5\.7\.1 Not you\r\n$/ },
  "refuses later": {
    act: () => settle().then(() => reply(450, "4.7.1", "Not now")),
    said: /^450 4\.7\.1 Not now\r\n$/,
  },
  "throws an SmtpError": {
    act: () => {
      throw new SmtpError(552, "5.2.2", "Full");
    },
    said: /^552 5\.2\.2 Full\r\n$/,
  },
  "throws an SmtpError later": {
    act: () => settle().then(() => Promise.reject(new SmtpError(452, "4.2.2", "Full", "Indeed"))),
    said: /^452-4\.2\.2 Full\r\n452 4\.2\.2 Indeed\r\n$/,
  },
  "throws something else": {
    act: () => {
      throw new RangeError("boom");
    },
    said: /^451 4\.3\.0 /,
    bug: /RangeError: boom[^]*hooks_test\.ts/,
  },
  "throws something else later": {
    act: () => settle().then(() => Promise.reject(new RangeError("boom"))),
    said: /^451 4\.3\.0 /,
    bug: /RangeError: boom/,
  },
  "throws what is no error": {
    act: () => {
      throw undefined;
    },
    said: /^451 4\.3\.0 /,
    bug: /undefined/,
  },
  "answers a positive reply": {
    act: () => reply(250, "2.0.0", "Fine"),
    said: /^451 4\.3\.0 /,
    bug: /TypeError: Cannot take/,
  },
  "answers a positive reply later": {
    act: () => settle().then(() => reply(354, undefined, "Fine")),
    said: /^451 4\.3\.0 /,
    bug: /TypeError: Cannot take/,
  },
  "throws a positive SmtpError": {
    act: () => {
      throw new SmtpError(250, "2.0.0", "Fine");
    },
    said: /^451 4\.3\.0 /,
    bug: /SmtpError: Fine/,
  },
  "answers what is no verdict": {
    act: () => "deny" as unknown as Verdict,
    said: /^451 4\.3\.0 /,
    bug: /TypeError: Cannot take/,
  },
  "answers true": {
    act: () => true as unknown as Verdict,
    said: /^451 4\.3\.0 /,
    bug: /TypeError: Cannot take/,
  },
  "answers null": {
    act: () => null as unknown as Verdict,
    said: /^451 4\.3\.0 /,
    bug: /TypeError: Cannot take/,
  },
};

const USUAL: Record<Step, RegExp> = {
  connect: /^220 /,
  helo: /^250-/,
  mail: /^250 2\.1\.0 /,
  rcpt: /^250 2\.1\.5 /,
  data: /^250 2\.6\.0 /,
};

for (const step of STEPS) {
  for (const [deed, { act, said, bug }] of Object.entries(DEEDS)) {
    Deno.test(`a ${step} hook that ${deed} is answered as it says`, async () => {
      await using session = openSession({ hooks: { [step]: act } });
      const { client } = session;
      const replies: Record<Step, string> = { connect: "", helo: "", mail: "", rcpt: "", data: "" };
      replies.connect = await client.reply();
      replies.helo = await client.say("EHLO client.example.org");
      replies.mail = await client.say("MAIL FROM:<a@example.org>");
      replies.rcpt = await client.say("RCPT TO:<b@example.org>");
      const started = await client.say("DATA");
      replies.data = started.startsWith("354") ? await client.say("x\r\n.") : started;
      assertMatch(replies[step], said ?? USUAL[step]);
      const before = STEPS.slice(0, STEPS.indexOf(step));
      for (const each of before) assertMatch(replies[each], USUAL[each]);
      assertEquals(session.intake.messages.length, said === undefined ? 1 : 0);
      const bugs = session.logged("bug");
      assertEquals(bugs.length, bug === undefined ? 0 : 1);
      if (bug !== undefined) assertMatch(String(bugs[0].fields.error), bug);
      // The session is still in sync; after a refused greeting only QUIT is of use.
      assertMatch(await client.say("NOOP"), step === "connect" && said ? /^503/ : /^250 2\.0\.0/);
      assertMatch(await client.say("QUIT"), /^221/);
    });
  }
}

Deno.test("a connect hook's 421 is the greeting and the end", async () => {
  await using session = openSession({ hooks: { connect: () => reply(421, "4.7.0", "Go") } });
  assertEquals(await session.client.rest(), "421 4.7.0 Go\r\n");
  assertEquals(session.logged("refused")[0].fields, {
    session: session.connection.session.id,
    client: "127.0.0.1",
    step: "connect",
    code: 421,
    enhanced: "4.7.0",
    reply: "Go",
  });
});

for (const later of [false, true]) {
  const now = <T>(value: T): MaybePromise<T> => later ? settle().then(() => value) : value;
  const when = later ? " later" : "";

  Deno.test(`only a permit of the rcpt hook${when} passes the relaying rules`, async () => {
    const permit = () => now("permit" as const);
    const nothing = () => now(undefined);
    for (
      const [hooks, code] of [
        [{ rcpt: permit }, "250"],
        [{ rcpt: nothing, connect: permit, helo: permit, mail: permit, data: permit }, "550"],
        [{ connect: permit, helo: permit, mail: permit, data: permit }, "550"],
        [{}, "550"],
      ] as const
    ) {
      await using session = await greetedSession({ hooks, address: "192.0.2.1" });
      const { client, intake } = session;
      await client.say("MAIL FROM:<a@example.org>");
      assertEquals((await client.say("RCPT TO:<b@elsewhere.example>")).slice(0, 3), code);
      assertEquals(intake.last.forwardPaths, code === "250" ? ["b@elsewhere.example"] : []);
    }
  });

  Deno.test(`a permit for one recipient${when} is none for the next`, async () => {
    await using session = await greetedSession({
      address: "192.0.2.1",
      hooks: {
        rcpt: (_session, { forwardPath }) =>
          now(forwardPath.localPart === "vip" ? "permit" as const : undefined),
      },
    });
    const codes = await session.client.sayAll(
      "MAIL FROM:<a@example.org>",
      "RCPT TO:<vip@elsewhere.example>",
      "RCPT TO:<b@elsewhere.example>",
      "RCPT TO:<c@example.org>",
    );
    assertEquals(codes, ["250", "250", "550", "250"]);
    assertEquals(session.intake.last.forwardPaths, ["vip@elsewhere.example", "c@example.org"]);
  });

  Deno.test(`what the intake answers${when} decides where no hook refuses`, async () => {
    await using session = await greetedSession({
      hooks: { mail: () => now("permit" as const), rcpt: () => now("permit" as const) },
      answers: {
        rcpt: (to) =>
          now(to.startsWith("no") ? reply(550, "5.1.1", "No") : reply(251, "2.1.5", "Ok")),
      },
    });
    assertEquals(
      await session.client.sayAll(
        "MAIL FROM:<a@example.org>",
        "RCPT TO:<no@example.org>",
        "RCPT TO:<yes@example.org>",
      ),
      ["250", "550", "251"],
    );
    assertEquals(session.logged("refused")[0].fields.recipient, "no@example.org");
  });
}

Deno.test("hooks see who is asked about, and what was said", async () => {
  const seen: unknown[] = [];
  await using session = openSession({
    address: "192.0.2.7",
    hooks: {
      connect: (s) => void seen.push([s.remote, s.protocol, s.heloName]),
      helo: (s) => void seen.push([s.protocol, s.heloName]),
      mail: (_, mail) => void seen.push(mail),
      rcpt: (_, rcpt, mail) => void seen.push(rcpt, mail.reversePath),
    },
  });
  const { client } = session;
  await client.reply();
  await client.sayAll("HELO one.example.org", "EHLO [192.0.2.7]");
  await client.sayAll(
    "MAIL FROM:<a@example.net> SIZE=5 BODY=8BITMIME",
    'RCPT TO:<"b"@example.org>',
  );
  const a = { localPart: "a", domain: "example.net" };
  assertEquals(seen, [
    [{ address: "192.0.2.7", port: 40000 }, undefined, undefined],
    ["SMTP", "one.example.org"],
    ["ESMTP", "[192.0.2.7]"],
    { reversePath: a, size: 5, body: "8BITMIME", smtpUtf8: false },
    { forwardPath: { localPart: "b", domain: "example.org" } },
    a,
  ]);
});

Deno.test("hooks see what is asked of notices, where DSN is offered", async () => {
  const seen: unknown[] = [];
  await using session = openSession({
    dsn: true,
    hooks: {
      mail: (_, { ret, envid }) => void seen.push([ret, envid]),
      rcpt: (_, { notify, orcpt }) => void seen.push([notify, orcpt]),
    },
  });
  const { client } = session;
  await client.reply();
  assertMatch(await client.say("EHLO one.example.org"), /^250 DSN\r\n$/m);
  await client.sayAll(
    "MAIL FROM:<a@example.net> RET=HDRS ENVID=a+2Bb",
    "RCPT TO:<b@example.org> NOTIFY=NEVER ORCPT=rfc822;c@example.org",
  );
  assertEquals(seen, [["headers", "a+2Bb"], ["never", "rfc822;c@example.org"]]);
});

Deno.test("only its own session waits while a hook takes long", async () => {
  const gate = Promise.withResolvers<void>();
  let count = 0;
  const hooks: Hooks = { mail: () => count++ === 0 ? gate.promise : undefined };
  await using slow = await greetedSession({ hooks });
  await using quick = await greetedSession({ hooks });
  await slow.client.send("MAIL FROM:<a@example.org>\r\n");
  await settle();
  await quick.client.begin();
  assertMatch(await quick.client.say("x\r\n."), /^250 2\.6\.0/);
  assertEquals(slow.writes.length, 2);
  gate.resolve();
  assertMatch(await slow.client.reply(), /^250 2\.1\.0/);
});

Deno.test("a hook's 421 ends the session at any step, and the transaction with it", async () => {
  for (const step of ["helo", "mail", "rcpt", "data"] as const) {
    await using session = openSession({ hooks: { [step]: () => reply(421, "4.7.0", "Go") } });
    const { client } = session;
    await client.send(
      "EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n",
    );
    assertMatch(await client.rest(), /421 4\.7\.0 Go\r\n$/);
    client.close();
    await session.finished;
    assertEquals(session.intake.messages, []);
  }
});
