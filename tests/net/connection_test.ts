import { assertEquals, assertMatch } from "@std/assert";
import { reply } from "../../lib/smtp/reply.ts";
import { type DialogLine, parseDialog } from "../smtp/dialog.ts";
import { cutEvery, join, octets, text } from "../smtp/wire.ts";
import { settle } from "./fake_clock.ts";
import { greetedSession, openSession, type SessionOptions } from "./session_fixture.ts";

const DIALOGS: Record<string, { dialog: string; messages: string[]; options?: SessionOptions }> = {
  "a message": {
    dialog: `
S: 220 mx.example.org ESMTP smtpd
C: EHLO client.example.org
S: 250-mx.example.org
S: 250-PIPELINING
S: 250-SIZE 26214400
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-ENHANCEDSTATUSCODES
S: 250 CHUNKING
C: MAIL FROM:<a@example.net> SIZE=20
S: 250 2.1.0 Sender ok
C: RCPT TO:<b@example.org>
S: 250 2.1.5 Recipient ok
C: DATA
S: 354 Start mail input; end with <CRLF>.<CRLF>
C: Subject: x
C:
C: ..dot
C: .
S: 250 2.6.0 Message ok
C: QUIT
S: 221 2.0.0 mx.example.org closing connection
`,
    messages: ["<a@example.net> b@example.org Subject: x\r\n\r\n.dot\r\n"],
  },
  "two messages, one of them empty": {
    dialog: `
S: 220 mx.example.org ESMTP smtpd
C: HELO client.example.org
S: 250 mx.example.org
C: MAIL FROM:<>
S: 250 2.1.0 Sender ok
C: RCPT TO:<b@example.org>
S: 250 2.1.5 Recipient ok
C: DATA
S: 354 Start mail input; end with <CRLF>.<CRLF>
C: .
S: 250 2.6.0 Message ok
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 Sender ok
C: RCPT TO:<c@example.org>
S: 250 2.1.5 Recipient ok
C: RSET
S: 250 2.0.0 Ok
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 Sender ok
C: RCPT TO:<d@example.org>
S: 250 2.1.5 Recipient ok
C: DATA
S: 354 Start mail input; end with <CRLF>.<CRLF>
C: two
C: .
S: 250 2.6.0 Message ok
`,
    messages: ["<> b@example.org ", "<a@example.net> d@example.org two\r\n"],
  },
  "chunks": {
    dialog: `
S: 220 mx.example.org ESMTP smtpd
C: HELO client.example.org
S: 250 mx.example.org
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 Sender ok
C: RCPT TO:<b@example.org>
S: 250 2.1.5 Recipient ok
C: BDAT 5
C: a:b
S: 250 2.0.0 Chunk ok
C: BDAT 6 LAST
C:
C: QUIT\\
S: 250 2.6.0 Message ok
C: BDAT 6 LAST
C: QUIT
S: 503 5.5.1 Bad sequence of commands: MAIL first
`,
    messages: ["<a@example.net> b@example.org a:b\r\n\r\nQUIT\\".replace("\\", "")],
  },
  "refusals": {
    options: { address: "192.0.2.1", limits: { maxSize: 20 } },
    dialog: `
S: 220 mx.example.org ESMTP smtpd
C: MAIL FROM:<a@example.net>
S: 503 5.5.1 Bad sequence of commands: HELO or EHLO first
C: HELO client.example.org
S: 250 mx.example.org
C: MAIL FROM:<a@example.net>
S: 250 2.1.0 Sender ok
C: RCPT TO:<b@elsewhere.example>
S: 550 5.7.1 Relaying refused: neither is the domain local nor may you relay
C: DATA
S: 503 5.5.1 Bad sequence of commands: no valid recipients
C: RCPT TO:<b@example.org>
S: 250 2.1.5 Recipient ok
C: DATA
S: 354 Start mail input; end with <CRLF>.<CRLF>
C: this is more than twenty
C: .
S: 552 5.3.4 Message too large: at most 20 octets
C: NOOP
S: 250 2.0.0 Ok
`,
    messages: [],
  },
};

/** The octets of one side, each turn for itself. */
function turnsOf(lines: DialogLine[]): { kind: string; bytes: Uint8Array }[] {
  const turns: { kind: string; bytes: Uint8Array }[] = [];
  for (const { kind, bytes } of lines) {
    const last = turns.at(-1);
    if (last?.kind === kind) last.bytes = join([last.bytes, bytes]);
    else turns.push({ kind, bytes });
  }
  return turns;
}

