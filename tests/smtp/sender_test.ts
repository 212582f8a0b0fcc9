import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";
import { Sender } from "../../lib/smtp/sender.ts";
import {
  SENDER_TRANSITIONS,
  type SenderAction,
  type SenderState,
} from "../../lib/smtp/sender_transitions.ts";
import { parseDialog, readDialogs, runDialog } from "./dialog.ts";
import { A, ACTIONS, B, EHLO, MAIL, SenderSide } from "./sender_side.ts";
import { join, octets, text } from "./wire.ts";

for (const [name, lines] of await readDialogs("sender")) {
  Deno.test(`sender holds the dialog ${name}`, () => {
    runDialog(lines, "C", () => new SenderSide());
  });
}

/** What a broken server may say instead of a greeting, and what the sender then tells. */
const BROKEN_GREETINGS: [greeting: string, fault: string][] = [
  ["hello", 'a reply line has no reply code: "hello"'],
  ["", 'a reply line has no reply code: ""'],
  ["120 soon", 'a reply line has no reply code: "120 soon"'],
  ["354 go on", "a 354 reply came to greeting"],
  ["220-a\\r\\n221 b", "a reply begins with 220 and goes on with 221"],
  ["220 a\\nb", "a reply line has a bare LF"],
  ["220 a\\rb", "a reply line has a bare CR"],
  ["220 \\{12300}", "a reply line is over 12288 octets long"],
  ["HTTP/1.1 400 Bad \\x1b[2J", 'a reply line has no reply code: "HTTP/1.1 400 Bad \\x1b[2J"'],
];

Deno.test("sender tells a fault of a server that speaks something else", () => {
  for (const [greeting, fault] of BROKEN_GREETINGS) {
    const lines = parseDialog(`S: ${greeting}\nE: fault ${fault}\n`);
    runDialog(lines, "C", () => new SenderSide());
  }
});

/** Replies that may not come to a command, each behind the commands before it. */
const WRONG_REPLIES: [after: string, reply: string, fault: string][] = [
  ["", "250 Ok", "a 250 reply came unasked"],
  ["", "550 No", "a 550 reply came unasked"],
  ["A: mail <a@example.org>\n", "354 Go", "a 354 reply came to MAIL"],
  ["A: mail <a@example.org>\nA: rset\n", "350 Go", "a 350 reply came to MAIL"],
  ["A: rset\n", "354 Go", "a 354 reply came to RSET"],
  ["A: quit\n", "354 Go", "a 354 reply came to QUIT"],
  ["A: starttls\n", "250 Ok", "a 250 reply came to STARTTLS"],
  ["A: starttls\n", "221 Bye", "a 221 reply came to STARTTLS"],
  ["A: starttls\n", "334 ", "a 334 reply came to STARTTLS"],
  ["A: auth LOGIN\n", "354 Go", "a 354 reply came to AUTH"],
  ["A: rset\n", "334 ", "a 334 reply came to RSET"],
];

Deno.test("sender tells a fault of a reply that cannot be the one to its command", () => {
  for (const [after, reply, fault] of WRONG_REPLIES) {
    const side = new SenderSide();
    for (const line of parseDialog(`S: 220 mx\nS: 250 mx\n${after}S: ${reply}\n`)) {
      if (line.kind === "A") side.act(line.text);
      else side.receive(line.bytes);
    }
    assertEquals(side.takeEvents(), ["ready", `fault ${fault}`], reply);
  }
});

Deno.test("sender tells a fault of a 250 reply to DATA", () => {
  const side = new SenderSide();
  side.receive(octets(EHLO));
  for (const action of ["mail <>", "rcpt <b@example.net>", "data"]) side.act(action);
  side.receive(octets("250 a\r\n250 b\r\n250 c\r\n"));
  assertEquals(side.takeEvents().at(-1), "fault a 250 reply came to DATA");
});

