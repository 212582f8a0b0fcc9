import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { type IncomingSession, listen } from "../../lib/net/listen.ts";
import type { Hooks, IncomingMessage, Verdict } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import { reply, SmtpError } from "../../lib/smtp/reply.ts";
import type { Client } from "./client.ts";
import { deliverFirst, GOODBYE, Listening, NO_SERVICE, withEach } from "./listening.ts";

Deno.test("a program gets sessions, messages of them, and answers each", async () => {
  const seen: unknown[] = [];
  await using listening = new Listening(async (session) => {
    seen.push(session.heloName, session.protocol);
    for await (const mail of session.process()) {
      seen.push(session.heloName, session.protocol);
      seen.push(mail.reversePath, mail.forwardPaths, mail.size, mail.body, mail.smtpUtf8);
      mail.accept();
    }
  });
  using client = await listening.connect();
  assertEquals(await client.reply(), "220 mx.example.org ESMTP smtpd\r\n");
  await client.say("EHLO client.example.org");
  await client.say("MAIL FROM:<> SIZE=100 BODY=8BITMIME");
  await client.say("RCPT TO:<joe@example.org>");
  await client.say("RCPT TO:<ann@example.net>");
  await client.say("DATA");
  assertEquals(await client.say("\r\n."), "250 2.0.0 Accepted\r\n");
  assertEquals(seen, [
    ...[undefined, undefined, "client.example.org", "ESMTP", null],
    [{ localPart: "joe", domain: "example.org" }, { localPart: "ann", domain: "example.net" }],
    ...[100, "8BITMIME", false],
  ]);
  assertMatch(await client.say("QUIT"), /^221/);
});

Deno.test("a handler sees both ends of the connection before anything is said", async () => {
  const seen: Pick<Session, "remote" | "local">[] = [];
  await using listening = new Listening(({ remote, local }) => void seen.push({ remote, local }));
  using client = await listening.connect();
  await client.reply();
  assertEquals(seen, [{ remote: client.transport.local, local: client.transport.remote }]);
  assertEquals(seen[0].local.port, listening.server.port);
});

Deno.test("sessions run at the same time: a handler that waits holds nobody else up", async () => {
  const gate = Promise.withResolvers<void>();
  let sessions = 0;
  await using listening = new Listening(async (session) => {
    if (sessions++ === 0) await gate.promise;
    let messages = 0;
    for await (const mail of session.process()) {
      if (sessions === 2 && messages++ === 0) await gate.promise;
      mail.accept();
    }
  });
  using beforeGreeting = await listening.connect();
  using inMessage = await listening.connect();
  await inMessage.greet();
  await inMessage.begin();
  await inMessage.send(".\r\n");
  for (let i = 0; i < 3; i++) {
    using other = await listening.connect();
    assertMatch(await deliverFirst(other), /^250/);
  }
  gate.resolve();
  assertMatch(await inMessage.reply(), /^250/);
  assertMatch(await deliverFirst(beforeGreeting), /^250/);
});

Deno.test("a client whose session is not processed is greeted with 554", async () => {
  await using listening = new Listening(() => {});
  using client = await listening.connect();
  assertEquals(await client.reply(), NO_SERVICE);
  // RFC 5321 section 3.1: the client may say QUIT, and gets 503 for everything else.
  assertMatch(await client.say("EHLO client.example.org"), /^503/);
  assertMatch(await client.say("QUIT"), /^221/);
  assertEquals(listening.bugs, []);
});

Deno.test("an SmtpError before the session is processed is its greeting", async () => {
  await using listening = new Listening(async () => {
    await Promise.resolve();
    throw new SmtpError(554, "5.7.1", "Not from you");
  });
  using client = await listening.connect();
  assertEquals(await client.reply(), "554 5.7.1 Not from you\r\n");
  assertEquals(listening.bugs, []);
});

Deno.test("anything else that a handler throws before is 451, and goes to the log", async () => {
  for (const thrown of [new TypeError("boom"), "boom", new SmtpError(250, undefined, "boom")]) {
    await using listening = new Listening(() => {
      throw thrown;
    });
    using client = await listening.connect();
    assertMatch(await client.reply(), /^451 4\.3\.0 Internal error/);
    assertEquals(listening.bugs.length, 1);
    assertStringIncludes(String(listening.bugs[0].fields.error), "boom");
  }
});

Deno.test("no client may send to other domains by default, unless it is on this host", async () => {
  await using listening = new Listening(withEach((mail) => mail.accept()), {
    localDomains: ["example.org"],
  });
  const table = [
    ["192.0.2.1", /^550 5\.7\.1/],
    ["2001:db8::1", /^550 5\.7\.1/],
    ["10.0.0.1", /^550 5\.7\.1/],
    ["127.0.0.1", /^250/],
    ["127.1.2.3", /^250/],
    ["::1", /^250/],
  ] as const;
  for (const [address, expected] of table) {
    using client = listening.join(address);
    await client.greet();
    await client.say("MAIL FROM:<a@example.org>");
    assertMatch(await client.say("RCPT TO:<b@example.net>"), expected, address);
    assertMatch(await client.say("RCPT TO:<b@Example.ORG>"), /^250/, address);
  }
});