for (const [name, { dialog, messages, options }] of Object.entries(DIALOGS)) {
  const turns = turnsOf(parseDialog(dialog));
  for (const size of [Infinity, 1, 3]) {
    const way = size === Infinity ? "whole" : size === 1 ? "octet by octet" : "in threes";
    Deno.test(`connection answers the dialog "${name}", ${way}`, async () => {
      await using session = openSession(options);
      const { client } = session;
      for (const { kind, bytes } of turns) {
        if (kind === "S") assertEquals(await client.octets(bytes.length), text(bytes));
        else {for (const part of cutEvery(bytes, Math.min(size, bytes.length))) {
            await client.send(part);
          }}
      }
      await client.transport.closeWrite();
      assertEquals(await client.rest(), "");
      assertEquals(told(session.intake.messages), messages);
    });
  }
  Deno.test(`connection answers the dialog "${name}", sent at once before the greeting`, async () => {
    await using session = openSession(options);
    const { client } = session;
    const side = (which: string) =>
      join(turns.filter(({ kind }) => kind === which).map(({ bytes }) => bytes));
    await client.send(side("C"));
    await client.transport.closeWrite();
    assertEquals(await client.rest(), text(side("S")));
    assertEquals(told(session.intake.messages), messages);
  });
}

function told(
  messages: { reversePath: string; forwardPaths: string[]; content: string }[],
): string[] {
  return messages.map(({ reversePath, forwardPaths, content }) =>
    `${reversePath} ${forwardPaths.join(",")} ${content}`
  );
}

Deno.test("the replies of one pipelined batch go out in one write", async () => {
  await using session = await greetedSession();
  const { client, writes } = session;
  const before = writes.length;
  const codes = await client.sayAll(
    "MAIL FROM:<a@example.org>",
    ...Array.from({ length: 8 }, (_, i) => `RCPT TO:<user${i}@example.org>`),
    "DATA",
  );
  assertEquals(codes.at(-1), "354");
  assertEquals(writes.length - before, 1);
});

Deno.test("the replies of one pipelined batch go out in one write though hooks take time", async () => {
  await using session = await greetedSession({ hooks: { rcpt: async () => await settle() } });
  const { client, writes } = session;
  const before = writes.length;
  await client.sayAll("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA");
  assertEquals(writes.length - before, 1);
});

Deno.test("the reply to a message and those to the commands behind it go out in one write", async () => {
  await using session = await greetedSession();
  const { client, writes } = session;
  await client.begin();
  const before = writes.length;
  await client.send("x\r\n.\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n");
  for (const code of ["250", "250", "250", "354"]) {
    assertEquals((await client.reply()).slice(0, 3), code);
  }
  assertEquals(writes.length - before, 1);
});

Deno.test("a large message passes unchanged through small buffers", async () => {
  await using session = await greetedSession({ capacity: 1000 });
  const { client } = session;
  const line = "0123456789".repeat(99) + "\r\n";
  const message = `Subject: x\r\n\r\n${line.repeat(300)}`;
  await client.begin();
  await client.send(`${message}.\r\n`);
  assertMatch(await client.reply(), /^250/);
  assertEquals(session.intake.last.content, message);
});

Deno.test("too many errors end the session with 421 behind the other replies", async () => {
  await using session = await greetedSession({ limits: { maxErrors: 3 } });
  const { client } = session;
  await client.send("X\r\n".repeat(5));
  const codes = [...(await client.rest()).matchAll(/^\d+/gm)].map(([code]) => code);
  assertEquals(codes, ["500", "500", "500", "421"]);
});

