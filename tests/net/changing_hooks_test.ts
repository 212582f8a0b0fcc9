import { assertEquals, assertMatch } from "@std/assert";
import type { DataDecision, Hooks, IncomingMessage, RcptDecision } from "../../lib/policy/hooks.ts";
import { formatMailbox } from "../../lib/smtp/mailbox.ts";
import { cutEvery, join, octets, text } from "../smtp/wire.ts";
import { settle } from "./fake_clock.ts";
import type { RecordedTransaction } from "./recording_intake.ts";
import { greetedSession, type SessionOptions, type TestSession } from "./session_fixture.ts";

const HEAD = "Subject: one\r\nX-Old: 1\r\nTo: b@example.org\r\n\r\n";
const BODY = "body\r\n".repeat(500);
const DECISION: DataDecision = {
  header: [
    { kind: "add", name: "X-Top", value: "t", at: "top" },
    { kind: "replace", name: "Subject", value: "[x] Grüße" },
    { kind: "remove", name: "X-Old" },
  ],
};
const CHANGED = "X-Top: t\r\nSubject: [x] =?UTF-8?B?R3LDvMOfZQ==?=\r\nTo: b@example.org\r\n\r\n";

async function readAll(message: IncomingMessage): Promise<Uint8Array> {
  const slices: Uint8Array[] = [];
  for await (const slice of message.content) slices.push(slice.slice());
  return join(slices);
}

/** When a hook answers: those that do not read the content change what is not written yet. */
const ANSWERS: Record<string, { isLate: boolean; data: NonNullable<Hooks["data"]> }> = {
  "at once": { isLate: false, data: () => DECISION },
  "soon": { isLate: false, data: () => settle().then(() => DECISION) },
  "after reading all": {
    isLate: true,
    data: async (_session, message) => (await readAll(message), DECISION),
  },
  "after reading a part, late": {
    isLate: true,
    data: async (_session, message) => {
      for await (const _ of message.content) break;
      for (let i = 0; i < 5; i++) await settle();
      return DECISION;
    },
  },
};

/** What a message is once its intake has made of it what it was told at the end. */
function contentOf({ content, facts }: RecordedTransaction): string {
  const head = facts?.newHead;
  return head === undefined ? content : text(head.octets) + content.slice(head.replaces);
}

async function sending(hooks: Hooks, options: SessionOptions = {}): Promise<TestSession> {
  const session = await greetedSession({ ...options, hooks });
  assertMatch(await session.client.begin(), /^354/);
  return session;
}

for (const [when, { isLate, data }] of Object.entries(ANSWERS)) {
  for (const size of [7, 100, 1_000_000]) {
    Deno.test(`a data hook that answers ${when} changes a header section that comes in ${size}s`, async () => {
      await using session = await sending({ data });
      const { client, intake } = session;
      for (const part of cutEvery(octets(`${HEAD}${BODY}.\r\n`), size)) await client.send(part);
      assertMatch(await client.reply(), /^250 2\.6\.0/);
      assertEquals(contentOf(intake.last), CHANGED + BODY);
      // The first slice of a session may hold less than the header section.
      if (size > HEAD.length) assertEquals(intake.last.facts?.newHead !== undefined, isLate);
      assertEquals(intake.last.facts?.headerChanges, [
        "added X-Top",
        "replaced Subject",
        "removed X-Old",
      ]);
      const [{ fields }] = session.logged("changed");
      assertEquals(fields.header, "added X-Top, replaced Subject, removed X-Old");
      assertEquals(fields.id, session.logged("accepted")[0].fields.id);
    });
  }

  Deno.test(`a data hook that answers ${when} changes a message that comes by BDAT`, async () => {
    await using session = await greetedSession({ hooks: { data } });
    const { client, intake } = session;
    await client.sayAll("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>");
    const chunks = cutEvery(octets(HEAD + BODY), 900);
    for (const [i, chunk] of chunks.entries()) {
      await client.send(`BDAT ${chunk.length}${i === chunks.length - 1 ? " LAST" : ""}\r\n`);
      await client.send(chunk);
      assertMatch(await client.reply(), /^250/);
    }
    assertEquals(contentOf(intake.last), CHANGED + BODY);
  });

  Deno.test(`a data hook that answers ${when} cannot change what has gone on already`, async () => {
    await using session = await sending({ data }, { answers: { takesLateChanges: false } });
    const { client, intake } = session;
    for (const part of cutEvery(octets(`${HEAD}${BODY}.\r\n`), 200)) await client.send(part);
    const said = await client.reply();
    if (isLate) {
      assertMatch(said, /^451 4\.3\.0/);
      assertEquals(intake.last.outcome, "aborted");
      assertMatch(String(session.logged("bug")[0].fields.error), /goes on as it comes/);
      assertEquals(session.logged("changed"), []);
    } else {
      assertMatch(said, /^250/);
      assertEquals(intake.last.content, CHANGED + BODY);
    }
    assertMatch(await client.say("NOOP"), /^250/);
  });
}

