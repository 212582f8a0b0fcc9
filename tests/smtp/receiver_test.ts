import { assert, assertEquals, assertThrows } from "@std/assert";
import { Receiver } from "../../lib/smtp/receiver.ts";
import type { ReceiverOptions } from "../../lib/smtp/receiver_options.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { type DialogLine, readDialogs, runDialog } from "./dialog.ts";
import { OPTIONS, ReceiverSide } from "./receiver_side.ts";
import { cutEvery, octets, text } from "./wire.ts";

const NOOP: DialogLine = { kind: "C", text: "NOOP", bytes: octets("NOOP\r\n"), number: 0 };
const OK: DialogLine = { kind: "S", text: "", bytes: octets("250 2.0.0 Ok\r\n"), number: 0 };

/** The dialog with a further command behind the last thing that the client says. */
function withTrailingCommand(lines: DialogLine[]): DialogLine[] {
  const last = lines.findLastIndex((line) => line.kind === "C");
  const isClosed = lines.some((line) => line.kind === "E" && line.text.startsWith("close"));
  const isRefused = lines.some((line) => line.kind === "S" && line.text.startsWith("554 5.3.2"));
  if (isRefused || last < 0) return lines;
  const behind = lines.slice(last + 1);
  return [
    ...lines.slice(0, last + 1),
    NOOP,
    ...behind.filter((line) => line.kind !== "E"),
    ...(isClosed ? [] : [OK]),
    ...behind.filter((line) => line.kind === "E"),
  ];
}

/** The dialog of a client that says everything without ever waiting. */
function allAtOnce(lines: DialogLine[]): DialogLine[] {
  const [answers, sent, replies, events] = ["A", "C", "S", "E"].map((kind) =>
    lines.filter((line) => line.kind === kind)
  );
  return [...answers, ...sent, ...replies, ...events];
}

for (const [name, lines] of await readDialogs("receiver")) {
  Deno.test(`receiver holds the dialog ${name}`, async (t) => {
    await t.step("as it is", () => runDialog(lines, "S", () => new ReceiverSide()));
    await t.step("with a further command behind it", () => {
      runDialog(withTrailingCommand(lines), "S", () => new ReceiverSide());
    });
    // Neither what the application does by itself nor STARTTLS may come in the midst of what was said.
    const stops = /^(?:close|secured|starttls)/;
    if (lines.some((line) => line.kind === "A" && stops.test(line.text))) return;
    await t.step("said all at once", () => {
      runDialog(allAtOnce(lines), "S", () => new ReceiverSide());
    });
  });
}

/** A receiver that was asked everything there is to ask, with what it wrote. */
function begin(input: string, options: Partial<ReceiverOptions> = {}): ReceiverSide {
  const side = new ReceiverSide(options);
  side.takeOutput();
  side.receive(octets(input));
  return side;
}

Deno.test("receiver answers 30,000 pipelined commands without recursion and in bounded output", () => {
  const all = octets("NOOP\r\n".repeat(30_000));
  for (const length of [all.length, 65_536, 4096, 100]) {
    const side = new ReceiverSide();
    side.takeOutput();
    for (const segment of cutEvery(all, length)) side.receive(segment);
    assertEquals(text(side.takeOutput()), "250 2.0.0 Ok\r\n".repeat(30_000));
    assert(side.mostOutput < 5000, `${side.mostOutput} octets of output waited`);
  }
});

Deno.test("receiver answers 30,000 pipelined recipients and RSETs without recursion", () => {
  const side = begin("HELO client\r\nMAIL FROM:<>\r\n", { maxRecipients: 100 });
  side.takeOutput();
  side.receive(octets("RCPT TO:<a@example.org>\r\n".repeat(30_000)));
  const replies = text(side.takeOutput()).split("\r\n");
  assertEquals(replies.length, 30_001);
  assertEquals(replies.filter((line) => line.startsWith("452 4.5.3")).length, 29_900);
  side.receive(octets("RSET\r\nBDAT 0\r\n".repeat(10) + "RSET\r\n".repeat(30_000)));
  assertEquals(text(side.takeOutput()).split("\r\n").length, 30_021);
  assert(side.mostOutput < 5000);
});

Deno.test("receiver asks for output to be written before it reads on", () => {
  const receiver = new Receiver(OPTIONS);
  assertEquals(receiver.nextEvent()?.type, "connect");
  receiver.reply(reply(220, undefined, "hi"));
  receiver.receive(octets("NOOP\r\n".repeat(1000)));
  assertEquals(receiver.nextEvent(), undefined);
  assert(!receiver.needsInput);
  assertEquals(receiver.nextEvent(), undefined);
  const length = receiver.takeOutput()?.length ?? 0;
  assert(length > 4000 && length < 5000);
  assertEquals(receiver.nextEvent(), undefined);
  assert((receiver.takeOutput()?.length ?? 0) > 4000);
});

