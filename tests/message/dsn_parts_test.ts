import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Action } from "../../lib/message/dsn_facts.ts";
import { meaningOf } from "../../lib/message/dsn_meaning.ts";
import { statusOf, writeReport } from "../../lib/message/dsn_report.ts";
import { subjectOf, writeText } from "../../lib/message/dsn_text.ts";
import { readable, readableAscii, wrap } from "../../lib/message/dsn_words.ts";
import { encodeQuotedPrintable } from "../../lib/message/quoted_printable.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { octets, seeded, text } from "../smtp/wire.ts";
import { FAILED, LATE, ORIGINAL } from "./dsn_notices.ts";

const STATUS: [code: number, enhanced: string | undefined, action: Action, status: string][] = [
  [550, "5.1.1", "failed", "5.1.1"],
  [554, "5.7.606", "failed", "5.7.606"],
  [550, undefined, "failed", "5.0.0"],
  [550, "2.0.0", "failed", "5.0.0"],
  [550, "5.1", "failed", "5.0.0"],
  [550, "5.1.1\r\nX: y", "failed", "5.0.0"],
  [550, "5.1.1000", "failed", "5.0.0"],
  // Transient until the time was over.
  [451, "4.4.1", "failed", "4.4.1"],
  [451, undefined, "failed", "4.4.7"],
  [451, "4.2.2", "delayed", "4.2.2"],
  [451, undefined, "delayed", "4.0.0"],
  [451, "5.2.2", "delayed", "4.0.0"],
  [250, "2.1.5", "delivered", "2.1.5"],
  [250, undefined, "relayed", "2.0.0"],
  [250, "4.0.0", "expanded", "2.0.0"],
];

for (const [code, enhanced, action, status] of STATUS) {
  Deno.test(`status of ${action} after ${code} ${JSON.stringify(enhanced)} is ${status}`, () => {
    assertEquals(statusOf(reply(code, enhanced, ""), action), status);
  });
}

Deno.test("a report in ASCII has UTF-8 addresses in their 7-bit form", () => {
  const jürgen = { ...FAILED, mailbox: { localPart: "jürgen", domain: "例.example" } };
  const { text, global } = writeReport(ORIGINAL, [jürgen], { hostname: "mx.test", timezone: 0 });
  assertEquals(global, false);
  assertMatch(text, /\r\nFinal-Recipient: utf-8; j\\x\{FC\}rgen@\\x\{4F8B\}\.example\r\n/);
});

Deno.test("a report has the longest addresses that an envelope can have whole", () => {
  const domain = `${"d".repeat(63)}.`.repeat(3) + "d".repeat(61);
  for (const localPart of ["x".repeat(255), '"'.repeat(255)]) {
    const recipient = { ...FAILED, mailbox: { localPart, domain } };
    for (const smtpUtf8 of [false, true]) {
      const message = { ...ORIGINAL, mail: { ...ORIGINAL.mail, smtpUtf8 } };
      const { text } = writeReport(message, [recipient], { hostname: "mx.test", timezone: 0 });
      assert(text.includes(`@${domain}\r\n`));
    }
  }
  const utf8 = {
    ...FAILED,
    mailbox: { localPart: "ü".repeat(127), domain: `${"ü".repeat(31)}.`.repeat(4) + "example" },
  };
  const message = { ...ORIGINAL, mail: { ...ORIGINAL.mail, smtpUtf8: true } };
  const report = writeReport(message, [utf8], { hostname: "mx.test", timezone: 0 });
  assert(report.text.includes("ü.example\r\n"));
});

Deno.test("a report names only what is known", () => {
  const message = {
    ...ORIGINAL,
    mail: { ...ORIGINAL.mail, envid: undefined },
    origin: { client: "local" },
  };
  const recipient = { ...LATE, attempted: undefined };
  assertEquals(
    writeReport(message, [recipient], { hostname: "mx.test", timezone: 0 }).text,
    "Reporting-MTA: dns; mx.test\r\n" +
      "Arrival-Date: Mon, 1 Jan 2024 12:00:00 +0000\r\n" +
      "\r\n" +
      'Final-Recipient: rfc822; "a b"@example.com\r\n' +
      "Action: delayed\r\n" +
      "Status: 4.4.1\r\n" +
      "Diagnostic-Code: x-smtpd; 451 4.4.1 No host of example.com answered\r\n" +
      "Will-Retry-Until: Sat, 6 Jan 2024 12:00:00 +0000\r\n",
  );
});