const SHAPES: [name: string, message: string, changed: string][] = [
  ["that is a body alone", "hello there\r\n", "X: y\r\n\r\nhello there\r\n"],
  ["that begins with a space", " hello\r\nthere\r\n", "X: y\r\n\r\n hello\r\nthere\r\n"],
  ["that is one empty line", "\r\n", "X: y\r\n\r\n"],
  ["that is empty", "", "X: y\r\n\r\n"],
  ["without an empty line", "A: b\r\n", "A: b\r\nX: y\r\n\r\n"],
  ["without an empty line before its body", "A: b\r\nhello\r\n", "A: b\r\nX: y\r\n\r\nhello\r\n"],
  ["whose body is dots", "A: b\r\n\r\n..\r\n", "A: b\r\nX: y\r\n\r\n.\r\n"],
];

for (const [name, message, changed] of SHAPES) {
  Deno.test(`a data hook adds a field to a message ${name}, early and late`, async () => {
    for (const isLate of [false, true]) {
      const header = [{ kind: "add" as const, name: "X", value: "y" }];
      await using session = await sending({
        data: async (_session, message) => {
          if (isLate) await readAll(message);
          return { header };
        },
      });
      for (const part of cutEvery(octets(`${message}.\r\n`), 3)) await session.client.send(part);
      assertMatch(await session.client.reply(), /^250/);
      assertEquals(contentOf(session.intake.last), changed);
    }
  });
}

Deno.test("what a hook makes of TLS-Required counts, and not what the client had there", async () => {
  const no = "TLS-Required: No\r\n";
  const cases: [head: string, DataDecision, boolean][] = [
    ["", { header: [{ kind: "add", name: "TLS-Required", value: "No" }] }, true],
    [no, { header: [{ kind: "remove", name: "tls-required" }] }, false],
    [no, {}, true],
  ];
  for (const [head, decision, expected] of cases) {
    await using session = await sending({ data: () => decision });
    await session.client.say(`${head}\r\n.`);
    assertEquals(session.intake.last.facts?.tlsRequiredNo, expected);
  }
});

Deno.test("a data hook that changes nothing leaves no trace", async () => {
  for (const decision of [{}, { header: [] }, "permit" as const]) {
    await using session = await sending({ data: () => decision });
    await session.client.say(`${HEAD}body\r\n.`);
    assertEquals(session.intake.last.content, `${HEAD}body\r\n`);
    assertEquals(session.intake.last.facts, { tlsRequiredNo: false });
    assertEquals(session.logged("changed"), []);
  }
});

Deno.test("a data hook chooses a route for the message, where the intake has routes", async () => {
  for (const takesLateChanges of [true, false]) {
    const data = () => ({ route: "smtp://a.test" });
    await using session = await sending({ data }, { answers: { takesLateChanges } });
    assertMatch(await session.client.say(`${HEAD}.`), takesLateChanges ? /^250/ : /^451 4\.3\.0/);
    const { facts } = session.intake.last;
    assertEquals(
      facts,
      takesLateChanges ? { tlsRequiredNo: false, route: "smtp://a.test" } : undefined,
    );
    assertEquals(
      session.logged("changed").map(({ fields }) => fields.route),
      takesLateChanges ? ["smtp://a.test"] : [],
    );
  }
});

