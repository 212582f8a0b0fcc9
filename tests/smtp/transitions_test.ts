import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Verb } from "../../lib/smtp/command.ts";
import { Receiver } from "../../lib/smtp/receiver.ts";
import { type State, TRANSITIONS } from "../../lib/smtp/transitions.ts";
import { OPTIONS, ReceiverSide } from "./receiver_side.ts";
import { octets, text } from "./wire.ts";

/** A line of each verb that is right in itself. */
const LINES: Readonly<Record<Verb, string>> = {
  HELO: "HELO client",
  EHLO: "EHLO client",
  LHLO: "LHLO client",
  MAIL: "MAIL FROM:<a@example.org>",
  RCPT: "RCPT TO:<b@example.net>",
  DATA: "DATA",
  BDAT: "BDAT 3",
  RSET: "RSET",
  NOOP: "NOOP",
  QUIT: "QUIT",
  VRFY: "VRFY joe",
  HELP: "HELP",
  STARTTLS: "STARTTLS",
  AUTH: "AUTH PLAIN",
  XCLIENT: "XCLIENT ADDR=192.0.2.1",
  XFORWARD: "XFORWARD ADDR=192.0.2.1",
};

/** What a client says to come into a state from the greeting; `undefined` where it can't. */
const WAYS: Readonly<Record<State, Verb[] | undefined>> = {
  connected: undefined,
  refused: [],
  greeted: [],
  ready: ["HELO"],
  mail: ["HELO", "MAIL"],
  rcpt: ["HELO", "MAIL", "RCPT"],
  data: ["HELO", "MAIL", "RCPT", "DATA"],
  chunks: ["HELO", "MAIL", "RCPT", "BDAT"],
  securing: ["HELO", "STARTTLS"],
  auth: ["HELO", "AUTH"],
  closed: ["QUIT"],
};

const STATES = Object.keys(TRANSITIONS) as State[];
const VERBS = Object.keys(LINES) as Verb[];

/** A receiver that was brought into a state. */
function inState(state: State, lmtp: boolean): ReceiverSide {
  const side = new ReceiverSide({ lmtp, startTls: true, auth: true });
  side.act("challenge auth Say it");
  if (state === "refused") side.act("connect 554 5.3.2 No mail here");
  side.act("offer PLAIN");
  side.act("trust XCLIENT XFORWARD");
  for (const verb of WAYS[state]!) {
    const line = LINES[lmtp && verb === "HELO" ? "LHLO" : verb];
    side.receive(octets(`${line}\r\n${verb === "BDAT" ? "hi!" : ""}`));
  }
  side.takeOutput();
  assertEquals(side.receiver.state, state);
  return side;
}

Deno.test("transitions lead to states of the table only", () => {
  for (const state of STATES) {
    for (const [verb, next] of Object.entries(TRANSITIONS[state])) {
      assert(VERBS.includes(verb as Verb), verb);
      assert(STATES.includes(next), next);
    }
  }
});

/** RFC 5321 section 4.1.4, RFC 3030 section 2, RFC 3207 section 4, RFC 4954 section 4, XCLIENT, XFORWARD, once more. */
const EXPECTED = `
          HELO   EHLO   LHLO   STARTTLS AUTH  MAIL  RCPT  DATA  BDAT  RSET     NOOP     VRFY     HELP     QUIT    XCLIENT   XFORWARD
connected -      -      -      -        -     -     -     -     -     -        -        -        -        -       -         -
refused   -      -      -      -        -     -     -     -     -     -        -        -        -        closed  -         -
greeted   ready  ready  ready  securing -     -     -     -     -     greeted  greeted  greeted  greeted  closed  connected greeted
ready     ready  ready  ready  securing auth  mail  -     -     -     ready    ready    ready    ready    closed  connected ready
securing  -      -      -      -        -     -     -     -     -     -        -        -        -        -       -         -
auth      -      -      -      -        -     -     -     -     -     -        -        -        -        -       -         -
mail      ready  ready  ready  -        -     -     rcpt  -     -     ready    mail     mail     mail     closed  -         -
rcpt      ready  ready  ready  -        -     -     rcpt  data  data  ready    rcpt     rcpt     rcpt     closed  -         -
data      -      -      -      -        -     -     -     -     -     -        -        -        -        -       -         -
chunks    ready  ready  ready  -        -     -     -     -     data  ready    chunks   chunks   chunks   closed  -         -
closed    -      -      -      -        -     -     -     -     -     -        -        -        -        -       -         -
`;

Deno.test("transitions are those of the RFCs", () => {
  const [verbs, ...rows] = EXPECTED.trim().split("\n").map((line) => line.trim().split(/ +/));
  assertEquals(verbs.toSorted(), VERBS.toSorted());
  assertEquals(rows.map(([state]) => state).toSorted(), STATES.toSorted());
  for (const [state, ...nexts] of rows) {
    for (const [i, next] of nexts.entries()) {
      const actual = TRANSITIONS[state as State][verbs[i] as Verb] ?? "-";
      assertEquals(actual, next, `${verbs[i]} in ${state}`);
    }
  }
});

