import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Hooks, IncomingMessage } from "../../lib/policy/hooks.ts";
import { reply, SmtpError } from "../../lib/smtp/reply.ts";
import { cutEvery, join, octets, text } from "../smtp/wire.ts";
import { settle } from "./fake_clock.ts";
import { greetedSession, type SessionOptions, type TestSession } from "./session_fixture.ts";

const HEAD = "Subject: one\r\n\ttwo\r\nTo: b@example.org\r\n\r\n";

async function readAll(message: IncomingMessage): Promise<string> {
  const slices: Uint8Array[] = [];
  for await (const slice of message.content) slices.push(slice.slice());
  return text(join(slices));
}

/** A session in mail data. */
async function sending(
  data: NonNullable<Hooks["data"]>,
  options: SessionOptions = {},
): Promise<TestSession> {
  const session = await greetedSession({ ...options, hooks: { data } });
  assertMatch(await session.client.begin(), /^354/);
  return session;
}

const MESSAGES: Record<string, string> = {
  "with a header section and a body": `${HEAD}body\r\nmore\r\n`,
  "without a body": HEAD,
  "whose header section is never complete": "Subject: x\r\n",
  "that has only a body": "hello there\r\nSubject: no field\r\n",
  "that begins with a space": " hello\r\n\r\nx\r\n",
  "that is one empty line": "\r\n",
  "that is empty": "",
  "that is large": HEAD + "0123456789".repeat(9).concat("\r\n").repeat(2000),
  "with a header section that fills several segments": "a: b\r\n".repeat(300) + "\r\nbody\r\n",
};

for (const [name, message] of Object.entries(MESSAGES)) {
  for (const size of [1, 7, 1_000_000]) {
    if (size === 1 && message.length > 10_000) continue;
    Deno.test(`a data hook reads a message ${name} as the intake gets it, in ${size}s`, async () => {
      let read: string | undefined;
      await using session = await sending(async (_session, message) => {
        read = await readAll(message);
      });
      const { client, intake } = session;
      for (const part of cutEvery(octets(`${message}.\r\n`), size)) await client.send(part);
      assertMatch(await client.reply(), /^250 2\.6\.0/);
      assertEquals(read, message);
      const separator = message.startsWith(" ") ? "\r\n" : "";
      assertEquals(intake.last.content, separator + message);
    });
  }
}

Deno.test("a data hook sees the envelope and the header fields before the body has come", async () => {
  const seen = Promise.withResolvers<void>();
  await using session = await sending((_session, { envelope, header }) => {
    assertEquals(envelope.reversePath, { localPart: "a", domain: "example.org" });
    assertEquals(envelope.forwardPaths, [{ localPart: "b", domain: "example.org" }]);
    assertEquals(header, [
      { name: "Subject", value: "one\ttwo" },
      { name: "To", value: "b@example.org" },
    ]);
    seen.resolve();
  });
  await session.client.send(HEAD);
  await seen.promise;
  assertMatch(await session.client.say("body\r\n."), /^250/);
});

Deno.test("a data hook that never reads holds the end of the message until it has answered", async () => {
  const gate = Promise.withResolvers<void>();
  await using session = await sending(() => gate.promise);
  const { client, writes, intake } = session;
  await client.send(`${HEAD}body\r\n.\r\n`);
  const before = writes.length;
  await settle();
  assertEquals(writes.length, before);
  assertEquals(intake.messages, []);
  gate.resolve();
  assertMatch(await client.reply(), /^250/);
  assertEquals(intake.last.content, `${HEAD}body\r\n`);
});

for (const verdict of ["permit", "refuse"] as const) {
  Deno.test(`a data hook may read half a message, return and ${verdict}`, async () => {
    await using session = await sending(async (_session, message) => {
      for await (const _ of message.content) break;
      await settle();
      return verdict === "permit" ? verdict : reply(550, "5.7.1", "Enough");
    });
    const { client, intake } = session;
    await client.send(HEAD);
    for (let i = 0; i < 5; i++) {
      await settle();
      await client.send("body\r\n");
    }
    assertMatch(await client.say("."), verdict === "permit" ? /^250/ : /^550 5\.7\.1 Enough/);
    if (verdict === "permit") assertEquals(intake.last.content, HEAD + "body\r\n".repeat(5));
    else assertEquals(intake.last.outcome, "aborted");
  });
}

const REFUSALS: Record<string, NonNullable<Hooks["data"]>> = {
  "at once": () => reply(550, "5.7.1", "No"),
  "early": async () => (await settle(), reply(550, "5.7.1", "No")),
  "by an error, at once": () => {
    throw new SmtpError(550, "5.7.1", "No");
  },
  "in the middle": async (_session, message) => {
    let left = 1;
    for await (const _ of message.content) {
      if (--left === 0) throw new SmtpError(550, "5.7.1", "No");
    }
  },
  "after reading all": async (_session, message) => {
    await readAll(message);
    return reply(550, "5.7.1", "No");
  },
  "long after reading all": async (_session, message) => {
    await readAll(message);
    await settle();
    return reply(550, "5.7.1", "No");
  },
};

for (const [when, data] of Object.entries(REFUSALS)) {
  for (const pipelined of [false, true]) {
    const how = pipelined ? "sent at once" : "in pieces";
    Deno.test(`a data hook that refuses ${when} has a message ${how} aborted, never ended`, async () => {
      await using session = await sending(data);
      const { client, intake } = session;
      const parts = [HEAD, "one\r\n", "two\r\n", "three\r\n", "four\r\n", ".\r\n"];
      if (pipelined) await client.send(parts.join(""));
      else for (const part of parts) (await client.send(part), await settle());
      assertMatch(await client.reply(), /^550 5\.7\.1 No/);
      assertEquals(intake.last.outcome, "aborted");
      assertEquals(intake.last.calls.includes("end"), false);
      assertEquals(session.logged("bug"), []);
      // The session is in sync, and the hook is asked anew.
      assertMatch(await client.begin(), /^354/);
      assertMatch(await client.say(`${HEAD}.`), /^550/);
    });
  }
}

