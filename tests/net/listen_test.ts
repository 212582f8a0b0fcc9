import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import type { IncomingMail } from "../../lib/net/incoming_mail.ts";
import {
  type IncomingSession,
  listen,
  type ListeningServer,
  type ListenOptions,
  type SessionHandler,
} from "../../lib/net/listen.ts";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import type { Server } from "../../lib/net/server.ts";
import { connectTcp } from "../../lib/net/tcp_transport.ts";
import type { Hooks, IncomingMessage, Verdict } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import { reply, SmtpError } from "../../lib/smtp/reply.ts";
import { Client } from "./client.ts";
import type { LogEvent } from "./session_fixture.ts";

const GOODBYE = "421 4.3.2 Service shutting down, try again later\r\n";
const NO_SERVICE = "554 5.3.2 No service for you here\r\n";
const BUG = "451 4.3.0 Internal error, try again later\r\n";
const UNANSWERED = "451 4.3.0 The message was not dealt with, try again later\r\n";

/** A server on loopback whose log is kept. */
class Listening implements AsyncDisposable {
  readonly server: ListeningServer;
  readonly events: LogEvent[] = [];

  constructor(handler: SessionHandler, options: ListenOptions = {}) {
    this.server = listen({
      hosts: ["127.0.0.1"],
      hostname: "mx.example.org",
      log: (level, event, fields) => this.events.push({ level, event, fields }),
      ...options,
    }, handler);
  }

  async connect(): Promise<Client> {
    return new Client(await connectTcp({ hostname: "127.0.0.1", port: this.server.port }));
  }

  /** A client in memory, with an address of its own. */
  join(address: string): Client {
    const [client, server] = memoryPair({ first: { address, port: 40000 } });
    (this.server as unknown as Server).serve(server);
    return new Client(client);
  }

  /** The events that say that something is wrong with the program. */
  get bugs(): LogEvent[] {
    return this.events.filter(({ event }) => event === "bug");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** Sends one message in a session that has begun; answers the reply to it. */
async function deliver(client: Client, content = "Subject: x\r\n\r\nbody\r\n"): Promise<string> {
  assertMatch(await client.begin(), /^354/);
  return await client.say(`${content}.`);
}

/** Greets, sends one message and answers the reply to it. */
async function deliverFirst(client: Client, content?: string): Promise<string> {
  await client.greet();
  return await deliver(client, content);
}

/** A handler that does the same with each message. */
function withEach(handle: (mail: IncomingMail) => Promise<void> | void): SessionHandler {
  return async (session) => {
    for await (const mail of session.process()) await handle(mail);
  };
}

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
