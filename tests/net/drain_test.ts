import { assertEquals, assertMatch } from "@std/assert";
import { reply } from "../../lib/smtp/reply.ts";
import { settle } from "./fake_clock.ts";
import { greetedSession, openSession } from "./session_fixture.ts";

const GOODBYE = "421 4.3.2 Service shutting down, try again later\r\n";

Deno.test("drain tells an idle client 421 at once and closes", async () => {
  await using session = await greetedSession();
  session.connection.drain();
  assertEquals(await session.client.rest(), GOODBYE);
  await session.finished;
});

Deno.test("drain before the greeting makes it a 421", async () => {
  const gate = Promise.withResolvers<void>();
  await using session = openSession({ hooks: { connect: () => gate.promise } });
  session.connection.drain();
  assertEquals(await session.client.reply(), GOODBYE);
  gate.resolve();
  assertEquals(await session.client.rest(), "");
});

Deno.test("drain lets the open transaction end first and then says 421", async () => {
  await using session = await greetedSession();
  const { client, intake } = session;
  await client.sayAll("MAIL FROM:<a@example.org>");
  session.connection.drain();
  await client.sayAll("RCPT TO:<b@example.org>", "DATA");
  await client.send("x\r\n.\r\n");
  assertEquals(await client.rest(), `250 2.6.0 Message ok\r\n${GOODBYE}`);
  client.close();
  await session.finished;
  assertEquals(intake.messages.length, 1);
});

Deno.test("drain lets no second transaction begin, not even a pipelined one", async () => {
  await using session = await greetedSession();
  const { client, intake } = session;
  await client.begin();
  session.connection.drain();
  await client.send("x\r\n.\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<c@example.org>\r\nDATA\r\n");
  assertEquals(await client.rest(), `250 2.6.0 Message ok\r\n${GOODBYE}`);
  assertEquals(intake.transactions.length, 1);
});

Deno.test("drain ends a session behind RSET", async () => {
  await using session = await greetedSession();
  await session.client.sayAll("MAIL FROM:<a@example.org>");
  session.connection.drain();
  await session.client.send("RSET\r\n");
  assertEquals(await session.client.rest(), `250 2.0.0 Ok\r\n${GOODBYE}`);
});

Deno.test("drain while a reply waits for its reader lets it out before the 421", async () => {
  await using session = openSession({ capacity: 8 });
  await settle();
  session.connection.drain();
  assertEquals(await session.client.rest(), `220 mx.example.org ESMTP smtpd\r\n${GOODBYE}`);
});

Deno.test("drain while MAIL is asked about takes no message behind its 421", async () => {
  const gate = Promise.withResolvers<void>();
  await using session = await greetedSession({ hooks: { mail: () => gate.promise } });
  const { client, intake } = session;
  await client.send(
    "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx\r\n.\r\n",
  );
  await settle();
  session.connection.drain();
  assertEquals(await client.reply(), GOODBYE);
  gate.resolve();
  assertEquals(await client.rest(), "");
  client.close();
  await session.finished;
  assertEquals(intake.messages, []);
});

for (
  const [state, lines] of Object.entries({
    "after MAIL": ["MAIL FROM:<a@example.org>"],
    "in mail data": ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"],
  })
) {
  Deno.test(`stop ends a session ${state} and aborts its transaction`, async () => {
    await using session = await greetedSession();
    await session.client.sayAll(...lines);
    session.connection.stop();
    assertEquals(await session.client.rest(), GOODBYE);
    session.client.close();
    await session.finished;
    assertEquals(session.intake.last.outcome, "aborted");
  });
}

Deno.test("stop in mail data waits only so long for a client that goes on sending", async () => {
  await using session = await greetedSession();
  const { client, clock } = session;
  await client.begin();
  session.connection.stop();
  assertEquals(await client.rest(), GOODBYE);
  await client.send("still sending\r\n.\r\n");
  await clock.advance(4_000);
  await session.finished;
  assertEquals(session.intake.messages, []);
  assertEquals(session.logged("timeout"), []);
});

Deno.test("a second stop does not wait for the client", async () => {
  await using session = await greetedSession();
  await session.client.begin();
  session.connection.stop();
  session.connection.stop();
  await session.finished;
  assertEquals(session.intake.last.outcome, "aborted");
});

Deno.test("stop does not wait for a next hop that takes its time, and takes no word back", async () => {
  const gate = Promise.withResolvers<void>();
  const session = await greetedSession({
    answers: { end: () => gate.promise.then(() => reply(250, "2.0.0", "Ok")) },
  });
  const { client, clock, intake } = session;
  await client.begin();
  await client.send("x\r\n.\r\n");
  await settle();
  session.connection.stop();
  assertEquals(await client.reply(), GOODBYE);
  await clock.advance(4_000);
  await session.finished;
  assertEquals(await client.rest(), "");
  gate.resolve();
  await settle();
  await session[Symbol.asyncDispose]();
  assertEquals(intake.last.faults, []);
});

Deno.test("a client that was told 421 and does not leave is cut off", async () => {
  await using session = await greetedSession({ limits: { maxErrors: 0 } });
  assertMatch(await session.client.say("X"), /^421/);
  assertEquals(await session.client.rest(), "");
  await session.clock.advance(1_000);
  await session.client.send("more");
  await session.clock.advance(3_000);
  await session.finished;
  assertEquals(session.logged("timeout"), []);
});

Deno.test("drain tells a client of the message that was accepted before it says 421", async () => {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  await using session = await greetedSession({
    hooks: { mail: () => asked++ > 0 ? gate.promise : undefined },
  });
  const { client } = session;
  await client.begin();
  await client.send("x\r\n.\r\nMAIL FROM:<a@example.org>\r\n");
  await settle();
  session.connection.drain();
  assertEquals(await client.reply(), "250 2.6.0 Message ok\r\n");
  assertEquals(await client.reply(), GOODBYE);
  gate.resolve();
});
