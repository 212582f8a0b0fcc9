import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Accounts } from "../../lib/policy/accounts.ts";
import type { Hooks } from "../../lib/policy/hooks.ts";
import type { SaslServer } from "../../lib/policy/sasl.ts";
import type { SubmissionRules } from "../../lib/net/server_options.ts";
import { greetedSession, type TestSession } from "./session_fixture.ts";

/** Takes everybody for joe. */
const sasl: SaslServer = {
  mechanisms: () => ["PLAIN"],
  begin: () => ({ mechanism: "PLAIN", next: () => ({ kind: "success", account: "joe" }) }),
};

const accounts: Accounts = {
  find: (name) => ({
    name,
    verifier: {
      salt: new Uint8Array(),
      iterations: 4096,
      storedKey: new Uint8Array(),
      serverKey: new Uint8Array(),
    },
    allowedFrom: ["joe@example.org", "@joe.test"],
  }),
};

async function submitting(
  submission: SubmissionRules = { accounts },
  hooks: Hooks = {},
): Promise<TestSession> {
  const service = { port: 0, submission: true };
  const session = await greetedSession({ sasl, service, submission, hooks, address: "192.0.2.1" });
  await session.client.say("AUTH PLAIN AGEAYg==");
  return session;
}

/** Sends a message, whole or octet by octet, and answers what arrived. */
async function submitted(
  session: TestSession,
  message: string,
  isWhole: boolean,
  from = "joe@example.org",
): Promise<string> {
  await session.client.begin(from, "b@elsewhere.test");
  const said = `${message}\r\n.\r\n`;
  if (isWhole) await session.client.send(said);
  else for (const octet of said) await session.client.send(octet);
  const reply = await session.client.reply();
  return reply.startsWith("250") ? session.intake.messages.at(-1)!.content : reply;
}

const ADDED = {
  from: "From: joe@example.org\r\n",
  date: "Date: Thu, 1 Jan 2026 12:00:00 +0000\r\n",
  id: /Message-ID: <\w+@mx\.example\.org>\r\n/,
};

Deno.test("a submitted message gets the fields that it lacks, and keeps those it has", async () => {
  const table: { name: string; message: string; lacks: (keyof typeof ADDED)[]; rest?: string }[] = [
    { name: "none", message: "Subject: x\r\n\r\nHello", lacks: ["from", "date", "id"] },
    {
      name: "all",
      message: "From: Joe <joe@example.org>\r\ndate: now\r\nMESSAGE-ID: <x@y>\r\n\r\nHello",
      lacks: [],
    },
    { name: "a date", message: "Date: now\r\n\r\nHello", lacks: ["from", "id"] },
    {
      name: "no header section",
      message: "Hello world",
      lacks: ["from", "date", "id"],
      rest: "\r\nHello world\r\n",
    },
    { name: "no body", message: "Subject: x", lacks: ["from", "date", "id"] },
    { name: "only an empty line", message: "\r\nHello", lacks: ["from", "date", "id"] },
    {
      name: "a first line that is folded",
      message: " x\r\nHello",
      lacks: ["from", "date", "id"],
      rest: "\r\n x\r\nHello\r\n",
    },
    {
      name: "no empty line",
      message: "Subject: x\r\nHello world",
      lacks: ["from", "date", "id"],
    },
  ];
  for (const { name, message, lacks, rest = `${message}\r\n` } of table) {
    for (const isWhole of [true, false]) {
      await using session = await submitting();
      let content = await submitted(session, message, isWhole);
      for (const lacking of lacks) {
        const before = content;
        content = content.replace(ADDED[lacking], "");
        assert(content.length < before.length, `${name}: ${lacking} in ${before}`);
      }
      assertEquals(content, rest, name);
    }
  }
});

Deno.test("what is added to a submitted message stands behind its own fields", async () => {
  const message = "Received: from a by b; date\r\nSubject: x\r\n\r\nHello";
  for (const isWhole of [true, false]) {
    await using session = await submitting();
    const content = await submitted(session, message, isWhole);
    assertMatch(
      content,
      /^Received: .*\r\nSubject: x\r\nFrom: .*\r\nDate: .*\r\nMessage-ID: .*\r\n\r\nHello/,
    );
  }
});

