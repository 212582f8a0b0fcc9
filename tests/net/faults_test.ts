import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { parseFault } from "../../lib/policy/faults/fault_parser.ts";
import { Faults } from "../../lib/policy/faults/faults.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { settle } from "./fake_clock.ts";
import { codesOf, converse, DIALOG, faultsOf } from "./faulty_session.ts";
import {
  greetedSession,
  openSession,
  type SessionOptions,
  type TestSession,
} from "./session_fixture.ts";
import { testIdentity } from "./tls_fixture.ts";

const identity = testIdentity();

/** What a client is told that waits for nothing. */
async function pipeline(session: TestSession, lines: readonly string[]): Promise<string> {
  await session.client.send(lines.map((line) => `${line}\r\n`).join(""));
  return await session.client.rest();
}

/** Waits until something has failed as scripted. */
async function failed(session: TestSession): Promise<void> {
  while (session.logged("fault").length === 0) await settle();
}

/** A way to fail: the codes that a client sees which waits, or nothing, whichever it does, and what is kept. */
const table: readonly (readonly [rule: string, codes: string, messages: number])[] = [
  ["connect times=1 reply 554", "554 503 503 503 503 500 500 500 500 221", 0],
  ["connect reply 421", "421 x", 0],
  ["connect drop", "x", 0],
  ["ehlo reply 502", "220 502 503 503 503 500 500 500 500 221", 0],
  ["ehlo drop", "220 x", 0],
  ["helo drop", "220 250 250 250 354 250 221", 1],
  ["mail reply 451", "220 250 451 503 503 500 500 500 500 221", 0],
  ["mail drop", "220 250 x", 0],
  ["rcpt reply 452", "220 250 250 452 503 500 500 500 500 221", 0],
  ["rcpt reply 421", "220 250 250 421 x", 0],
  ["rcpt drop", "220 250 250 x", 0],
  ["rcpt to=*@other.test drop", "220 250 250 250 354 250 221", 1],
  ["data reply 451", "220 250 250 250 451 500 500 500 500 221", 0],
  ["data drop", "220 250 250 250 x", 0],
  ["content drop", "220 250 250 250 354 x", 0],
  ["content after=10B drop", "220 250 250 250 354 x", 0],
  ["content after=1KB drop", "220 250 250 250 354 250 221", 1],
  ["end reply 451", "220 250 250 250 354 451 221", 0],
  ["end reply 554", "220 250 250 250 354 554 221", 0],
  ["end reply 421", "220 250 250 250 354 421 x", 0],
  ["end drop", "220 250 250 250 354 x", 0],
  ["quit drop", "220 250 250 250 354 250 x", 1],
  ["any skip=2 drop", "220 250 x", 0],
  ["any skip=6 times=1 reply 421", "220 250 250 250 354 250 221", 1],
];

Deno.test("what is scripted happens, and nothing is kept of a message that is not accepted", async (t) => {
  for (const [rule, codes, messages] of table) {
    for (const [name, speak] of [["waiting", converse], ["pipelined", pipeline]] as const) {
      await t.step(`${rule}, ${name}`, async () => {
        const faults = faultsOf(rule);
        await using session = openSession({ faults });
        assertEquals(codesOf(await speak(session, DIALOG)), codes);
        assertEquals(session.intake.messages.length, messages);
        assertEquals(session.logged("fault").length, faults.report()[0].fired);
        assertEquals(session.events.filter(({ level }) => level === "error"), []);
        assertEquals(session.logged("accepted").length, messages);
      });
    }
  }
});

Deno.test("a delay comes before the reply, and holds back nothing that was said before", async () => {
  await using session = openSession({ faults: faultsOf("data delay 2s") });
  const { client, clock } = session;
  await client.send(DIALOG.slice(0, 4).map((line) => `${line}\r\n`).join(""));
  for (const code of ["220", "250", "250", "250"]) {
    assertEquals((await client.reply()).slice(0, 3), code);
  }
  await clock.advance(1_999);
  assertEquals(session.writes.length, 4);
  await clock.advance(1);
  assertMatch(await client.reply(), /^354 /);
});

Deno.test("a delay in mail data holds up all behind its place, whatever the segments", async () => {
  for (const size of [1, 7, 1000]) {
    await using session = await greetedSession({ faults: faultsOf("content after=40B delay 1m") });
    const { client, clock, intake } = session;
    await client.begin();
    const content = `Subject: x\r\n\r\n${"y".repeat(50)}\r\n`;
    for (let i = 0; i < content.length; i += size) {
      await client.send(content.slice(i, i + size));
      await settle();
    }
    await clock.advance(59_999);
    assert(intake.last.octets.length <= 40, `${size}: ${intake.last.octets.length}`);
    await clock.advance(1);
    assertMatch(await client.say("."), /^250 /);
    assertEquals(intake.last.content, content);
  }
});

