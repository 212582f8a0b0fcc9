import { assert, assertEquals } from "@std/assert";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { readMailParameters } from "../../lib/smtp/envelope_parameters.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";

const read = (path: Mailbox | null, ...parameters: [string, string][]) =>
  readMailParameters(path, new Map(parameters), 1000);
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
