import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { IncomingMail } from "../../lib/net/incoming_mail.ts";
import { reply, SmtpError } from "../../lib/smtp/reply.ts";
import {
  BUG,
  deliver,
  deliverFirst,
  GOODBYE,
  Listening,
  UNANSWERED,
  withEach,
} from "./listening.ts";

Deno.test("leaving the loop ends the session after the message", async () => {
  const count = { messages: 0 };
  await using listening = new Listening(async (session) => {
    for await (const mail of session.process()) {
      count.messages++;
      mail.accept();
      break;
    }
  });
  using client = await listening.connect();
  await client.greet();
  await client.begin();
  await client.send("Subject: x\r\n\r\n.\r\n");
  assertEquals(await client.rest(), `250 2.0.0 Accepted\r\n${GOODBYE}`);
  assertEquals(count.messages, 1);
});

Deno.test("a message that begins before the loop is left, and comes after, gets 451", async () => {
  const [mailBegun, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using listening = new Listening(async (session) => {
    for await (const mail of session.process()) {
      mail.accept();
      await mailBegun.promise;
      break;
    }
    left.resolve();
  });
  using client = await listening.connect();
  assertMatch(await deliverFirst(client), /^250/);
  await client.say("MAIL FROM:<a@example.org>");
  await client.say("RCPT TO:<b@example.org>");
  mailBegun.resolve();
  await left.promise;
  await client.send("DATA\r\n");
  assertEquals(await client.rest(), UNANSWERED + GOODBYE);
});

Deno.test("a message that comes while the handler is busy with the last one is not lost", async () => {
  const gate = Promise.withResolvers<void>();
  const texts: string[] = [];
  await using listening = new Listening(withEach(async (mail) => {
    texts.push((await mail.text()).split("\r\n").at(-2)!);
    mail.accept();
    if (texts.length === 1) await gate.promise;
  }));
  using client = await listening.connect();
  assertMatch(await deliverFirst(client, "one\r\n"), /^250/);
  await client.begin();
  gate.resolve();
  assertMatch(await client.say("two\r\n."), /^250/);
  assertEquals(texts, ["one", "two"]);
});

Deno.test("a message that is not answered when the next is asked for gets 451", async () => {
  let count = 0;
  await using listening = new Listening(withEach((mail) => {
    if (count++ > 0) mail.accept();
  }));
  using client = await listening.connect();
  assertEquals(await deliverFirst(client), UNANSWERED);
  assertMatch(await deliver(client), /^250/);
});

Deno.test("a message may be answered behind the loop, as long as the handler runs", async () => {
  await using listening = new Listening(async (session) => {
    let first: IncomingMail | undefined;
    for await (const mail of session.process()) {
      first = mail;
      break;
    }
    assertStringIncludes(await first!.text(), "body");
    first!.accept();
  });
  using client = await listening.connect();
  assertMatch(await deliverFirst(client), /^250/);
  assertEquals(await client.rest(), GOODBYE);
});

Deno.test("what a handler throws in the loop answers the message and ends the session", async () => {
  const cases = [
    [new SmtpError(552, "5.2.2", "Mailbox full"), "552 5.2.2 Mailbox full\r\n", 0],
    [new SmtpError(250, "2.0.0", "Fine"), BUG, 1],
    [new TypeError("boom"), BUG, 1],
  ] as const;
  for (const [thrown, expected, bugs] of cases) {
    await using listening = new Listening(withEach(() => {
      throw thrown;
    }));
    using client = await listening.connect();
    assertEquals(await deliverFirst(client), expected);
    assertEquals(await client.rest(), GOODBYE);
    assertEquals(listening.bugs.length, bugs, String(thrown));
    // The server goes on.
    using other = await listening.connect();
    assertMatch(await other.reply(), /^220/);
  }
});

Deno.test("results become the one reply of SMTP, the worst of them, and each its own in LMTP", async () => {
  const [ok, later, never] = [
    { reply: reply(250, "2.0.0", "Ok") },
    { reply: reply(451, "4.2.0", "Later") },
    { reply: reply(550, "5.1.1", "Never") },
  ];
  const cases = [
    [[ok, ok], "250 2.0.0 Ok\r\n", "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"],
    [[ok, never], "550 5.1.1 Never\r\n", "250 2.0.0 Ok\r\n550 5.1.1 Never\r\n"],
    [[never, later], "451 4.2.0 Later\r\n", "550 5.1.1 Never\r\n451 4.2.0 Later\r\n"],
  ] as const;
  for (const [results, smtp, lmtp] of cases) {
    for (const isLmtp of [false, true]) {
      await using listening = new Listening(withEach((mail) => mail.accept(results)), {
        lmtp: isLmtp,
      });
      using client = await listening.connect();
      await client.greet(isLmtp ? "LHLO" : "EHLO");
      await client.sayAll("MAIL FROM:<>", "RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>");
      await client.say("DATA");
      await client.send(".\r\nQUIT\r\n");
      const said = await client.rest();
      assertEquals(said.slice(0, said.indexOf("221")), isLmtp ? lmtp : smtp);
      assertEquals(listening.bugs, []);
    }
  }
});

Deno.test("an LMTP session answers one reply given for all once a recipient", async () => {
  await using listening = new Listening(withEach((mail) => mail.accept()), { lmtp: true });
  using client = await listening.connect();
  await client.greet("LHLO");
  await client.sayAll("MAIL FROM:<>", "RCPT TO:<b@example.org>", "RCPT TO:<c@example.org>");
  await client.say("DATA");
  await client.send(".\r\nQUIT\r\n");
  assertMatch(await client.rest(), /^250 2\.0\.0 Accepted\r\n250 2\.0\.0 Accepted\r\n221/);
});

Deno.test("a client that vanishes in mail data makes reading fail, and the loop ends", async () => {
  const over = Promise.withResolvers<string[]>();
  await using listening = new Listening(async (session) => {
    const seen: string[] = [];
    for await (const mail of session.process()) {
      try {
        await mail.text();
      } catch (error) {
        seen.push(String(error));
      }
    }
    over.resolve(seen);
  });
  using client = await listening.connect();
  await client.greet();
  await client.begin();
  await client.send("Subject: x\r\n\r\nbody\r\n");
  client.close();
  assertEquals(await over.promise, [
    "Error: Cannot read on: the client did not send the whole message",
  ]);
});

Deno.test("a session in which a message was broken off goes on with the next", async () => {
  const seen: string[] = [];
  await using listening = new Listening(withEach(async (mail) => {
    try {
      await mail.bytes();
      seen.push("whole");
      mail.accept();
    } catch {
      seen.push("broken off");
    }
  }));
  using client = await listening.connect();
  await client.greet();
  await client.sayAll("MAIL FROM:<>", "RCPT TO:<b@example.org>");
  await client.send("BDAT 5\r\nhello");
  assertMatch(await client.reply(), /^250/);
  assertMatch(await client.say("RSET"), /^250/);
  assertMatch(await deliver(client), /^250/);
  assertEquals(seen, ["broken off", "whole"]);
});

Deno.test("a client that vanishes is no bug of a handler that does not catch it", async () => {
  const over = Promise.withResolvers<void>();
  await using listening = new Listening(async (session) => {
    try {
      for await (const mail of session.process()) {
        await mail.bytes();
        mail.accept();
      }
    } finally {
      over.resolve();
    }
  });
  using client = await listening.connect();
  await client.greet();
  await client.begin();
  await client.send("Subject: x\r\n\r\nbody\r\n");
  client.close();
  await over.promise;
  await listening.server.drain(1000);
  assertEquals(listening.bugs, []);
});
