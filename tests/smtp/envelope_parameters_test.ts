import { assert, assertEquals } from "@std/assert";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { readMailParameters, readRcptParameters } from "../../lib/smtp/envelope_parameters.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";

const read = (path: Mailbox | null, ...parameters: [string, string][]) =>
  readMailParameters(path, new Map(parameters), { maxSize: 1000 });
const joe: Mailbox = { localPart: "joe", domain: "example.org" };
const jürgen: Mailbox = { localPart: "jürgen", domain: "example.org" };
const bücher: Mailbox = { localPart: "joe", domain: "bücher.example" };

const GOOD: [string, [string, string][], Partial<MailParameters>][] = [
  ["nothing", [], {}],
  ["SIZE", [["SIZE", "1000"]], { size: 1000 }],
  ["SIZE=0", [["SIZE", "0"]], { size: 0 }],
  ["SIZE with leading zeros", [["SIZE", "00000000000000000010"]], { size: 10 }],
  ["BODY=7BIT", [["BODY", "7BIT"]], { body: "7BIT" }],
  ["BODY=8bitmime", [["BODY", "8bitmime"]], { body: "8BITMIME" }],
  ["SMTPUTF8", [["SMTPUTF8", ""]], { smtpUtf8: true }],
];

for (const [name, parameters, expected] of GOOD) {
  Deno.test(`MAIL parameters: ${name} is read`, () => {
    for (const reversePath of [null, joe]) {
      assertEquals(read(reversePath, ...parameters), {
        reversePath,
        size: undefined,
        body: undefined,
        smtpUtf8: false,
        ...expected,
      });
    }
  });
}

const BAD: [string, [string, string][], code: number, enhanced: string][] = [
  ["SIZE without a value", [["SIZE", ""]], 501, "5.5.4"],
  ["SIZE=-1", [["SIZE", "-1"]], 501, "5.5.4"],
  ["SIZE=1e3", [["SIZE", "1e3"]], 501, "5.5.4"],
  ["SIZE of 21 digits", [["SIZE", "0".repeat(21)]], 501, "5.5.4"],
  ["SIZE over the limit", [["SIZE", "1001"]], 552, "5.3.4"],
  ["SIZE far over the limit", [["SIZE", "9".repeat(20)]], 552, "5.3.4"],
  ["BODY without a value", [["BODY", ""]], 501, "5.5.4"],
  ["BODY=BINARYMIME", [["BODY", "BINARYMIME"]], 501, "5.5.4"],
  // A dotless i is not an I.
  ["BODY=8B\u0131TMIME", [["BODY", "8B\u0131TMIME"]], 501, "5.5.4"],
  ["SMTPUTF8 with a value", [["SMTPUTF8", "1"]], 501, "5.5.4"],
  ["AUTH", [["AUTH", "<>"]], 555, "5.5.4"],
  ["RET", [["RET", "FULL"]], 555, "5.5.4"],
  ["CONSTRUCTOR", [["CONSTRUCTOR", ""]], 555, "5.5.4"],
];

for (const [name, parameters, code, enhanced] of BAD) {
  Deno.test(`MAIL parameters: ${name} is answered ${code} ${enhanced}`, () => {
    const answer = read(joe, ...parameters);
    assert("code" in answer, JSON.stringify(answer));
    assertEquals([answer.code, answer.enhanced], [code, enhanced]);
  });
}

Deno.test("MAIL parameters: a UTF-8 address needs SMTPUTF8", () => {
  for (const path of [jürgen, bücher]) {
    const answer = read(path, ["SIZE", "1"]);
    assert("code" in answer);
    assertEquals([answer.code, answer.enhanced], [553, "5.6.7"]);
    assert(!("code" in read(path, ["SMTPUTF8", ""])));
  }
});

Deno.test("MAIL parameters: RET and ENVID are read where DSN is offered", () => {
  const options = { maxSize: 1000, dsn: true };
  const parameters = new Map([["SIZE", "5"], ["RET", "hdrs"], ["ENVID", "QQ+2B3"]]);
  assertEquals(readMailParameters(joe, parameters, options), {
    reversePath: joe,
    size: 5,
    body: undefined,
    smtpUtf8: false,
    ret: "headers",
    envid: "QQ+2B3",
  });
  // RFC 3461 section 5.1: they are taken from nobody as well.
  assert(!("code" in readMailParameters(null, parameters, options)));
  for (const [keyword, value, code] of [["RET", "all", 501], ["NOTIFY", "NEVER", 555]] as const) {
    const answer = readMailParameters(joe, new Map([[keyword, value]]), options);
    assert("code" in answer);
    assertEquals([answer.code, answer.enhanced], [code, "5.5.4"]);
  }
});

const MAIL: MailParameters = { reversePath: joe, smtpUtf8: false };

Deno.test("RCPT parameters: NOTIFY and ORCPT are read where DSN is offered", () => {
  const notices = [["NOTIFY", "Success,DELAY"], ["ORCPT", "RFC822;a+2Bb@x"]] as const;
  assertEquals(readRcptParameters(joe, new Map(notices), MAIL, { dsn: true }), {
    forwardPath: joe,
    notify: ["success", "delay"],
    orcpt: "RFC822;a+2Bb@x",
  });
  assertEquals(readRcptParameters(joe, new Map(), MAIL, {}), { forwardPath: joe });
  const refused: [string, string, boolean, number][] = [
    ["NOTIFY", "NEVER", false, 555],
    ["ORCPT", "rfc822;a@x", false, 555],
    ["NOTIFY", "NEVER,DELAY", true, 501],
    ["ORCPT", "a@x", true, 501],
    ["RET", "FULL", true, 555],
  ];
  for (const [keyword, value, dsn, code] of refused) {
    const answer = readRcptParameters(joe, new Map([[keyword, value]]), MAIL, { dsn });
    assert("code" in answer, `${keyword}=${value}`);
    assertEquals([answer.code, answer.enhanced], [code, "5.5.4"]);
  }
});