for (
  const [state, lines] of Object.entries({
    "after MAIL": ["MAIL FROM:<a@example.org>"],
    "after RCPT": ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>"],
    "after 354": ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"],
    "between chunks": ["MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "BDAT 0"],
  })
) {
  for (
    const [way, extra, isPolite] of [
      ["leaves", "", true],
      ["is lost", "", false],
      ["leaves in the middle of a line", "Subj", true],
      ["quits", "QUIT\r\n", true],
    ] as const
  ) {
    if (way === "quits" && state === "after 354") continue;
    Deno.test(`a client that ${way} ${state} has its transaction aborted once`, async () => {
      await using session = await greetedSession();
      const { client, intake } = session;
      await client.sayAll(...lines);
      if (extra !== "") await client.send(extra);
      if (isPolite) await client.transport.closeWrite();
      else client.close();
      await session.finished;
      assertEquals(intake.last.calls.at(-1), "abort");
      assertEquals(intake.last.calls.filter((call) => call === "abort").length, 1);
    });
  }
}

Deno.test("a client that leaves before or after the greeting costs nothing", async () => {
  for (const lines of [[], ["EHLO x.example.org"], ["EHLO x.example.org", "NOOP"]]) {
    await using session = openSession();
    await session.client.reply();
    if (lines.length > 0) await session.client.sayAll(...lines);
    session.client.close();
    await session.finished;
    assertEquals(session.intake.transactions, []);
  }
});

Deno.test("EHLO, RSET and a message that is too large abort the transaction once", async () => {
  await using session = await greetedSession({ limits: { maxSize: 10 } });
  const { client, intake } = session;
  for (const line of ["EHLO x.example.org", "RSET"]) {
    await client.sayAll("MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", line);
    assertEquals(intake.last.calls, ["mail", "rcpt", "abort"]);
  }
  await client.begin();
  await client.send("0123456789 too much\r\n.\r\n");
  assertMatch(await client.reply(), /^552 5\.3\.4/);
  assertEquals(intake.last.outcome, "aborted");
  assertEquals(session.logged("dropped").map(({ fields }) => fields.cause), ["too large"]);
});

Deno.test("a session that a client pipelined into and left still gets its message", async () => {
  await using session = openSession({
    answers: { end: async () => (await settle(), reply(250, "2.0.0", "Ok")) },
  });
  const { client, intake } = session;
  await client.send(
    "EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
  );
  await client.transport.closeWrite();
  assertMatch(await client.rest(), /250 2\.0\.0 Ok\r\n221 [^\n]*\n$/);
  assertEquals(intake.messages.length, 1);
});

Deno.test("the Received field says how the message came", async () => {
  await using session = await greetedSession({ address: "192.0.2.1" });
  await session.client.begin();
  await session.client.say("x\r\n.");
  assertMatch(
    session.intake.last.trace.replace(/\r\n\t/g, " "),
    /^Received: from client\.example\.org \(\[192\.0\.2\.1\]\) by mx\.example\.org with ESMTP id [0-9a-z]{16} for <b@example\.org>; /,
  );
  const [accepted] = session.logged("accepted");
  assertEquals(/\bid (\w+)/.exec(session.intake.last.trace)![1], accepted.fields.id);
});

Deno.test("an answer that the protocol has no place for is a bug: 451, and the session goes on", async () => {
  await using session = await greetedSession({
    lmtp: true,
    answers: { end: () => [reply(250, "2.0.0", "Ok"), reply(250, "2.0.0", "Ok")] },
  });
  const { client } = session;
  await client.begin();
  await client.send("x\r\n.\r\n");
  const said = await client.reply();
  assertMatch(said, /^451 4\.3\.0/);
  assertEquals(session.logged("bug").length, 1);
  assertMatch(await client.say("NOOP"), /^250/);
});

Deno.test("octets above 127 reach the intake as they are", async () => {
  await using session = await greetedSession();
  await session.client.begin();
  const all = text(Uint8Array.from({ length: 256 }, (_, i) => i)).replace(/[\r\n]/g, "");
  await session.client.send(octets(`s: x\r\n\r\n${all}\r\n.\r\n`));
  assertMatch(await session.client.reply(), /^250/);
  assertEquals(session.intake.last.content, `s: x\r\n\r\n${all}\r\n`);
});

const refusedSteps: readonly (readonly [
  what: string,
  sent: string,
  steps: string[],
  isDataRefused?: boolean,
])[] = [
  ["a command", "XYZZY\r\n", ["command"]],
  ["a message of lines that end in LF", "DATA\r\none\ntwo\r\n.\r\n", ["end of data"]],
  ["a message that is too large", `DATA\r\n${"x".repeat(200)}\r\n.\r\n`, ["end of data"]],
  ["a chunk that is too large", `BDAT 200 LAST\r\n${"x".repeat(200)}`, ["end of data"]],
  ["a chunk out of turn", "RSET\r\nBDAT 2 LAST\r\nxx", ["command"]],
  ["DATA by the intake", "DATA\r\n", ["data"], true],
  ["BDAT by the intake", "BDAT 2 LAST\r\nxx", ["data"], true],
  ["BDAT by the intake, and another", "BDAT 2\r\nxxBDAT 2 LAST\r\nxx", ["data", "command"], true],
];

Deno.test("the log is told once of what is refused, and in which step", async (t) => {
  for (const [what, sent, steps, isDataRefused] of refusedSteps) {
    await t.step(what, async () => {
      const data = () => isDataRefused ? reply(450, "4.3.0", "Not now") : undefined;
      await using session = openSession({ answers: { data }, limits: { maxSize: 100 } });
      const { client } = session;
      await client.greet();
      await client.say("MAIL FROM:<a@example.org>");
      await client.say("RCPT TO:<b@example.org>");
      await client.send(`${sent}QUIT\r\n`);
      assertMatch(await client.rest(), /^221 .*\r\n$/m);
      assertEquals(session.logged("refused").map(({ fields }) => fields.step), steps);
    });
  }
});