Deno.test("relayFrom replaces the default", async () => {
  await using listening = new Listening(withEach((mail) => mail.accept()), {
    relayFrom: ["192.0.2.0/24"],
  });
  for (
    const [address, expected] of [["127.0.0.1", /^550 5\.7\.1/], ["192.0.2.9", /^250/]] as const
  ) {
    using client = listening.join(address);
    await client.greet();
    await client.say("MAIL FROM:<a@example.org>");
    assertMatch(await client.say("RCPT TO:<b@example.net>"), expected, address);
  }
});

Deno.test("a network or a domain that cannot be read is an error, and nothing listens", () => {
  assertThrows(() => listen({ relayFrom: ["everyone"] }, () => {}), SyntaxError);
  assertThrows(() => listen({ localDomains: ["-"] }, () => {}), SyntaxError);
});

/** Refuses one sender at each step, and keeps what it needs in private, as a class may. */
class Refusals implements Hooks {
  readonly #step: string;
  readonly asked: string[] = [];

  constructor(step: string) {
    this.#step = step;
  }

  #verdict(step: string): Verdict | void {
    this.asked.push(step);
    if (step === this.#step) return reply(550, "5.7.1", `No ${step}`);
  }

  connect(_session: Session): Verdict | void {
    return this.#verdict("connect");
  }

  helo(_session: Session): Verdict | void {
    return this.#verdict("helo");
  }

  mail(): Verdict | void {
    return this.#verdict("mail");
  }

  rcpt(): Verdict | void {
    return this.#verdict("rcpt");
  }

  data(_session: Session, _message: IncomingMessage): Verdict | void {
    return this.#verdict("data");
  }
}

Deno.test("hooks are asked at each step, also where they are methods of a class", async () => {
  const steps = ["connect", "helo", "mail", "rcpt", "data"];
  for (const [index, step] of steps.entries()) {
    const hooks = new Refusals(step);
    await using listening = new Listening(withEach((mail) => mail.accept()), { hooks });
    using client = await listening.connect();
    const replies = [await client.reply(), await client.say("EHLO client.example.org")];
    replies.push(await client.say("MAIL FROM:<>"), await client.say("RCPT TO:<b@example.org>"));
    if ((await client.say("DATA")).startsWith("354")) replies.push(await client.say("\r\n."));
    assertEquals(replies.findIndex((each) => each.endsWith(`No ${step}\r\n`)), index);
    assertEquals(hooks.asked, steps.slice(0, index + 1));
    assertEquals(listening.bugs, []);
  }
});

Deno.test("the connect hook is not asked about a client that the handler has refused", async () => {
  const hooks = new Refusals("none");
  await using listening = new Listening(() => {}, { hooks });
  using client = await listening.connect();
  assertEquals(await client.reply(), NO_SERVICE);
  assertEquals(hooks.asked, []);
});

Deno.test("limits that are given are kept", async () => {
  await using listening = new Listening(withEach((mail) => mail.accept()), {
    limits: { maxSize: 1000, maxRecipients: 1 },
  });
  using client = await listening.connect();
  await client.reply();
  assertStringIncludes(await client.say("EHLO client.example.org"), "SIZE 1000\r\n");
  assertMatch(await client.say("MAIL FROM:<> SIZE=1001"), /^552/);
  await client.say("MAIL FROM:<>");
  await client.say("RCPT TO:<b@example.org>");
  assertMatch(await client.say("RCPT TO:<c@example.org>"), /^452/);
});

Deno.test("dispose tells idle clients 421, ends the loops and frees the port", async () => {
  const ended: string[] = [];
  let port: number;
  let client: Client;
  {
    await using listening = new Listening(async (session: IncomingSession) => {
      for await (const mail of session.process()) mail.accept();
      ended.push(session.id);
    });
    port = listening.server.port;
    client = await listening.connect();
    await client.greet();
  }
  assertEquals(await client.rest(), GOODBYE);
  client.close();
  assertEquals(ended.length, 1);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("drain lets the message on its way in, then tells the client 421", async () => {
  await using listening = new Listening(withEach(async (mail) => {
    await mail.bytes();
    mail.accept();
  }));
  using client = await listening.connect();
  await client.greet();
  await client.begin();
  const drained = listening.server.drain(10_000);
  await client.send("Subject: x\r\n\r\nbody\r\n.\r\n");
  assertEquals(await client.rest(), `250 2.0.0 Accepted\r\n${GOODBYE}`);
  await drained;
});

Deno.test("a session that waits for its greeting is told 421 when the server stops", async () => {
  const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let messages = 0;
  await using listening = new Listening(async (session) => {
    asked.resolve();
    await gate.promise;
    for await (const _ of session.process()) messages++;
  });
  using client = await listening.connect();
  await asked.promise;
  listening.server.stop();
  assertEquals(await client.rest(), GOODBYE);
  gate.resolve();
  await listening.server.finished;
  assertEquals(messages, 0);
  assertEquals(listening.bugs, []);
});

Deno.test("a handler that is waiting for mail when the client leaves comes to its end", async () => {
  for (const farewell of ["QUIT\r\n", ""]) {
    const over = Promise.withResolvers<void>();
    await using listening = new Listening(async (session) => {
      for await (const mail of session.process()) mail.accept();
      over.resolve();
    });
    const client = await listening.connect();
    await client.greet();
    await client.send(farewell);
    client.close();
    await over.promise;
    assertEquals(listening.bugs, []);
  }
});