const SUBJECTS: [actions: Action[], subject: RegExp][] = [
  [["delivered", "failed", "delayed"], /not delivered/],
  [["delivered", "delayed"], /delayed/],
  [["relayed", "delivered"], /was delivered/],
  [["relayed"], /handed on/],
  [["expanded"], /was delivered/],
];

for (const [actions, subject] of SUBJECTS) {
  Deno.test(`the subject of a notice about ${actions.join(", ")} tells the worst`, () => {
    assertMatch(subjectOf(actions.map((action) => ({ ...FAILED, action }))), subject);
  });
}

Deno.test("the text says what was sent back, and does not explain what it does not know", () => {
  const options = { hostname: "mx.test", timezone: 0 };
  const said = { ...FAILED, reply: reply(550, "5.0.0", "No") };
  const told = (returned: "message" | "header" | "header instead" | "nothing") =>
    writeText(ORIGINAL, [said], { ...options, returned }).replaceAll(/\s+/g, " ");
  assertMatch(told("message"), /a report for programs, and your message\. $/);
  assertMatch(told("header"), /and your message's header\. $/);
  assertMatch(told("header instead"), /the rest of it cannot be sent back\. $/);
  assertMatch(told("nothing"), /Behind this text comes a report for programs\. $/);
  assertMatch(told("nothing"), /answered: 550 5\.0\.0 No If you did not send/);
});

Deno.test("each meaning is a sentence", () => {
  let known = 0;
  for (let subject = 0; subject < 10; subject++) {
    for (let detail = 0; detail < 30; detail++) {
      const meaning = meaningOf(`5.${subject}.${detail}`);
      if (meaning === undefined) continue;
      known++;
      assertMatch(meaning, /^[A-Z][\x20-\x7e]+\.$/);
    }
  }
  assert(known > 100);
  assertEquals(meaningOf("5.0.0"), undefined);
  assertEquals(meaningOf("4.__proto__.constructor"), undefined);
});

const WORDS: [given: string, limit: number, shown: string, ascii: string][] = [
  ["plain", 10, "plain", "plain"],
  ["a\r\nb", 20, "a\\u{d}\\u{a}b", "a\\x0d\\x0ab"],
  ["a\tb", 20, "a b", "a b"],
  ["jürgen", 20, "jürgen", "j\\xfcrgen"],
  ["宋", 20, "宋", "\\u5b8b"],
  ["a\u202eb", 20, "a\\u{202e}b", "a\\u202eb"],
  ["\x1b[2J\x9b", 20, "\\u{1b}[2J\\u{9b}", "\\x1b[2J\\x9b"],
  ["\ud83d", 20, "\\u{d83d}", "\\ud83d"],
  ["می\u200cخ", 30, "می\u200cخ", "\\u0645\\u06cc\\u200c\\u062e"],
  ["0123456789", 8, "01234...", "01234..."],
  ["0123📮789", 8, "0123...", "0123..."],
];

for (const [given, limit, shown, ascii] of WORDS) {
  Deno.test(`${JSON.stringify(given)} is shown as ${JSON.stringify(shown)}`, () => {
    assertEquals(readable(given, limit), shown);
    assertEquals(readableAscii(given, limit), ascii);
  });
}

Deno.test("lines are broken at spaces, and a long word has one to itself", () => {
  assertEquals(wrap("aa bb  cc", 5), ["aa bb", "cc"]);
  assertEquals(wrap("aa bbbbbbbb cc", 5), ["aa", "bbbbbbbb", "cc"]);
  assertEquals(wrap("  ", 5), []);
});

Deno.test("quoted-printable comes back as it was, in short lines of ASCII", () => {
  const random = seeded(2045);
  const pieces = ["\r\n", "\r", "\n", " ", "\t", "=", "a", "\xff", "\0", "word", ".", "From "];
  for (let run = 0; run < 2000; run++) {
    let given = "";
    for (let length = random(60); length > 0; length--) given += pieces[random(pieces.length)];
    const encoded = encodeQuotedPrintable(octets(given));
    assert(!/[^\x20-\x7e\t\r\n]|[ \t](?:\r\n|$)|\r(?!\n)|(?<!\r)\n/.test(encoded), encoded);
    for (const line of encoded.split("\r\n")) assert(line.length <= 76, encoded);
    const decoded = encoded.replaceAll("=\r\n", "").replace(
      /=([0-9A-F]{2})/g,
      (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)),
    );
    assertEquals(decoded, given);
  }
  assertEquals(text(octets(encodeQuotedPrintable(octets("a".repeat(76))))), "a".repeat(76));
});
