import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  type DsnMailParameters,
  type DsnRcptParameters,
  parseEnvid,
  parseOrcpt,
  readDsnMailParameters,
  readDsnRcptParameters,
  writeDsnMailParameters,
  writeDsnRcptParameters,
} from "../../lib/smtp/dsn_parameters.ts";
import { parseParameters } from "../../lib/smtp/parameters.ts";

function parse(text: string) {
  const parameters = parseParameters(text);
  assert(!("fault" in parameters), JSON.stringify(parameters));
  return parameters;
}

const mail = (text: string) => readDsnMailParameters(parse(text));
const rcpt = (text: string, utf8 = false) => readDsnRcptParameters(parse(text), utf8);

const MAIL: [text: string, read: DsnMailParameters, written: string][] = [
  ["", {}, ""],
  ["SIZE=1 BODY=8BITMIME", {}, ""],
  ["RET=FULL", { ret: "full" }, " RET=FULL"],
  ["ret=hdrs", { ret: "headers" }, " RET=HDRS"],
  ["ENVID=QQ314159", { envid: "QQ314159" }, " ENVID=QQ314159"],
  ["ENVID=a+20b RET=Full", { ret: "full", envid: "a+20b" }, " RET=FULL ENVID=a+20b"],
  [`ENVID=${"x".repeat(100)}`, { envid: "x".repeat(100) }, ` ENVID=${"x".repeat(100)}`],
];

for (const [text, read, written] of MAIL) {
  Deno.test(`MAIL with ${JSON.stringify(text.slice(0, 30))} is read and written`, () => {
    assertEquals(mail(text), { ret: undefined, envid: undefined, ...read });
    assertEquals(writeDsnMailParameters(read), written);
  });
}

const BAD_MAIL = [
  "RET",
  "RET=",
  "RET=BODY",
  "RET=FULLX",
  "ENVID",
  "ENVID=a+0D+0Ab",
  "ENVID=a+2",
  "ENVID=a+2b",
  "ENVID=j+C3+BCrgen",
  "ENVID=jürgen",
  `ENVID=${"x".repeat(101)}`,
];

for (const text of BAD_MAIL) {
  Deno.test(`MAIL with ${JSON.stringify(text.slice(0, 30))} is answered 501 5.5.4`, () => {
    const parameters = text === "RET=" ? new Map([["RET", ""]]) : parse(text);
    const answer = readDsnMailParameters(parameters);
    assert("code" in answer, JSON.stringify(answer));
    assertEquals([answer.code, answer.enhanced], [501, "5.5.4"]);
    assertMatch(answer.lines[0], /^Syntax: /);
  });
}

const RCPT: [text: string, read: DsnRcptParameters, written: string][] = [
  ["", {}, ""],
  ["NOTIFY=NEVER", { notify: "never" }, " NOTIFY=NEVER"],
  ["notify=never", { notify: "never" }, " NOTIFY=NEVER"],
  ["NOTIFY=SUCCESS", { notify: ["success"] }, " NOTIFY=SUCCESS"],
  [
    "NOTIFY=Failure,DELAY,success",
    { notify: ["failure", "delay", "success"] },
    " NOTIFY=FAILURE,DELAY,SUCCESS",
  ],
  ["NOTIFY=DELAY,DELAY", { notify: ["delay"] }, " NOTIFY=DELAY"],
  [
    "ORCPT=rfc822;a+2Bb@example.org",
    { orcpt: "rfc822;a+2Bb@example.org" },
    " ORCPT=rfc822;a+2Bb@example.org",
  ],
  ["ORCPT=X-note;a;b", { orcpt: "X-note;a;b" }, " ORCPT=X-note;a;b"],
  // The address need not follow the grammar of its type.
  ["ORCPT=rfc822;no-address", { orcpt: "rfc822;no-address" }, " ORCPT=rfc822;no-address"],
  [
    "ORCPT=utf-8;j\\x{FC}rgen@example.org",
    { orcpt: "utf-8;j\\x{FC}rgen@example.org" },
    " ORCPT=utf-8;j\\x{FC}rgen@example.org",
  ],
  [
    `ORCPT=rfc822;${"x".repeat(493)}`,
    { orcpt: `rfc822;${"x".repeat(493)}` },
    ` ORCPT=rfc822;${"x".repeat(493)}`,
  ],
];