Deno.test("a data hook that refuses while the intake writes lets it finish before abort", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  await using session = await sending(async (_session, message) => {
    let left = 2;
    for await (const _ of message.content) if (--left === 0) break;
    return reply(550, "5.7.1", "No");
  }, {
    answers: {
      write() {
        gates.push(Promise.withResolvers());
        return gates.at(-1)!.promise;
      },
    },
  });
  const { client, intake } = session;
  const feed = (async () => {
    for (const part of [HEAD, "one\r\n", "two\r\n", ".\r\n"]) {
      (await client.send(part), await settle());
    }
  })();
  for (let i = 0; i < 10; i++) {
    await settle();
    gates.at(-1)?.resolve();
  }
  await feed;
  assertMatch(await client.reply(), /^550/);
  assertEquals(intake.last.faults, []);
});

Deno.test("a data hook that reads slowly sets the pace of the client", async () => {
  let next = Promise.withResolvers<void>();
  let count = 0;
  await using session = await sending(async (_session, message) => {
    for await (const slice of message.content) {
      count += slice.length;
      await next.promise;
    }
  }, { capacity: 1000 });
  const { client, intake } = session;
  const body = "x".repeat(98) + "\r\n";
  let sent = 0;
  const sending_ = (async () => {
    for (const part of [HEAD, ...Array.from({ length: 2000 }, () => body), ".\r\n"]) {
      await client.send(part);
      sent += part.length;
    }
  })();
  await settle();
  // What the pipe holds, one read buffer, and no more.
  assertEquals(sent < 70_000, true, `${sent} octets were taken`);
  assertEquals(count, HEAD.length);
  next.resolve();
  next = Promise.withResolvers();
  next.resolve();
  await sending_;
  assertMatch(await client.reply(), /^250/);
  assertEquals(intake.last.octets.length, HEAD.length + 2000 * 100);
});

Deno.test("a data hook's reading fails when the client leaves, and that is no bug", async () => {
  const failure = Promise.withResolvers<unknown>();
  await using session = await sending(async (_session, message) => {
    const reading = readAll(message);
    reading.catch(failure.resolve);
    await reading;
  });
  await session.client.send(`${HEAD}body\r\n`);
  await settle();
  session.client.close();
  await session.finished;
  assertMatch(String(await failure.promise), /Cannot read on/);
  await settle();
  assertEquals(session.intake.last.outcome, "aborted");
  assertEquals(session.logged("bug"), []);
});

Deno.test("a data hook's reading fails when the message is refused on its way", async () => {
  for (const cause of ["intake", "size"] as const) {
    const failure = Promise.withResolvers<unknown>();
    await using session = await sending(async (_session, message) => {
      const reading = readAll(message);
      reading.then(failure.resolve, failure.resolve);
      await reading;
    }, {
      limits: { maxSize: cause === "size" ? 100 : 10_000 },
      answers: {
        write(bytes) {
          if (cause === "intake" && text(bytes).includes("2nd")) {
            throw new SmtpError(452, "4.3.1", "Disk full");
          }
        },
      },
    });
    const { client } = session;
    for (const part of [HEAD, "1st\r\n", "2nd\r\n", "x".repeat(100)]) {
      await client.send(part);
      await settle();
    }
    await client.send("\r\n.\r\n");
    assertMatch(await client.reply(), cause === "size" ? /^552 5\.3\.4/ : /^452 4\.3\.1/);
    assertMatch(String(await failure.promise), /Cannot read on/);
    assertEquals(session.logged("bug"), []);
    assertMatch(await client.say("NOOP"), /^250/);
  }
});

Deno.test("the content of a message is read once; a second reading ends at once", async () => {
  const read: string[] = [];
  await using session = await sending(async (_session, message) => {
    read.push(await readAll(message), await readAll(message));
  });
  assertMatch(await session.client.say(`${HEAD}body\r\n.`), /^250/);
  assertEquals(read, [`${HEAD}body\r\n`, ""]);
});

Deno.test("who reads on after the hook has answered is told that there is no more", async () => {
  let reading: Promise<string> | undefined;
  await using session = await sending((_session, message) => {
    reading = readAll(message);
    reading.catch(() => {});
    return settle();
  });
  const { client } = session;
  await client.send(HEAD);
  await settle();
  await settle();
  assertMatch(await client.say("body\r\n."), /^250/);
  await assertRejects(() => reading!, Error, "Cannot read on");
});

Deno.test("a data hook sees each BDAT chunk in turn", async () => {
  let read = "";
  await using session = await greetedSession({
    hooks: {
      data: async (_session, message) => {
        read = await readAll(message);
      },
    },
  });
  const { client, intake } = session;
  await client.sayAll("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>");
  for (const chunk of ["Subj", "ect: x\r\n", "\r\nbo"]) {
    await client.send(`BDAT ${chunk.length}\r\n${chunk}`);
    assertMatch(await client.reply(), /^250/);
  }
  await client.send("BDAT 4 LAST\r\ndy\r\n");
  assertMatch(await client.reply(), /^250 2\.6\.0/);
  assertEquals(read, "Subject: x\r\n\r\nbody\r\n");
  assertEquals(intake.last.content, read);
});