Deno.test("receiver keeps nothing of a line of 100 MB", () => {
  const side = new ReceiverSide();
  side.takeOutput();
  const segment = new Uint8Array(1 << 16).fill(0x61);
  const start = performance.now();
  for (let i = 0; i < 1600; i++) {
    side.receiver.receive(segment);
    assertEquals(side.receiver.nextEvent(), undefined);
    assert(side.receiver.needsInput && side.receiver.isInsideUnit);
  }
  assertEquals(text(side.takeOutput()), "");
  side.receive(octets("\r\nNOOP\r\n"));
  assertEquals(
    text(side.takeOutput()),
    "500 5.5.2 Line too long: at most 2048 octets\r\n250 2.0.0 Ok\r\n",
  );
  assert(performance.now() - start < 5000);
});

/** What a client can do wrong, each an error. */
const ERRORS = [
  "FOO",
  "",
  "x\ny",
  "x\ry",
  "x".repeat(3000),
  "\x00",
  "DATA",
  "BDAT 0",
  "BDAT 0 LAST",
  "MAIL FROM:<a",
  "MAIL FROM:<a@b> X=1",
  "MAIL FROM:<a@b> SIZE=1001",
  "RCPT TO:<a@b>",
  "RSET x",
  "STARTTLS",
  "LHLO x",
];

Deno.test("receiver answers 20 errors, and the next one with 421", () => {
  for (const error of ERRORS) {
    const side = begin("HELO client\r\n");
    side.takeOutput();
    for (let i = 0; i < 20; i++) side.receive(octets(`${error}\r\nNOOP\r\n`));
    const replies = text(side.takeOutput()).split("\r\n");
    assertEquals(replies.length, 41, error);
    assert(replies.every((line, i) => i === 40 || (i % 2 === 0 ? /^5/ : /^250 /).test(line)));
    assertEquals(side.takeEvents(), []);
    side.receive(octets(`${error}\r\nNOOP\r\n`));
    assertEquals(text(side.takeOutput()), "421 4.7.0 Too many errors, closing\r\n", error);
    assertEquals(side.receiver.state, "closed");
    assertEquals(side.takeEvents(), ["close 421"]);
    side.receive(octets("NOOP\r\n"));
    assertEquals(text(side.takeOutput()), "");
  }
});

Deno.test("receiver counts what is refused for good, refused mail data once, and no 4yz", () => {
  const side = new ReceiverSide({ maxErrors: 2, maxSize: 10 });
  side.answer("helo", reply(550, "5.7.1", "no"));
  side.answer("mail", reply(451, "4.3.0", "no"));
  side.receive(octets("HELO x\r\nHELO x\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"));
  side.receive(octets("BDAT 20\r\n12345678901234567890NOOP\r\nDATA\r\n"));
  const replies = text(side.takeOutput()).split("\r\n").map((line) => line.slice(0, 3));
  assertEquals(replies.join(" "), "220 550 250 451 250 250 552 250 421 ");
});

Deno.test("receiver reads nothing while a question is open", () => {
  const receiver = new Receiver(OPTIONS);
  const input = octets("HELO client\r\nNOOP\r\nQUIT\r\n");
  receiver.receive(input);
  assertEquals(receiver.nextEvent(), { type: "connect" });
  assertThrows(() => receiver.nextEvent(), Error, "Cannot give the next event");
  receiver.reply(reply(220, undefined, "hi"));
  assertEquals(receiver.nextEvent(), { type: "helo", verb: "HELO", name: "client" });
  assertEquals(receiver.state, "greeted");
  assert(!receiver.needsInput);
  assertThrows(() => receiver.receive(input), Error, "Cannot take input");
  assertThrows(() => receiver.nextEvent(), Error, "Cannot give the next event");
  receiver.reply(reply(250, undefined, "hi"));
  assertEquals(receiver.nextEvent()?.type, "close");
  assertEquals(text(receiver.takeOutput()!).split("\r\n").map((line) => line.slice(0, 3)), [
    "220",
    "250",
    "250",
    "221",
    "",
  ]);
  assertThrows(() => receiver.reply(reply(250, undefined, "hi")), Error, "Cannot reply");
});