Deno.test("a submitted message loses its Bcc fields where that is asked", async () => {
  const message = "Bcc: c@d,\r\n e@f\r\nSubject: x\r\nBCC: g@h\r\nX-Bcc: y\r\n\r\nBcc: body";
  for (const removeBcc of [true, false]) {
    await using session = await submitting({ removeBcc });
    const content = await submitted(session, message, true);
    assertEquals(/^bcc: (?!body)/im.test(content), !removeBcc);
    assertMatch(
      content,
      /Subject: x\r\n(?:BCC: g@h\r\n)?X-Bcc: y\r\n(?:.+\r\n)*\r\nBcc: body\r\n$/,
    );
  }
});

Deno.test("an account sends from its own addresses alone", async () => {
  const table = [
    { from: "joe@example.org", code: "250" },
    { from: "JOE@EXAMPLE.ORG", code: "250" },
    { from: "any@joe.test", code: "250" },
    { from: "", code: "250" },
    { from: "jane@example.org", code: "553" },
    { from: "joe@sub.joe.test", code: "553" },
    { from: "joe@example.org.evil.test", code: "553" },
  ];
  for (const { from, code } of table) {
    await using session = await submitting();
    assertEquals((await session.client.say(`MAIL FROM:<${from}>`)).slice(0, 3), code, from);
  }
});

Deno.test("an account signs with its own addresses alone", async () => {
  const table = [
    { from: "Joe <joe@example.org>", expected: /^From: Joe/m },
    { from: "joe@example.org, x@joe.test", expected: /^From: joe/m },
    { from: "Jane <jane@example.org>", expected: /^553 5\.7\.1 / },
    { from: '"joe@example.org" <jane@example.org>', expected: /^553 5\.7\.1 / },
    { from: "joe@example.org\r\nFrom: jane@example.org", expected: /^553 5\.7\.1 / },
    { from: "joe@example.org <<", expected: /^550 5\.6\.0 / },
  ];
  for (const { from, expected } of table) {
    await using session = await submitting();
    const content = await submitted(session, `From: ${from}\r\n\r\nHello`, true);
    assertMatch(content, expected, from);
  }
});

Deno.test("a Received field tells nothing of who submitted a message where that is asked", async () => {
  await using session = await submitting({ hidesClient: true });
  await submitted(session, "Subject: x\r\n\r\nHello", true);
  const { trace } = session.intake.messages[0];
  assertMatch(trace, /^Received: by mx\.example\.org with ESMTPA\s+id/);
  assert(!trace.includes("192.0.2.1") && !trace.includes("client.example.org"), trace);
});

Deno.test("mail from others is not touched", async () => {
  await using session = await greetedSession();
  await session.client.begin();
  await session.client.say("Bcc: x\r\n\r\nHello\r\n.");
  assertEquals(session.intake.messages[0].content, "Bcc: x\r\n\r\nHello\r\n");
});

/** A hook that makes a From of somebody, before or after it has read the message. */
function fromHook(isLate: boolean, from: string): Hooks {
  return {
    async data(_session, { content }) {
      if (isLate) { for await (const _ of content); }
      return {
        header: [
          { kind: "remove", name: "Date" },
          { kind: "replace", name: "From", value: from },
          { kind: "add", name: "Bcc", value: "c@d" },
        ],
      };
    },
  };
}

Deno.test("a submitted message is completed once a hook has changed it, early or late", async () => {
  const message = "Date: now\r\nSubject: x\r\n\r\nHello";
  for (const isLate of [false, true]) {
    for (const isWhole of [false, true]) {
      const rules = { accounts, removeBcc: true };
      await using session = await submitting(rules, fromHook(isLate, "joe@example.org"));
      const content = await submitted(session, message, isWhole);
      const { facts } = session.intake.last;
      assertEquals(facts?.newHead !== undefined, isLate);
      const { octets, replaces } = facts?.newHead ?? { octets: new Uint8Array(0), replaces: 0 };
      assertMatch(
        new TextDecoder().decode(octets) + content.slice(replaces),
        /^Subject: x\r\nFrom: joe@example\.org\r\nDate: Thu.*\r\nMessage-ID: .*\r\n\r\nHello\r\n$/,
      );
    }
  }
});

Deno.test("a hook can sign a submitted message for nobody but its sender", async () => {
  for (const isLate of [false, true]) {
    await using session = await submitting({ accounts }, fromHook(isLate, "ann@example.org"));
    const said = await submitted(session, "Subject: x\r\n\r\nHello", true);
    assertMatch(said, /^553 5\.7\.1/);
    assertEquals(session.intake.last.outcome, "aborted");
  }
});