/** A sender in each state, and what led there. */
function inState(state: SenderState): Sender {
  const sender = new Sender({ heloName: "client.example.org" });
  const hear = (replies: string) => {
    sender.receive(octets(replies));
    while (sender.nextEvent() !== undefined);
  };
  const ways: Record<SenderState, () => void> = {
    greeting: () => {},
    hello: () => hear("220 mx\r\n"),
    refused: () => hear("554 no\r\n"),
    ready: () => hear(EHLO),
    "starting TLS": () => (ways.ready(), sender.starttls()),
    securing: () => (ways["starting TLS"](), hear("220 go\r\n")),
    authenticating: () => (ways.ready(), sender.auth("LOGIN")),
    challenged: () => (ways.authenticating(), hear("334 \r\n")),
    mail: () => (ways.ready(), sender.mail({ ...MAIL, smtpUtf8: true })),
    rcpt: () => (ways.mail(), sender.rcpt({ forwardPath: B })),
    data: () => (ways.rcpt(), sender.data()),
    content: () => (ways.data(), hear("250 a\r\n250 b\r\n354 c\r\n")),
    results: () => (ways.content(), sender.endOfData()),
    spent: () => (ways.data(), hear("250 a\r\n250 b\r\n550 c\r\n")),
    quitting: () => (ways.ready(), sender.quit()),
    closed: () => (ways.quitting(), hear("221 bye\r\n")),
  };
  ways[state]();
  sender.takeOutput();
  assertEquals(sender.state, state);
  return sender;
}

Deno.test("sender does in each state what the table says, and throws at anything else", () => {
  for (const state of Object.keys(SENDER_TRANSITIONS) as SenderState[]) {
    for (const action of Object.keys(ACTIONS) as SenderAction[]) {
      const sender = inState(state);
      const next = SENDER_TRANSITIONS[state][action];
      if (next === undefined) {
        const message = `Cannot send ${action} in the state "${state}"`;
        assertThrows(() => ACTIONS[action](sender), Error, message);
        assertEquals(sender.state, state);
        assertEquals(sender.takeOutput(), []);
      } else {
        ACTIONS[action](sender);
        assertEquals(sender.state, next, `${action} in ${state}`);
        assert(sender.takeOutput().length > 0, `${action} in ${state} writes nothing`);
      }
    }
  }
});

/** Mailboxes that would say more than a mailbox, or say another one. */
const BAD_MAILBOXES: Mailbox[] = [
  { localPart: "a\r\nRCPT TO:<x@y>", domain: "example.net" },
  { localPart: "a\nb", domain: "example.net" },
  { localPart: "a\x00b", domain: "example.net" },
  { localPart: "a\x7f", domain: "example.net" },
  { localPart: "a\tb", domain: "example.net" },
  { localPart: "a\x85b", domain: "example.net" },
  { localPart: "a\ud800b", domain: "example.net" },
  { localPart: "a", domain: "b\ud800.example.net" },
  { localPart: "a", domain: "example.net\r\nDATA" },
  { localPart: "a", domain: "example.net> NOTIFY=NEVER X=<" },
  { localPart: "a", domain: "example.net>" },
  { localPart: "a", domain: "b@example.net" },
  { localPart: "a", domain: " example.net" },
  { localPart: "a", domain: "[127.0.0.1]x" },
  { localPart: "a", domain: "[127.0.0.1" },
  { localPart: "a", domain: "" },
  { localPart: "x".repeat(300), domain: "example.net" },
];

Deno.test("sender writes no mailbox that would be read as more or as another", () => {
  for (const mailbox of BAD_MAILBOXES) {
    for (const step of ["mail", "rcpt"] as const) {
      const sender = inState(step === "mail" ? "ready" : "mail");
      const before = sender.state;
      assertThrows(
        () =>
          step === "mail"
            ? sender.mail({ reversePath: mailbox, smtpUtf8: true })
            : sender.rcpt({ forwardPath: mailbox }),
        SyntaxError,
        "Cannot send the address",
        JSON.stringify(mailbox),
      );
      assertEquals(sender.state, before);
      assertEquals(sender.takeOutput(), []);
    }
  }
});