Deno.test("receiver takes a list of replies for the end of LMTP mail data only", () => {
  const yes = reply(250, "2.0.0", "Ok");
  const hello = ["EHLO x\r\n", "LHLO x\r\n"];
  for (const lmtp of [false, true]) {
    for (
      const [type, line] of [["mail", "MAIL FROM:<>\r\n"], ["end", "BDAT 0 LAST\r\n"]] as const
    ) {
      for (const count of [0, 1, 2, 3]) {
        const receiver = new Receiver({ ...OPTIONS, lmtp });
        const before = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\n";
        receiver.receive(octets(hello[Number(lmtp)] + (type === "end" ? before : "") + line));
        for (let event; (event = receiver.nextEvent())?.type !== type;) {
          if (event === undefined) throw new Error(`Cannot get as far as ${type}`);
          receiver.reply(yes);
        }
        const answer = () => receiver.reply(Array.from({ length: count }, () => yes));
        const isRight = type === "end" && count === (lmtp ? 2 : 1);
        if (isRight) answer();
        else assertThrows(answer, TypeError, "Cannot");
      }
    }
  }
});

Deno.test("receiver says its last word once", () => {
  const down = reply(421, "4.3.2", "Going down");
  const closed = begin("QUIT\r\n");
  closed.takeOutput();
  closed.receiver.close(down);
  assertEquals(closed.receiver.nextEvent(), undefined);
  assertEquals(closed.receiver.takeOutput(), undefined);

  const receiver = new Receiver(OPTIONS);
  receiver.receive(octets("NOOP\r\n"));
  assertEquals(receiver.nextEvent(), { type: "connect" });
  // The application can end the session while its answer is awaited, and even twice.
  receiver.close(down);
  receiver.close(down);
  assertEquals(receiver.nextEvent(), { type: "close", reply: down });
  assertEquals(receiver.nextEvent(), undefined);
  assertEquals(text(receiver.takeOutput()!), "421 4.3.2 Going down\r\n");
  assert(receiver.needsInput);
});

Deno.test("receiver knows the envelope, and whether something is under way", () => {
  const side = begin("HELO x\r\nMAIL FROM:<a@b> BODY=8BITMIME SIZE=7\r\nRCPT TO:<c@d>\r\n");
  const { receiver } = side;
  assertEquals(receiver.envelope, {
    reversePath: { localPart: "a", domain: "b" },
    body: "8BITMIME",
    size: 7,
    smtpUtf8: false,
    forwardPaths: [{ localPart: "c", domain: "d" }],
  });
  const isInside = (input: string) => {
    side.receive(octets(input));
    return receiver.isInsideUnit;
  };
  assertEquals(isInside("\r\n"), false);
  assertEquals(isInside("N"), true);
  assertEquals(isInside("OOP\r"), true);
  assertEquals(isInside("\n"), false);
  assertEquals(isInside("\r"), true);
  assertEquals(isInside("\nx\n"), true);
  assertEquals(isInside("\r\n"), false);
  assertEquals(isInside("BDAT 3\r\n"), true);
  assertEquals(isInside("\r\nx"), false);
  assertEquals(isInside("RSET\r\n"), false);
  assertEquals(receiver.envelope, undefined);
  assertEquals(isInside("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"), true);
  assertEquals(isInside("hello\r\n"), true);
  assertEquals(receiver.envelope?.forwardPaths.length, 1);
  assertEquals(isInside(".\r\n"), false);
  assertEquals(receiver.envelope, undefined);
});

Deno.test("receiver hands out content of ordinary text without a copy", () => {
  const receiver = new Receiver({ ...OPTIONS, maxSize: 1e6 });
  for (const input of ["HELO x\r\n", "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"]) {
    receiver.receive(octets(input));
    while (receiver.nextEvent() !== undefined) receiver.reply(reply(250, undefined, "ok"));
  }
  const segment = octets("Line after line.\r\n".repeat(3000));
  receiver.receive(segment);
  const event = receiver.nextEvent();
  assert(event?.type === "content");
  assert(event.bytes.buffer === segment.buffer);
  assertEquals(event.bytes.length, segment.length);
  assertEquals(receiver.nextEvent(), undefined);
});

Deno.test("receiver does not mistake dots in a segment of their own for the end", () => {
  const start = "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n";
  for (const first of ["..\r\n", "..", ".", "\r\n..\r\n", ".a\r\n", "...\r\n", ".\r\r\n", ".\n"]) {
    const side = begin(start);
    side.takeOutput();
    side.receive(octets(first));
    assertEquals(text(side.takeOutput()), "", JSON.stringify(first));
    side.receive(octets("NOOP\r\n.\r\nNOOP\r\n"));
    const replies = text(side.takeOutput()).split("\r\n");
    assertEquals(replies.length, 3, JSON.stringify(first));
    assertEquals(replies[1], "250 2.0.0 Ok");
  }
});