Deno.test("a slow reply comes octet by octet, the rest as ever", async () => {
  await using session = openSession({ faults: faultsOf("ehlo slow 100ms") });
  const { client, clock, writes } = session;
  await client.reply();
  await client.send("EHLO client.test\r\nNOOP\r\n");
  await settle();
  assertEquals(writes.length, 2);
  await clock.advance(99);
  assertEquals(writes.length, 2);
  await clock.advance(1);
  assertEquals(writes.length, 3);
  await clock.advance(60_000);
  assertMatch(await client.reply(), /^250-mx\.example\.org\r\n/);
  assertEquals(await client.reply(), "250 2.0.0 Ok\r\n");
  assertEquals(new Set(writes.slice(1, -1).map(({ length }) => length)), new Set([1]));
});

Deno.test("a reply that is slower than the timeout ends the session", async () => {
  await using session = openSession({ faults: faultsOf("ehlo slow 1m") });
  await session.client.reply();
  await session.client.send("EHLO client.test\r\n");
  await session.clock.advance(6 * 60_000);
  assertMatch(await session.client.rest(), /^250-mx$/);
  await session.finished;
});

Deno.test("a server that hangs says nothing, until the timeout or until the client is gone", async () => {
  for (const rule of ["connect hang", "mail hang", "content hang", "end hang", "quit hang"]) {
    for (const isPatient of [true, false]) {
      const limits = { timeout: 300_000 };
      await using session = openSession({ faults: faultsOf(rule), limits });
      const { client, clock, intake } = session;
      await client.send(DIALOG.map((line) => `${line}\r\n`).join(""));
      await failed(session);
      await clock.advance(299_000);
      const said = session.writes.length;
      if (isPatient) await clock.advance(2_000);
      else client.transport.closeWrite();
      await session.finished;
      assertEquals(session.writes.length, said);
      assertEquals(intake.messages.length, rule === "quit hang" ? 1 : 0, rule);
    }
  }
});

Deno.test("a client that stays is left a moment after its connection was dropped", async () => {
  for (const rule of ["connect drop", "mail drop", "end drop", "quit drop"]) {
    await using session = openSession({ faults: faultsOf(rule) });
    await session.client.send(DIALOG.map((line) => `${line}\r\n`).join(""));
    await session.client.rest();
    await session.clock.advance(4_000);
    await session.finished;
  }
});

Deno.test("a server that is told to end does not wait for a client that hangs", async () => {
  await using session = await greetedSession({ faults: faultsOf("mail hang") });
  await session.client.send("MAIL FROM:<ann@a.test>\r\n");
  await settle();
  session.connection.drain();
  await session.finished;
});

Deno.test("a server that is told to end ends a delay, and takes nothing behind its 421", async () => {
  for (const rule of ["end delay 1h", "end delay 1s"]) {
    await using session = await greetedSession({ faults: faultsOf(rule) });
    await session.client.begin();
    await session.client.send("Subject: x\r\n\r\nhello\r\n.\r\n");
    await failed(session);
    session.connection.stop();
    await session.clock.advance(5_000);
    await session.finished;
    assertMatch(await session.client.rest(), /^421 /);
    assertEquals(session.intake.messages, [], rule);
  }
});

Deno.test("a client that does not wait for a delayed reply has sent its message all the same", async () => {
  await using session = await greetedSession({ faults: faultsOf("end delay 10m") });
  await session.client.begin();
  await session.client.send("Subject: x\r\n\r\nhello\r\n.\r\n");
  await settle();
  session.client.close();
  await session.clock.advance(10 * 60_000);
  await session.finished;
  assertEquals(session.intake.messages.length, 1);
});

Deno.test("the reply to a message comes before the connection is dropped at QUIT behind it", async () => {
  await using session = await greetedSession({ faults: faultsOf("quit drop") });
  await session.client.begin();
  await session.client.send("Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n");
  assertEquals(codesOf(await session.client.rest()), "250 x");
  assertEquals(session.intake.messages.length, 1);
});

Deno.test("BDAT fails at its steps as DATA does", async () => {
  const chunks = "BDAT 14\r\nSubject: x\r\n\r\nBDAT 7 LAST\r\nhello\r\nQUIT\r\n";
  const cases: readonly (readonly [rule: string, codes: string, messages: number])[] = [
    ["data reply 451", "220 250 250 250 451 503 221", 0],
    ["data drop", "220 250 250 250 x", 0],
    ["content after=15B drop", "220 250 250 250 250 x", 0],
    ["end reply 452", "220 250 250 250 250 452 221", 0],
    ["end times=1 reply 452", "220 250 250 250 250 452 221", 0],
    ["data slow 1ms", "220 250 250 250 250 250 221", 1],
  ];
  for (const [rule, codes, messages] of cases) {
    await using session = openSession({ faults: faultsOf(rule) });
    await session.client.send(`${DIALOG.slice(0, 3).join("\r\n")}\r\n${chunks}`);
    await failed(session);
    await session.clock.advance(1_000);
    assertEquals(codesOf(await session.client.rest()), codes, rule);
    assertEquals(session.intake.messages.length, messages, rule);
  }
});

