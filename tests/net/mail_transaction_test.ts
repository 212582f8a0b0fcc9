import { assertEquals, assertMatch } from "@std/assert";
import type { SaslServer } from "../../lib/policy/sasl.ts";
import { type Reply, reply, SmtpError } from "../../lib/smtp/reply.ts";
import { cutEvery, octets } from "../smtp/wire.ts";
import { settle } from "./fake_clock.ts";
import type { Answers } from "./recording_intake.ts";
import { greetedSession } from "./session_fixture.ts";

for (const size of [1, 2, 1000]) {
  for (
    const [message, separator] of [
      [" folds\r\nSubject: x\r\n\r\nbody\r\n", "\r\n"],
      ["\tfolds\r\n", "\r\n"],
      [" \r\n\r\nx\r\n", "\r\n"],
      ["Subject: x\r\n folds\r\n\r\nbody\r\n", ""],
      ["\r\n body\r\n", ""],
      [".. folds\r\n", ""],
      [".", ""],
    ]
  ) {
    Deno.test(`${JSON.stringify(message)} in ${size}s cannot continue our trace field`, async () => {
      for (const hooks of [{}, { data: () => undefined }, { data: () => settle() }]) {
        await using session = await greetedSession({ hooks });
        const { client, intake } = session;
        await client.begin();
        const data = message === "." ? ".\r\n" : `${message}.\r\n`;
        for (const part of cutEvery(octets(data), size)) await client.send(part);
        assertMatch(await client.reply(), /^250/);
        const content = message === "." ? "" : message.replace(/^\.\./, ".");
        assertEquals(intake.last.content, separator + content);
      }
    });
  }
}

const HOP = "Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n";

Deno.test("a message that came through 100 hosts is refused, and its transaction aborted", async () => {
  for (const size of [1, 100_000]) {
    await using session = await greetedSession();
    const { client, intake } = session;
    for (const [hops, said] of [[99, /^250/], [100, /^554 5\.4\.6/], [3, /^250/]] as const) {
      await client.begin();
      for (const part of cutEvery(octets(`${HOP.repeat(hops)}\r\nx\r\n.\r\n`), size)) {
        await client.send(part);
      }
      assertMatch(await client.reply(), said);
      assertEquals(intake.last.outcome, hops === 100 ? "aborted" : "ended");
    }
  }
});

Deno.test("intake is told of TLS-Required: No", async () => {
  const table: [header: string, is: boolean][] = [
    ["Subject: x\r\nTLS-Required: No\r\n", true],
    ["tls-REQUIRED:\r\n\tno \r\nSubject: x\r\n", true],
    ["TLS-Required : no\r\n", true],
    ["Subject: x\r\n", false],
    ["TLS-Required: Yes\r\n", false],
    ["TLS-Required:\r\n", false],
    ["TLS-Required: No way\r\n", false],
    ["X: y\r\n TLS-Required: No\r\n", false],
    ["TLS-Required: No\r\nTLS-Required: Yes\r\n", false],
    ["Subject: x\r\n\r\nTLS-Required: No\r\n", false],
  ];
  for (const service of [{ port: 0 }, { port: 0, submission: true }]) {
    const sasl: SaslServer = {
      mechanisms: () => ["PLAIN"],
      begin: () => ({ mechanism: "PLAIN", next: () => ({ kind: "success", account: "joe" }) }),
    };
    await using session = await greetedSession({ service, sasl });
    const { client, intake } = session;
    if (service.submission) await client.say("AUTH PLAIN AGEAYg==");
    for (const [header, is] of table) {
      for (const end of ["\r\nbody\r\n", ""]) {
        for (const size of [1, 10_000]) {
          await client.begin();
          for (const part of cutEvery(octets(`${header}${end}.\r\n`), size)) {
            await client.send(part);
          }
          assertMatch(await client.reply(), /^250/);
          assertEquals(intake.last.facts, { tlsRequiredNo: is }, header);
        }
      }
    }
  }
});

Deno.test("a header section over its limit is refused", async () => {
  await using session = await greetedSession();
  const { client, intake } = session;
  await client.begin();
  await client.send(`${"a: b\r\n".repeat(2000)}\r\nx\r\n.\r\n`);
  assertMatch(await client.reply(), /^552 5\.3\.4/);
  assertEquals(intake.last.outcome, "aborted");
  assertMatch(await client.say("NOOP"), /^250/);
});

const FULL = () => new SmtpError(452, "4.3.1", "Disk full");
const BUG = () => new Error("boom");

/** Where the intake fails, and how the replies to MAIL, RCPT, DATA and the message begin. */
for (
  const [step, codes] of Object.entries({
    mail: [0, 503, 503],
    rcpt: [250, 0, 503],
    data: [250, 250, 0],
    write: [250, 250, 354, 0],
    end: [250, 250, 354, 0],
  })
) {
  for (
    const [kind, makeError, code] of [["an SmtpError", FULL, 452], ["a bug", BUG, 451]] as const
  ) {
    for (const later of [false, true]) {
      Deno.test(`${kind} of the intake in ${step}${later ? " later" : ""} is answered, in sync`, async () => {
        let fails = true;
        const answers: Answers = {
          [step]: () => {
            if (!fails) {
              return step === "end" || step === "rcpt" ? reply(250, "2.0.0", "Ok") : undefined;
            }
            if (later) return settle().then(() => Promise.reject(makeError()));
            throw makeError();
          },
        };
        await using session = await greetedSession({ answers });
        const { client, intake } = session;
        const said: string[] = await client.sayAll(
          "MAIL FROM:<a@example.org>",
          "RCPT TO:<b@example.org>",
          "DATA",
        );
        if (said[2] === "354") {
          for (const part of ["x: y\r\n", "\r\n", "z\r\n", ".\r\n"]) {
            await client.send(part);
            await settle();
          }
          said.push((await client.reply()).slice(0, 3));
        }
        assertEquals(said, codes.map((each) => String(each === 0 ? code : each)));
        assertEquals(session.logged("bug").length, code === 451 ? 1 : 0);
        assertMatch(await client.say("RSET"), /^250/);
        fails = false;
        assertMatch(await client.begin(), /^354/);
        assertMatch(await client.say("."), /^250/);
        assertEquals(intake.messages.length, step === "end" ? 2 : 1);
      });
    }
  }
}