for (const [text, read, written] of RCPT) {
  Deno.test(`RCPT with ${JSON.stringify(text.slice(0, 30))} is read and written`, () => {
    assertEquals(rcpt(text), { notify: undefined, orcpt: undefined, ...read });
    assertEquals(writeDsnRcptParameters(read, false), written);
  });
}

const BAD_RCPT = [
  "NOTIFY",
  "NOTIFY=ALWAYS",
  "NOTIFY=NEVER,FAILURE",
  "NOTIFY=FAILURE,NEVER",
  "NOTIFY=SUCCESS,",
  "NOTIFY=,SUCCESS",
  "NOTIFY=SUCCE\u017fS",
  `NOTIFY=${"DELAY,".repeat(30)}DELAY`,
  "ORCPT",
  "ORCPT=joe@example.org",
  "ORCPT=;joe@example.org",
  "ORCPT=rfc(822);joe@example.org",
  "ORCPT=rfc822;a+0D+0AX-Evil:b",
  "ORCPT=rfc822;a+2b",
  "ORCPT=rfc822;jürgen@example.org",
  "ORCPT=utf-8;a\\x{0D}",
  "ORCPT=utf-8;a+2Bb",
  "ORCPT=utf-8;",
  "ORCPT=utf-8;jürgen@example.org",
  `ORCPT=rfc822;${"x".repeat(494)}`,
];

for (const text of BAD_RCPT) {
  Deno.test(`RCPT with ${JSON.stringify(text.slice(0, 30))} is answered 501 5.5.4`, () => {
    const answer = rcpt(text);
    assert("code" in answer, JSON.stringify(answer));
    assertEquals([answer.code, answer.enhanced], [501, "5.5.4"]);
  });
}

Deno.test("an ORCPT in UTF-8 needs SMTPUTF8, and is turned into ASCII for who has it not", () => {
  const text = "ORCPT=utf-8;jürgen@例.example";
  assert("code" in rcpt(text));
  const read = rcpt(text, true);
  assert(!("code" in read));
  assertEquals(writeDsnRcptParameters(read, true), ` ${text}`);
  assertEquals(
    writeDsnRcptParameters(read, false),
    " ORCPT=utf-8;j\\x{FC}rgen@\\x{4F8B}.example",
  );
});

Deno.test("an ORCPT that is too long in ASCII is left out there", () => {
  const orcpt = `utf-8;${"ü".repeat(200)}@example.org`;
  const read = rcpt(`NOTIFY=NEVER ORCPT=${orcpt}`, true);
  assert(!("code" in read));
  assertEquals(writeDsnRcptParameters(read, false), " NOTIFY=NEVER");
});

Deno.test("the length of an ORCPT is counted in octets", () => {
  assert("code" in rcpt(`ORCPT=utf-8;${"ü".repeat(248)}`, true));
  assert(!("code" in rcpt(`ORCPT=utf-8;${"ü".repeat(247)}`, true)));
});

Deno.test("parameters that could begin something else are not written", () => {
  for (const envid of ["", "a b", "a\r\nRCPT TO:<x@y>", "x".repeat(101), "a=b"]) {
    assertThrows(() => writeDsnMailParameters({ envid }), SyntaxError, "Cannot send ENVID");
  }
  for (const orcpt of ["", "rfc822", "rfc822;a b", "rfc822;a\r\nDATA", "rf c;a", "utf-8;a b"]) {
    assertThrows(() => writeDsnRcptParameters({ orcpt }, true), SyntaxError, "Cannot send ORCPT");
  }
  assertThrows(
    () => writeDsnRcptParameters({ notify: [] }, true),
    SyntaxError,
    "Cannot send NOTIFY",
  );
});

Deno.test("an envelope identifier and an original recipient are decoded", () => {
  assertEquals(parseEnvid("a+2Bb+20c"), "a+b c");
  assertEquals(parseEnvid("a+0Ab"), undefined);
  assertEquals(parseOrcpt("RFC822;a+2Bb@x"), { type: "RFC822", address: "a+b@x" });
  assertEquals(parseOrcpt("UTF-8;\\x{FC}@x"), { type: "UTF-8", address: "ü@x" });
  assertEquals(parseOrcpt("__proto__;x"), { type: "__proto__", address: "x" });
});