Deno.test("sender writes no UTF-8 address unless SMTPUTF8 is offered and asked for", () => {
  const mailboxes = [
    { localPart: "jörg", domain: "example.net" },
    { localPart: "a", domain: "exämple.net" },
  ];
  for (const mailbox of mailboxes) {
    for (const [extension, smtpUtf8] of [["SMTPUTF8", false], ["HELP", true]] as const) {
      const sender = new Sender({ heloName: "x" });
      sender.receive(octets(`220 a\r\n250-a\r\n250 ${extension}\r\n`));
      while (sender.nextEvent() !== undefined);
      assertThrows(() => sender.mail({ reversePath: mailbox, smtpUtf8 }), SyntaxError, "SMTPUTF8");
      sender.mail({ reversePath: A, smtpUtf8 });
      assertThrows(() => sender.rcpt({ forwardPath: mailbox }), SyntaxError, "SMTPUTF8");
    }
  }
});

Deno.test("sender writes in order for a server that answers before it is asked", () => {
  const sender = new Sender({ heloName: "x" });
  sender.receive(octets("220 a\r\n250-a\r\n250 PIPELINING\r\n250 b\r\n250 c\r\n354 d\r\n"));
  for (let event; (event = sender.nextEvent()) !== undefined;) {
    if (event.type === "ready") {
      sender.mail(MAIL);
      sender.rcpt({ forwardPath: B });
      sender.data();
    } else if (event.type === "go ahead") {
      sender.content(octets("x"));
      sender.endOfData();
    }
  }
  assertEquals(
    text(join(sender.takeOutput())),
    "EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nx\r\n.\r\n",
  );
});

Deno.test("sender writes mailboxes with everything that a mailbox may have", () => {
  const table: [Mailbox, string][] = [
    [{ localPart: "", domain: "example.net" }, '<""@example.net>'],
    [
      { localPart: 'a "quoted\\" b', domain: "example.net" },
      '<"a \\"quoted\\\\\\" b"@example.net>',
    ],
    [{ localPart: "a@b", domain: "[192.0.2.1]" }, '<"a@b"@[192.0.2.1]>'],
    [{ localPart: "a> NOTIFY=NEVER", domain: "[IPv6:::1]" }, '<"a> NOTIFY=NEVER"@[IPv6:::1]>'],
    [{ localPart: "Postmaster", domain: "" }, "<Postmaster>"],
  ];
  for (const [mailbox, written] of table) {
    const sender = inState("mail");
    sender.rcpt({ forwardPath: mailbox });
    assertEquals(text(join(sender.takeOutput())), `RCPT TO:${written}\r\n`);
  }
});

Deno.test("sender takes no HELO name that is not a host name", () => {
  for (
    const name of ["", "a b", "a\r\nMAIL FROM:<>", "ä.example", "a\x00", "a".repeat(256), "[]"]
  ) {
    assertThrows(() => new Sender({ heloName: name }), SyntaxError, "Cannot send EHLO");
  }
  for (const name of ["localhost", "mx-1.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]"]) {
    const sender = new Sender({ heloName: name });
    sender.receive(octets("220 \r\n"));
    sender.nextEvent();
    assertEquals(text(join(sender.takeOutput())), `EHLO ${name}\r\n`);
  }
});

Deno.test("sender says no size that is not one", () => {
  for (const size of [-1, 1.5, NaN, Infinity, 2 ** 60]) {
    const sender = new Sender({ heloName: "x" });
    sender.receive(octets("220 a\r\n250-a\r\n250 SIZE 0\r\n"));
    while (sender.nextEvent() !== undefined);
    assertThrows(() => sender.mail({ ...MAIL, size }), RangeError, "Cannot send SIZE");
  }
});

Deno.test("sender passes mail data on without a copy", () => {
  const sender = inState("content");
  const data = octets("one\r\ntwo\r\n");
  sender.content(data);
  sender.content(data);
  sender.endOfData();
  const [first, second, end] = sender.takeOutput();
  assertStrictEquals(first.buffer, data.buffer);
  assertStrictEquals(second.buffer, data.buffer);
  assertEquals(text(end), ".\r\n");
});