Deno.test("a throw of abort is a bug that harms nobody", async () => {
  for (const way of ["RSET", "leave", "refuse"] as const) {
    await using session = await greetedSession({
      hooks: { data: () => reply(550, "5.7.1", "No") },
      answers: {
        abort() {
          throw new Error("boom");
        },
      },
    });
    const { client } = session;
    await client.begin();
    if (way === "refuse") assertMatch(await client.say("x: y\r\n\r\n."), /^550/);
    else if (way === "leave") {
      client.close();
      await session.finished;
    } else {
      assertMatch(await client.say("."), /^550/);
      await client.say("MAIL FROM:<a@example.org>");
      assertMatch(await client.say("RSET"), /^250/);
    }
    assertEquals(session.logged("bug").length > 0, true);
  }
});

Deno.test("a positive reply instead of a transaction is a bug", async () => {
  await using session = await greetedSession({
    answers: { mail: () => reply(250, "2.1.0", "Ok") },
  });
  const { client } = session;
  assertEquals(await client.sayAll("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>"), [
    "451",
    "503",
  ]);
  assertEquals(session.logged("bug").length, 1);
});

Deno.test("a positive error of the intake never makes a message out of nothing", async () => {
  await using session = await greetedSession({
    answers: {
      end() {
        throw new SmtpError(250, "2.0.0", "Ok");
      },
    },
  });
  const { client } = session;
  await client.begin();
  assertMatch(await client.say("x\r\n."), /^451 4\.3\.0/);
  assertEquals(session.logged("accepted"), []);
});

Deno.test("LMTP answers for each recipient that was accepted, in order", async () => {
  const results: (Reply | readonly Reply[])[] = [
    [reply(250, "2.0.0", "a"), reply(452, "4.2.2", "b full"), reply(550, "5.2.1", "c off")],
    reply(250, "2.0.0", "all"),
    reply(451, "4.3.0", "none"),
  ];
  await using session = await greetedSession({
    lmtp: true,
    answers: {
      rcpt: (to) =>
        to.startsWith("no") ? reply(550, "5.1.1", "No such user") : reply(250, "2.1.5", "Ok"),
      end: () => results.shift()!,
    },
  });
  const { client, intake } = session;
  const said: string[][] = [];
  for (let message = 0; message < 3; message++) {
    const codes = await client.sayAll(
      "MAIL FROM:<s@example.org>",
      "RCPT TO:<a@example.org>",
      "RCPT TO:<no@example.org>",
      "RCPT TO:<b@example.org>",
      "RCPT TO:<c@example.org>",
      "DATA",
    );
    assertEquals(codes, ["250", "250", "550", "250", "250", "354"]);
    await client.send("x\r\n.\r\n");
    said.push([await client.reply(), await client.reply(), await client.reply()]);
  }
  assertEquals(said, [
    ["250 2.0.0 a\r\n", "452 4.2.2 b full\r\n", "550 5.2.1 c off\r\n"],
    Array.from({ length: 3 }, () => "250 2.0.0 all\r\n"),
    Array.from({ length: 3 }, () => "451 4.3.0 none\r\n"),
  ]);
  assertEquals(intake.messages.length, 3);
  assertMatch(await client.say("NOOP"), /^250 2\.0\.0/);
});

Deno.test("LMTP greets with LHLO, knows no EHLO, and its trace says so", async () => {
  await using session = await greetedSession({ lmtp: true });
  const { client, intake } = session;
  assertMatch(session.writes[0], /^220 mx\.example\.org LMTP/);
  assertMatch(await client.say("EHLO x"), /^500 5\.5\.1/);
  assertEquals(session.connection.session.protocol, "LMTP");
  await client.begin();
  assertMatch(await client.say("x\r\n."), /^250/);
  assertMatch(intake.last.trace, /\bwith LMTP\b/);
});

Deno.test("LMTP: a data hook's refusal is said for each recipient", async () => {
  await using session = await greetedSession({
    lmtp: true,
    hooks: { data: () => reply(550, "5.7.1", "No") },
  });
  const { client } = session;
  await client.sayAll(
    "MAIL FROM:<s@example.org>",
    "RCPT TO:<a@example.org>",
    "RCPT TO:<b@example.org>",
    "DATA",
  );
  await client.send("x: y\r\n\r\n.\r\nNOOP\r\n");
  assertMatch(await client.reply() + await client.reply(), /^(550 5\.7\.1 No\r\n){2}$/);
  assertMatch(await client.reply(), /^250 2\.0\.0/);
});