for (const state of STATES) {
  // Before the greeting, inside mail data and after the end there are no commands; see below. Nor are
  // there where a handshake or a response is awaited.
  if (["connected", "data", "closed", "securing", "auth"].includes(state)) continue;
  for (const verb of VERBS) {
    const next = TRANSITIONS[state][verb];
    Deno.test(`transition of ${verb} in ${state} is ${next ?? "refused"}`, () => {
      const side = inState(state, verb === "LHLO");
      const isRefusedChunk = verb === "BDAT" && next === undefined;
      side.receive(octets(`${isRefusedChunk ? "BDAT 0" : LINES[verb]}\r\n`));
      const code = text(side.takeOutput()).slice(0, 3);
      if (next === undefined) {
        assertEquals(code, "503");
        assertEquals(side.receiver.state, state);
      } else {
        // A chunk is answered when it is in.
        assert(/^(2|3[35]4)/.test(code) || (verb === "BDAT" && code === ""), code);
        // A session that begins anew is greeted at once.
        assertEquals(side.receiver.state, next === "connected" ? "greeted" : next);
      }
    });
  }
}

Deno.test("transition: nothing is read before the greeting", () => {
  const receiver = new Receiver(OPTIONS);
  receiver.receive(octets("QUIT\r\n"));
  assertEquals(receiver.nextEvent(), { type: "connect" });
  assertEquals([receiver.state, receiver.needsInput], ["connected", false]);
  assertEquals(receiver.takeOutput(), undefined);
});

Deno.test("transition: inside mail data there are no commands", () => {
  for (const verb of VERBS) {
    const side = inState("data", false);
    side.receive(octets(`${LINES[verb]}\r\n`));
    assertEquals(text(side.takeOutput()), "");
    assertEquals(side.receiver.state, "data");
    side.receive(octets(".\r\n"));
    assertEquals(text(side.messages[0].content), `${LINES[verb]}\r\n`);
  }
});

Deno.test("transition: after the end there are no commands", () => {
  for (const verb of VERBS) {
    const { receiver } = inState("closed", false);
    receiver.receive(octets(`${LINES[verb]}\r\n`));
    assertEquals(receiver.nextEvent(), undefined);
    assertEquals(receiver.takeOutput(), undefined);
    assertEquals([receiver.state, receiver.needsInput], ["closed", true]);
  }
});

Deno.test("transition does not happen when the application refuses", () => {
  const refusals: [State, Verb, State][] = [
    ["greeted", "EHLO", "greeted"],
    ["ready", "HELO", "ready"],
    ["ready", "MAIL", "ready"],
    ["mail", "RCPT", "mail"],
    ["rcpt", "RCPT", "rcpt"],
    // A refused DATA leaves nothing of the transaction.
    ["rcpt", "DATA", "ready"],
  ];
  for (const [state, verb, next] of refusals) {
    for (const code of [450, 550]) {
      const side = inState(state, false);
      const type = verb === "EHLO" ? "helo" : verb.toLowerCase();
      side.act(`${type} ${code} ${code / 100 | 0}.7.1 No`);
      side.receive(octets(`${LINES[verb]}\r\n`));
      assertEquals(text(side.takeOutput()).slice(0, 3), `${code}`);
      assertEquals(side.receiver.state, next, `${verb} in ${state}`);
    }
  }
});

Deno.test("transition: where a response is awaited there are no commands", () => {
  for (const verb of VERBS) {
    const side = inState("auth", false);
    side.takeEvents();
    side.receive(octets(`${LINES[verb]}\r\n`));
    // A verb of four or eight letters is base64.
    const isBase64 = /^[A-Z]+$/.test(LINES[verb]);
    assertEquals(text(side.takeOutput()).slice(0, 3), isBase64 ? "235" : "501");
    assertEquals(side.receiver.state, "ready");
  }
});

Deno.test("transition: before the handshake is over nothing is read", () => {
  const { receiver } = inState("securing", false);
  assertThrows(() => receiver.receive(octets("EHLO client\r\n")), Error, "handshake");
  receiver.secured();
  assertEquals(receiver.state, "greeted");
  assertThrows(() => receiver.secured(), Error, "STARTTLS");
});

Deno.test("receiver ends a session where plaintext stands behind STARTTLS", () => {
  for (const behind of ["EHLO evil\r\n", "\r\n", "M", "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n"]) {
    const side = inState("ready", false);
    side.receive(octets(`STARTTLS\r\n${behind}`));
    assertEquals(
      text(side.takeOutput()),
      "421 4.7.0 Plaintext behind STARTTLS, closing connection\r\n",
    );
    assertEquals(side.receiver.state, "closed");
    assertEquals(side.takeEvents(), ["close 421"]);
  }
});
