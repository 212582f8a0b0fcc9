import { assert, assertEquals, assertMatch } from "@std/assert";
import { settle } from "./fake_clock.ts";
import { greetedSession, openSession } from "./session_fixture.ts";

const LIMITS = { timeout: 300_000, dataTimeout: 600_000, sessionTimeout: 3_600_000 };

Deno.test("a client that says nothing is told 421 once the timeout is over, and not before", async () => {
  await using session = await greetedSession({ limits: LIMITS });
  await session.clock.advance(299_000);
  assertMatch(await session.client.say("NOOP"), /^250/);
  await session.clock.advance(299_000);
  assertEquals(session.logged("timeout"), []);
  await session.clock.advance(2_000);
  assertEquals(await session.client.rest(), "421 4.4.2 Timeout, closing connection\r\n");
  await session.finished;
  assertEquals(session.logged("timeout").length, 1);
});

Deno.test("a client that never says anything is told 421", async () => {
  await using session = openSession({ limits: LIMITS });
  await session.clock.advance(301_000);
  assertMatch(await session.client.rest(), /^220 .*\r\n421 4\.4\.2 Timeout/);
});

Deno.test("a byte a second does not extend the time for a command", async () => {
  await using session = await greetedSession({ limits: LIMITS });
  const { client, clock } = session;
  for (let second = 0; second < 299; second++) {
    await client.send("x");
    await clock.advance(1_000);
  }
  assertEquals(session.logged("timeout"), []);
  await clock.advance(3_000);
  assertMatch(await client.rest(), /^421 4\.4\.2 Timeout/);
});

Deno.test("each command that is answered gives time for the next, begun or not", async () => {
  await using session = await greetedSession({ limits: LIMITS });
  const { client, clock } = session;
  await client.send("NO");
  for (let turn = 0; turn < 5; turn++) {
    await clock.advance(200_000);
    await client.send("OP\r\nNO");
    assertMatch(await client.reply(), /^250/);
  }
  assertEquals(session.logged("timeout"), []);
});

Deno.test("mail data has a timeout of its own, which each segment renews", async () => {
  await using session = await greetedSession({ limits: { ...LIMITS, minDataRate: 0 } });
  const { client, clock } = session;
  await client.begin();
  for (let turn = 0; turn < 3; turn++) {
    await clock.advance(590_000);
    await client.send("x\r\n");
  }
  assertEquals(session.logged("timeout"), []);
  await clock.advance(602_000);
  assertMatch(await client.rest(), /^421 4\.4\.2 Timeout/);
  await session.finished;
  assertEquals(session.intake.last.outcome, "aborted");
});

Deno.test("mail data below the least rate ends the session after a window", async () => {
  await using session = await greetedSession({ limits: { ...LIMITS, minDataRate: 100 } });
  const { client, clock } = session;
  await client.begin();
  for (let second = 0; second < 59; second++) {
    await client.send("x");
    await clock.advance(1_000);
  }
  assertEquals(session.logged("too-slow"), []);
  for (let second = 0; second < 3; second++) {
    await client.send("x").catch(() => {});
    await clock.advance(1_000);
  }
  assertMatch(await client.rest(), /^421 4\.4\.2 Mail data comes too slowly/);
  assertEquals(session.logged("too-slow").length, 1);
  client.close();
  await session.finished;
  assertEquals(session.intake.last.outcome, "aborted");
});

Deno.test("mail data at the least rate goes on for many windows", async () => {
  await using session = await greetedSession({ limits: { ...LIMITS, minDataRate: 100 } });
  const { client, clock } = session;
  await client.begin();
  for (let turn = 0; turn < 60; turn++) {
    await clock.advance(10_000);
    await client.send("x".repeat(998) + "\r\n");
  }
  await client.send(".\r\n");
  assertMatch(await client.reply(), /^250/);
});

