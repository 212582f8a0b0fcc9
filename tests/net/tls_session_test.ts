import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { greetedSession, openSession } from "./session_fixture.ts";
import { testIdentity } from "./tls_fixture.ts";

const identity = testIdentity();

Deno.test("STARTTLS is offered where there is a certificate, and once", async () => {
  await using session = openSession({ identity });
  await session.client.reply();
  assertMatch(await session.client.say("EHLO client.example.org"), /^250[- ]STARTTLS\r$/m);
  assertEquals(await session.client.say("STARTTLS"), "220 2.0.0 Ready to start TLS\r\n");
  assertEquals((await session.secure()).version, "TLSv1.3");
  const ehlo = await session.client.say("EHLO client.example.org");
  assert(!ehlo.includes("STARTTLS"), ehlo);
  assertEquals(await session.client.say("STARTTLS"), "503 5.5.1 TLS is in use already\r\n");
  await using plain = await greetedSession();
  assertEquals(
    await plain.client.say("STARTTLS"),
    "502 5.5.1 STARTTLS is not implemented here\r\n",
  );
});

Deno.test("a session forgets behind STARTTLS what was said before", async () => {
  await using session = openSession({ identity });
  await session.client.greet();
  await session.client.say("STARTTLS");
  await session.secure();
  assertMatch(await session.client.say("MAIL FROM:<a@example.org>"), /^503 /);
  assertEquals(session.connection.session.heloName, undefined);
});

Deno.test("a message that came over TLS says so in its Received field", async () => {
  await using session = openSession({ identity });
  await session.greetSecurely();
  await session.client.begin();
  await session.client.say("Subject: x\r\n\r\nHello\r\n.");
  const { trace } = session.intake.messages[0];
  assertMatch(trace, /with ESMTPS\s+id \w+/);
  assertMatch(trace, /tls TLS_AES_256_GCM_SHA384\s+\(TLSv1\.3\)/);
  assertEquals(session.connection.session.tls?.serverName, "mx.test");
});

Deno.test("REQUIRETLS is offered inside TLS alone, by a server that keeps to it", async () => {
  const mail = "MAIL FROM:<a@example.org> REQUIRETLS";
  await using session = openSession({ identity, requireTls: true });
  await session.client.reply();
  const before = await session.client.say("EHLO client.example.org");
  assert(!before.includes("REQUIRETLS"), before);
  assertMatch(await session.client.say(mail), /^555 5\.5\.4 /);
  await session.client.say("STARTTLS");
  await session.secure();
  assertMatch(await session.client.say("EHLO client.example.org"), /^250[- ]REQUIRETLS\r$/m);
  assertMatch(await session.client.say(mail), /^250 /);
  assertEquals(session.intake.last.mail.requireTls, true);
  await using other = openSession({ identity });
  const inside = await other.greetSecurely();
  assert(!inside.includes("REQUIRETLS"), inside);
  assertMatch(await other.client.say(mail), /^555 5\.5\.4 /);
});

Deno.test("TLS begins before the greeting where a service has it so", async () => {
  await using session = openSession({ identity, service: { port: 0, implicitTls: true } });
  await session.secure();
  assertMatch(await session.client.reply(), /^220 /);
  const ehlo = await session.client.say("EHLO client.example.org");
  assert(!ehlo.includes("STARTTLS"), ehlo);
  assertEquals(await session.client.say("STARTTLS"), "503 5.5.1 TLS is in use already\r\n");
});

Deno.test("a session ends where something else than TLS comes behind STARTTLS", async () => {
  for (const behind of ["EHLO evil\r\n", "MAIL FROM:<a@b>\r\n", "\x16\x03\x01\x00\x04oops", ""]) {
    await using session = openSession({ identity });
    await session.client.greet();
    await session.client.say("STARTTLS");
    await session.client.send(behind);
    await session.client.transport.closeWrite();
    await session.finished;
    assertEquals(session.logged("tls-failed").length, 1, behind);
    // A TLS alert may come, and no reply in plaintext.
    assert(!/^[0-9]{3}/.test(await session.client.rest().catch(() => "")), behind);
    assertEquals(session.intake.transactions, []);
  }
});

Deno.test("plaintext that stands behind STARTTLS in one segment ends the session", async () => {
  await using session = openSession({ identity });
  await session.client.greet();
  await session.client.send("STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n");
  assertMatch(await session.client.rest(), /^421 4\.7\.0 Plaintext behind STARTTLS[^\n]*\n$/);
  assertEquals(session.intake.transactions, []);
});

Deno.test("a handshake that does not go on is ended in time", async () => {
  await using session = openSession({ identity });
  await session.client.greet();
  await session.client.say("STARTTLS");
  session.clock.advance(31_000);
  await session.finished;
  assertEquals(session.logged("tls-failed")[0].fields.error, "the handshake took too long");
});

Deno.test("a handshake ends when the server drains or stops", async () => {
  for (const end of ["drain", "stop"] as const) {
    await using session = openSession({ identity });
    await session.client.greet();
    await session.client.say("STARTTLS");
    session.connection[end]();
    await session.finished;
    assertEquals(await session.client.rest().catch(() => ""), "");
  }
});

Deno.test("TLS that ends in the midst of something leaves no message and reads nothing more", async () => {
  const table = [
    { name: "a command line", said: "NOO" },
    { name: "mail data", said: "DATA\r\nSubject: x\r\n\r\nHalf of" },
    { name: "a BDAT chunk", said: "BDAT 1000 LAST\r\nSubject: x\r\n\r\nHalf of" },
  ];
  for (const { name, said } of table) {
    for (const isClean of [true, false]) {
      await using session = openSession({ identity });
      await session.greetSecurely();
      await session.client.say("MAIL FROM:<a@example.org>");
      await session.client.say("RCPT TO:<b@example.org>");
      await session.client.send(said);
      if (isClean) await session.client.transport.closeWrite();
      // What comes in plaintext now is no part of the session.
      else await session.transport.write(new TextEncoder().encode("\r\n.\r\nQUIT\r\n"));
      await session.finished;
      assertEquals(session.intake.messages, [], name);
    }
  }
});

Deno.test("a session cannot be secured by a client that goes away", async () => {
  await using session = openSession({ identity });
  await session.client.greet();
  await session.client.say("STARTTLS");
  session.client.close();
  await session.finished;
  await assertRejects(() => session.secure());
});