const BAD: DataDecision[] = [
  { header: [{ kind: "add", name: "X", value: "a\r\nBcc: c@example.org" }] },
  { header: [{ kind: "remove", name: "Received" }] },
  { header: [{ kind: "replace", name: "From", value: "Jürgen <j@example.org>" }] },
  { header: [{ kind: "add", name: "no name", value: "x" }] },
];

Deno.test("a change that cannot be made is a bug of the hook, and no message is accepted", async () => {
  for (const decision of BAD) {
    for (const isLate of [false, true]) {
      await using session = await sending({
        data: async (_session, message) => {
          if (isLate) await readAll(message);
          return decision;
        },
      });
      assertMatch(await session.client.say(`${HEAD}body\r\n.`), /^451 4\.3\.0/);
      assertEquals(session.intake.messages, []);
      assertMatch(String(session.logged("bug")[0].fields.error), /SyntaxError: Cannot/);
    }
  }
});

/** A session whose rcpt hook answers the same for everybody. */
async function rewriting(decision: RcptDecision, address?: string): Promise<TestSession> {
  return await greetedSession({ hooks: { rcpt: () => decision }, address });
}

Deno.test("a rcpt hook's decision goes to the intake, and the log says what it is", async () => {
  const forwardPaths = [
    { localPart: "c", domain: "example.net" },
    { localPart: "d e", domain: "example.net" },
  ];
  const decision = { forwardPaths, route: "smtp://a.test" };
  await using session = await rewriting(decision);
  const { client, intake } = session;
  assertEquals(await client.sayAll("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>"), [
    "250",
    "250",
  ]);
  assertEquals(intake.last.decisions, [decision]);
  assertEquals(session.logged("rewritten")[0].fields, {
    session: session.connection.session.id,
    id: session.logged("rewritten")[0].fields.id,
    recipient: "b@example.org",
    to: forwardPaths.map(formatMailbox).join(" "),
    route: "smtp://a.test",
  });
  assertMatch(await client.say("DATA"), /^354/);
  // The field tells what the client has named, and nobody else.
  assertMatch(intake.last.trace, / for <b@example\.org>;/);
});

Deno.test("a recipient passes the relaying rules by its own name, or by a permit", async () => {
  const there = [{ localPart: "c", domain: "elsewhere.test" }];
  const here = [{ localPart: "c", domain: "example.org" }];
  const cases: [to: string, RcptDecision, code: string][] = [
    ["b@example.org", { forwardPaths: there }, "250"],
    ["b@example.org", { forwardPaths: there, permit: false }, "250"],
    ["b@elsewhere.test", { forwardPaths: here }, "550"],
    ["b@elsewhere.test", { forwardPaths: here, permit: false }, "550"],
    ["b@elsewhere.test", { route: "discard" }, "550"],
    ["b@elsewhere.test", { forwardPaths: here, permit: true }, "250"],
    ["b@elsewhere.test", { permit: true, route: "discard" }, "250"],
  ];
  for (const [to, decision, code] of cases) {
    await using session = await rewriting(decision, "192.0.2.1");
    assertEquals(
      await session.client.sayAll("MAIL FROM:<a@example.org>", `RCPT TO:<${to}>`),
      ["250", code],
      JSON.stringify([to, decision]),
    );
    assertEquals(session.logged("rewritten").length, code === "250" ? 1 : 0);
  }
});

Deno.test("a decision that the intake cannot carry out is a bug, and the session goes on", async () => {
  const decision = { route: "pipe:/bin/cat" };
  await using session = await greetedSession({
    hooks: { rcpt: () => decision },
    answers: {
      rcpt() {
        throw new SyntaxError("Cannot use the route");
      },
    },
  });
  await session.client.say("MAIL FROM:<a@example.org>");
  assertMatch(await session.client.say("RCPT TO:<b@example.org>"), /^451 4\.3\.0/);
  assertEquals(session.logged("bug")[0].fields.step, "rcpt");
  assertEquals(session.logged("rewritten"), []);
});