Deno.test("in LMTP each recipient is told what was scripted for the message", async () => {
  await using session = await greetedSession({ lmtp: true, faults: faultsOf("end reply 452") });
  const { client } = session;
  await client.sayAll("MAIL FROM:<a@b.test>", "RCPT TO:<c@example.org>", "RCPT TO:<d@example.org>");
  await client.say("DATA");
  assertMatch(await client.say("x: y\r\n\r\nz\r\n."), /^452 /);
  assertMatch(await client.reply(), /^452 /);
  assertEquals(session.intake.messages, []);
});

Deno.test("AUTH and STARTTLS are refused before anything is looked at", async () => {
  const sasl: SessionOptions["sasl"] = {
    mechanisms: () => ["PLAIN"],
    begin: (mechanism) => ({
      mechanism,
      next: () => ({ kind: "failure", reply: reply(535, "5.7.8", "No") }),
    }),
  };
  const faults = faultsOf("auth times=1 reply 454 4.7.0 Later", "starttls times=1 reply 454");
  await using session = await greetedSession({ faults, sasl, identity });
  const { client } = session;
  assertEquals(await client.say("AUTH PLAIN AGpvZQB4"), "454 4.7.0 Later\r\n");
  assertMatch(await client.say("AUTH PLAIN AGpvZQB4"), /^535 /);
  assertEquals(await client.say("STARTTLS"), "454 4.0.0 Scripted failure\r\n");
  assertMatch(await client.say("STARTTLS"), /^220 /);
  await session.secure();
});

Deno.test("a handshake fails as scripted, and the next one does not", async () => {
  for (const [rule, reason] of [["fail", /handshake ?failure/i], ["drop", /closed/]] as const) {
    for (const implicitTls of [false, true]) {
      const faults = faultsOf(`tls times=1 ${rule}`);
      const connect = async () => {
        const session = openSession({ faults, identity, service: { port: 0, implicitTls } });
        if (implicitTls) return session;
        await session.client.greet();
        await session.client.say("STARTTLS");
        return session;
      };
      await using session = await connect();
      const { message } = await assertRejects(() => session.secure(), Error);
      assertMatch(message, reason);
      await session.finished;
      await using other = await connect();
      assertEquals((await other.secure()).version, "TLSv1.3");
    }
  }
});

Deno.test("a handshake that is to fail does not before the client has begun it", async () => {
  await using session = await greetedSession({ identity, faults: faultsOf("tls fail") });
  await session.client.say("STARTTLS");
  await settle();
  assertEquals(session.writes.length, 3);
  await assertRejects(() => session.secure(), Error, "HandshakeFailure");
  await session.finished;
});

Deno.test("a handshake that is delayed is made, and one that hangs ends with the timeout", async () => {
  await using delayed = await greetedSession({ identity, faults: faultsOf("tls delay 20m") });
  await delayed.client.say("STARTTLS");
  await settle();
  const secured = delayed.secure();
  await delayed.clock.advance(20 * 60_000);
  assertEquals((await secured).version, "TLSv1.3");
  await using hanging = await greetedSession({ identity, faults: faultsOf("tls hang") });
  await hanging.client.say("STARTTLS");
  await hanging.clock.advance(4 * 60_000);
  assertEquals(hanging.writes.length, 3);
  await hanging.clock.advance(2 * 60_000);
  assertEquals(await hanging.client.rest(), "");
  await hanging.finished;
});

Deno.test("the same seed gives the same dialogs twice, and another one does not", async () => {
  const rules = ["rcpt chance=30% reply 451", "mail chance=10% drop"].map(parseFault);
  async function dialogs(seed: number): Promise<string[]> {
    const faults = new Faults(rules, { seed });
    const said: string[] = [];
    for (let i = 0; i < 40; i++) {
      await using session = openSession({ faults });
      said.push(codesOf(await converse(session, DIALOG)));
    }
    return said;
  }
  const first = await dialogs(1);
  assertEquals(await dialogs(1), first);
  assert(JSON.stringify(await dialogs(2)) !== JSON.stringify(first));
  assertEquals(new Set(first).size, 3);
});

Deno.test("rules that are put in while a session runs are in force at its next step", async () => {
  const faults = new Faults();
  await using session = await greetedSession({ faults });
  assertMatch(await session.client.say("MAIL FROM:<ann@a.test>"), /^250 /);
  faults.replace([parseFault("rcpt reply 451 4.2.1 Later")]);
  assertEquals(await session.client.say("RCPT TO:<joe@example.org>"), "451 4.2.1 Later\r\n");
  faults.replace([]);
  assertMatch(await session.client.say("RCPT TO:<joe@example.org>"), /^250 /);
  assertEquals(session.logged("fault")[0].fields, {
    session: session.connection.session.id,
    client: "127.0.0.1",
    step: "rcpt",
    rule: "rcpt reply 451 4.2.1 Later",
  });
});