Deno.test("a message that is too slow is not taken though its end comes with the last octets", async () => {
  await using session = await greetedSession({ limits: { ...LIMITS, minDataRate: 100 } });
  const { client, clock } = session;
  await client.begin();
  await client.send("x\r\n");
  await clock.advance(61_000);
  await client.send(".\r\n");
  assertMatch(await client.rest(), /^421 4\.4\.2 Mail data comes too slowly[^\n]*\n$/);
  client.close();
  await session.finished;
  assertEquals(session.intake.messages, []);
});

Deno.test("the time that the intake takes does not count against the rate of the client", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  await using session = await greetedSession({
    limits: { ...LIMITS, minDataRate: 100 },
    answers: {
      write() {
        gates.push(Promise.withResolvers());
        return gates.at(-1)!.promise;
      },
    },
  });
  const { client, clock } = session;
  await client.begin();
  for (let turn = 0; turn < 5; turn++) {
    await client.send("a line of a header: x\r\n");
    await settle();
    await clock.advance(120_000);
    gates.at(-1)!.resolve();
    await settle();
  }
  assertEquals(session.events.filter(({ level }) => level !== "debug"), []);
  await client.send(".\r\n");
  assertMatch(await client.reply(), /^250/);
});

Deno.test("time does not run while a hook takes it", async () => {
  const gate = Promise.withResolvers<void>();
  await using session = await greetedSession({
    limits: LIMITS,
    hooks: { mail: () => gate.promise },
  });
  const { client, clock } = session;
  await client.send("MAIL FROM:<a@example.org>\r\n");
  await clock.advance(1_000_000);
  gate.resolve();
  assertMatch(await client.reply(), /^250/);
  await clock.advance(299_000);
  assertMatch(await client.say("NOOP"), /^250/);
});

Deno.test("a session that lasts too long ends, however busy it is", async () => {
  await using session = await greetedSession({ limits: LIMITS });
  const { client, clock } = session;
  for (let turn = 0; turn < 35; turn++) {
    await clock.advance(100_000);
    assertMatch(await client.say("NOOP"), /^250/);
  }
  await clock.advance(101_000);
  assertMatch(await client.rest(), /^421 4\.3\.2 Session lasts too long/);
});

Deno.test("a session that lasts too long ends behind the mail data that is coming", async () => {
  await using session = await greetedSession({
    limits: { ...LIMITS, sessionTimeout: 400_000, minDataRate: 0 },
  });
  const { client, clock } = session;
  await client.begin();
  await clock.advance(450_000);
  await client.send("x\r\n.\r\n");
  assertMatch(await client.reply(), /^250 2\.6\.0/);
  await clock.advance(2_000);
  assertMatch(await client.rest(), /^421 4\.3\.2 Session lasts too long/);
});

Deno.test("a client that pipelines and never reads is cut off, at a bounded cost", async () => {
  await using session = openSession({ limits: LIMITS, capacity: 16_384 });
  const { client, clock, writes } = session;
  const noops = "NOOP\r\n".repeat(2000);
  let sent = 0;
  const flood = (async () => {
    for (;;) {
      await client.send(noops);
      sent += noops.length;
    }
  })().catch(() => {});
  await clock.advance(290_000);
  assertEquals(session.logged("timeout"), []);
  const held = writes.join("").length;
  // What the pipe holds, one write that waits, and nothing read beyond that.
  assert(held < 16_384 + 8_192, `${held} octets were written`);
  assert(sent < 64 * 1024, `${sent} octets were taken`);
  await clock.advance(12_000);
  await session.finished;
  await flood;
  assertEquals(session.logged("timeout").length, 1);
});

Deno.test("a client that leaves no room for the last reply is cut off all the same", async () => {
  const greeting = "220 mx.example.org ESMTP smtpd\r\n";
  await using session = openSession({ limits: LIMITS, capacity: greeting.length });
  await session.clock.advance(310_000);
  await session.finished;
  assertEquals(session.logged("timeout").length, 1);
});