Deno.test("sender keeps what it has not read when more comes", () => {
  const sender = new Sender({ heloName: "x" });
  const segment = octets("554 n");
  sender.receive(segment);
  sender.receive(octets("o\r\n221"));
  sender.receive(octets(" bye\r\n"));
  assertEquals(sender.nextEvent()?.type, "refused");
  sender.quit();
  assertEquals(sender.nextEvent()?.type, "reply");
  assertEquals(sender.state, "closed");
});

Deno.test("sender holds 30,000 recipients at once", () => {
  const count = 30_000;
  for (const extension of ["PIPELINING", "HELP"]) {
    const sender = new Sender({ heloName: "x" });
    sender.receive(octets(`220 a\r\n250-a\r\n250 ${extension}\r\n`));
    while (sender.nextEvent() !== undefined);
    sender.mail(MAIL);
    for (let i = 0; i < count; i++) sender.rcpt({ forwardPath: B });
    sender.data();
    sender.receive(octets("451 4.3.0 Not now\r\n" + "503 5.5.1 MAIL first\r\n".repeat(count)));
    let transient = 0;
    for (let event; (event = sender.nextEvent()) !== undefined;) {
      if (event.type === "reply" && event.reply.code === 451) transient++;
      // Without pipelining all the rest is held back, and the 503 replies come unasked.
      if (transient === count + 2) break;
    }
    assertEquals(transient, count + (extension === "HELP" ? 2 : 1));
  }
});

Deno.test("sender goes on from plaintext in no way but by ending", () => {
  const sender = inState("securing");
  sender.receive(octets("250-mx\r\n250 AUTH PLAIN\r\n"));
  // The caller is to ask for events before it goes on; one that does not gets no further.
  assertThrows(() => sender.secured(), Error, "octets came in plaintext");
  assertEquals(sender.nextEvent()?.type, "fault");
  assertEquals(sender.state, "closed");
});

Deno.test("sender grants nothing while a challenge waits for its response", () => {
  for (const [said, event] of [["235 2.7.0 ok", "fault"], ["334 eA==", "fault"]] as const) {
    const sender = inState("challenged");
    sender.receive(octets(`${said}\r\n`));
    assertEquals(sender.nextEvent()?.type, event);
  }
  const sender = inState("challenged");
  sender.receive(octets("451 4.7.0 Too slow\r\n"));
  assertEquals(sender.nextEvent()?.type, "reply");
  assertEquals(sender.state, "ready");
});

Deno.test("sender keeps AUTH to the length of a command and a response to that of a line", () => {
  const table: [length: number, isHeld: boolean][] = [[0, false], [372, false], [373, true]];
  for (const [length, isHeld] of table) {
    const sender = inState("ready");
    sender.auth("PLAIN", new Uint8Array(length));
    const [line] = sender.takeOutput();
    assertEquals(text(line) === "AUTH PLAIN\r\n", isHeld, `${length}: ${text(line).length}`);
    assert(line.length <= 512);
  }
  const sender = inState("ready");
  assertThrows(() => sender.auth("PLAIN", new Uint8Array(9214)), RangeError, "too long");
  sender.auth("PLAIN", new Uint8Array(9213));
  sender.takeOutput();
  sender.receive(octets("334 \r\n"));
  assertEquals(sender.nextEvent(), undefined);
  const [line] = sender.takeOutput();
  assertEquals(line.length, 12_284 + 2);
});

Deno.test("sender takes no mechanism that would be more than a word", () => {
  for (const name of ["", "plain", "PLAIN x", "PLAIN\r\nQUIT", "X".repeat(21), "\u212aELVIN"]) {
    const sender = inState("ready");
    assertThrows(() => sender.auth(name), SyntaxError, "Cannot send AUTH");
    assertEquals(sender.state, "ready");
    assertEquals(sender.takeOutput(), []);
  }
});
