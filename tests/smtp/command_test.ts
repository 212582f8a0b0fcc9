import { assert, assertEquals } from "@std/assert";
import { type Command, parseCommand } from "../../lib/smtp/command.ts";

const encoder = new TextEncoder();
const parse = (line: string) => parseCommand(encoder.encode(line));

const joe = { localPart: "joe", domain: "example.org" };
const params = (...entries: [string, string][]) => new Map(entries);

const GOOD: [line: string, command: Command][] = [
  ["HELO client", { verb: "HELO", name: "client" }],
  ["helo client", { verb: "HELO", name: "client" }],
  ["eHlO client.example.org", { verb: "EHLO", name: "client.example.org" }],
  ["EHLO [192.0.2.1]", { verb: "EHLO", name: "[192.0.2.1]" }],
  ["EHLO [IPv6:2001:db8::1]", { verb: "EHLO", name: "[IPv6:2001:db8::1]" }],
  // What is no domain is taken all the same (RFC 5321 section 4.1.4).
  ["EHLO my_laptop", { verb: "EHLO", name: "my_laptop" }],
  ["EHLO 192.0.2.1", { verb: "EHLO", name: "192.0.2.1" }],
  ["EHLO [nonsense", { verb: "EHLO", name: "[nonsense" }],
  ["EHLO  client \t", { verb: "EHLO", name: "client" }],
  [`EHLO ${"a".repeat(255)}`, { verb: "EHLO", name: "a".repeat(255) }],
  ["LHLO client", { verb: "LHLO", name: "client" }],
  ["MAIL FROM:<>", { verb: "MAIL", reversePath: null, parameters: params() }],
  ["mail from:<joe@example.org>", { verb: "MAIL", reversePath: joe, parameters: params() }],
  ["MAIL FROM: <joe@example.org>", { verb: "MAIL", reversePath: joe, parameters: params() }],
  ["MAIL FROM:<joe@example.org>  \t ", {
    verb: "MAIL",
    reversePath: joe,
    parameters: params(),
  }],
  ["MAIL FROM:<@a,@b:joe@example.org> SIZE=1", {
    verb: "MAIL",
    reversePath: joe,
    parameters: params(["SIZE", "1"]),
  }],
  ["MAIL FROM:<> size=1  Body=8bitmime SMTPUTF8", {
    verb: "MAIL",
    reversePath: null,
    parameters: params(["SIZE", "1"], ["BODY", "8bitmime"], ["SMTPUTF8", ""]),
  }],
  ["RCPT TO:<joe@example.org>", { verb: "RCPT", forwardPath: joe, parameters: params() }],
  ["rcpt to:  <joe@example.org> constructor=x", {
    verb: "RCPT",
    forwardPath: joe,
    parameters: params(["CONSTRUCTOR", "x"]),
  }],
  ["RCPT TO:<postmaster>", {
    verb: "RCPT",
    forwardPath: { localPart: "postmaster", domain: "" },
    parameters: params(),
  }],
  ["RCPT TO:<user%other@example.org>", {
    verb: "RCPT",
    forwardPath: { localPart: "user%other", domain: "example.org" },
    parameters: params(),
  }],
  ["BDAT 0", { verb: "BDAT", size: 0, last: false }],
  ["bdat 0 last", { verb: "BDAT", size: 0, last: true }],
  ["BDAT 00012  LAST ", { verb: "BDAT", size: 12, last: true }],
  ["BDAT 9007199254740991", { verb: "BDAT", size: 9007199254740991, last: false }],
  ["DATA", { verb: "DATA" }],
  ["data \t ", { verb: "DATA" }],
  ["RSET", { verb: "RSET" }],
  ["quit", { verb: "QUIT" }],
  ["NOOP", { verb: "NOOP" }],
  ["NOOP with any words: <>\t@", { verb: "NOOP" }],
  ["NOOP юзер", { verb: "NOOP" }],
  ["HELP", { verb: "HELP" }],
  ["HELP MAIL", { verb: "HELP" }],
  ["VRFY joe", { verb: "VRFY" }],
];

for (const [line, command] of GOOD) {
  const name = JSON.stringify(line.length < 80 ? line : `${line.slice(0, 60)}...`);
  Deno.test(`command line ${name} is read`, () => {
    assertEquals(parse(line), { kind: "command", command });
  });
}

/** The line, the code and enhanced code of the reply, and whether the session ends. */
const BAD: [line: string, code: number, enhanced: string, isFatal?: true][] = [
  ["", 500, "5.5.2"],
  [" ", 500, "5.5.2"],
  [" NOOP", 500, "5.5.2"],
  ["\tNOOP", 500, "5.5.2"],
  ["NOOP\tx", 500, "5.5.2"],
  ["NOOPS", 500, "5.5.2"],
  ["NO OP", 500, "5.5.2"],
  ["MAILFROM:<a@b>", 500, "5.5.2"],
  ["__proto__", 500, "5.5.2"],
  ["constructor", 500, "5.5.2"],
  ["toString x", 500, "5.5.2"],
  [".", 500, "5.5.2"],
  ["Subject: hello", 500, "5.5.2"],
  // A verb is ASCII: none of these letters is one of it in any case.
  ["QU\u0131T", 500, "5.5.2"],
  ["R\u017fET", 500, "5.5.2"],
  ["NOOP\u00a0", 500, "5.5.2"],
  ["DATA\ufeff", 500, "5.5.2"],
  ["DATA \u2003", 501, "5.5.4"],
  ["MAIL FROM:<>\u00a0", 501, "5.5.4"],
  ["BDAT 0 LA\u017fT", 501, "5.5.4", true],
  ["DATA now", 501, "5.5.4"],
  ["RSET now", 501, "5.5.4"],
  ["QUIT now", 501, "5.5.4"],
  ["VRFY", 501, "5.5.4"],
  ["HELO", 501, "5.5.4"],
  ["EHLO ", 501, "5.5.4"],
  ["LHLO", 501, "5.5.4"],
  ["HELO two words", 501, "5.5.4"],
  ["EHLO a\tb", 501, "5.5.4"],
  [`EHLO ${"a".repeat(256)}`, 501, "5.5.4"],
  // RFC 6531 section 3.7.1: SMTPUTF8 does not reach to EHLO.
  ["EHLO bücher.example", 501, "5.5.4"],
  ["EHLO \u202egro.elpmaxe", 501, "5.5.4"],
  ["EHLO client\u00a0", 501, "5.5.4"],
  ["MAIL", 501, "5.5.4"],
  ["MAIL FROM", 501, "5.5.4"],
  ["MAIL FROM <a@b>", 501, "5.5.4"],
  ["MAIL  FROM:<a@b>", 501, "5.5.4"],
  ["MAIL TO:<a@b>", 501, "5.5.4"],
  ["MAIL FROM:", 553, "5.1.7"],
  ["MAIL FROM:a@b", 553, "5.1.7"],
  ["MAIL FROM:<a>", 553, "5.1.7"],
  ["MAIL FROM:<postmaster>", 553, "5.1.7"],
  ["MAIL FROM:\t<a@b>", 553, "5.1.7"],
  ["MAIL FROM:<a@b>x", 501, "5.5.4"],
  ["MAIL FROM:<a@b>\tSIZE=1", 501, "5.5.4"],
  ["MAIL FROM:<a@b> SIZE=1\tBODY=7BIT", 501, "5.5.4"],
  ["MAIL FROM:<a@b> <c@d>", 501, "5.5.4"],
  ["MAIL FROM:<a@b> __proto__=1", 501, "5.5.4"],
  ["MAIL FROM:<a@b> X=", 501, "5.5.4"],
  ["MAIL FROM:<a@b> =1", 501, "5.5.4"],
  ["MAIL FROM:<a@b> X==", 501, "5.5.4"],
  ["MAIL FROM:<a@b> -X", 501, "5.5.4"],
  ["MAIL FROM:<a@b> x=1 X=2", 501, "5.5.4"],
  ["RCPT", 501, "5.5.4"],
  ["RCPT FROM:<a@b>", 501, "5.5.4"],
  ["RCPT TO:<>", 553, "5.1.3"],
  ["RCPT TO:<root>", 553, "5.1.3"],
  ["RCPT TO:<@a:postmaster>", 553, "5.1.3"],
  ["RCPT TO:<a@b", 553, "5.1.3"],
  ["RCPT TO:<a@b>,<c@d>", 501, "5.5.4"],
  // The octets behind a BDAT that can't be read can't be told from commands.
  ["BDAT", 501, "5.5.4", true],
  ["BDAT LAST", 501, "5.5.4", true],
  ["BDAT -1", 501, "5.5.4", true],
  ["BDAT +1", 501, "5.5.4", true],
  ["BDAT 1.5", 501, "5.5.4", true],
  ["BDAT 1e3", 501, "5.5.4", true],
  ["BDAT 0x10", 501, "5.5.4", true],
  ["BDAT 10LAST", 501, "5.5.4", true],
  ["BDAT 10 LAST LAST", 501, "5.5.4", true],
  ["BDAT 10 FIRST", 501, "5.5.4", true],
  ["BDAT 10\tLAST", 501, "5.5.4", true],
  ["BDAT ١", 501, "5.5.4", true],
  ["BDAT 9007199254740992", 501, "5.5.4", true],
  ["BDAT 18446744073709551617", 501, "5.5.4", true],
  [`BDAT ${"0".repeat(2000)}1`, 501, "5.5.4", true],
  ["STARTTLS now", 501, "5.5.4"],
  ["AUTH", 501, "5.5.4"],
  ["AUTH  ", 501, "5.5.4"],
  ["AUTH PLA!N", 501, "5.5.4"],
  [`AUTH ${"A".repeat(21)}`, 501, "5.5.4"],
  ["AUTH PLAIN AGpvZQBzZWNyZXQ", 501, "5.5.2"],
  ["AUTH PLAIN AGpvZQBzZWNyZX=Q", 501, "5.5.2"],
  ["AUTH PLAIN AGpvZQBzZWNyZXR=", 501, "5.5.2"],
  ["AUTH PLAIN AGpv ZQBzZWNyZXQ=", 501, "5.5.4"],
  ["AUTH PLAIN ==", 501, "5.5.2"],
  ["AUTH PLAIN *", 501, "5.5.2"],
  ["EXPN list", 502, "5.5.1"],
  ["ETRN @example.org", 502, "5.5.1"],
  ["TURN", 502, "5.5.1"],
  ["SEND FROM:<a@b>", 502, "5.5.1"],
  ["GET / HTTP/1.1", 421, "4.7.0", true],
  ["post /form HTTP/1.1", 421, "4.7.0", true],
  ["CONNECT mx.example.org:25 HTTP/1.1", 421, "4.7.0", true],
];

for (const [line, code, enhanced, isFatal = false] of BAD) {
  const name = JSON.stringify(line.length < 80 ? line : `${line.slice(0, 60)}...`);
  Deno.test(`command line ${name} is answered ${code} ${enhanced}`, () => {
    const parsed = parse(line);
    assert(parsed.kind === "fault", JSON.stringify(parsed));
    const { reply } = parsed;
    assertEquals([reply.code, reply.enhanced, parsed.isFatal], [code, enhanced, isFatal]);
    assert(/^[ -~]+$/.test(reply.lines.join()), "the reply is printable");
  });
}

Deno.test("command line has neither control characters nor invalid UTF-8", () => {
  const bad: number[][] = [[0xff], [0xc3], [0x80], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5]];
  for (let i = 0; i < 32; i++) if (i !== 9) bad.push([i]);
  bad.push([127], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]);
  for (const octets of bad) {
    for (const [before, after] of [["NOOP ", ""], ["MAIL FROM:<a", "@b>"], ["", "NOOP"]]) {
      const line = [...encoder.encode(before), ...octets, ...encoder.encode(after)];
      const parsed = parseCommand(Uint8Array.from(line));
      assert(parsed.kind === "fault" && !parsed.isFatal, `${line}`);
      assertEquals([parsed.reply.code, parsed.reply.enhanced], [500, "5.5.2"]);
    }
  }
});

Deno.test("command line of up to its longest is read in no time, whatever it is made of", () => {
  const start = performance.now();
  for (const begin of ["NOOP ", "MAIL FROM:<a@b> ", "MAIL FROM:", "BDAT ", "EHLO ", "RCPT TO:<"]) {
    for (const part of [" ", "\t", " \t", "0", "a", "A=b ", "@a,", '"', "é", "\u00a0", "[", "a."]) {
      const line = begin + part.repeat(2048 / part.length);
      for (let i = 0; i < 10; i++) parse(line.slice(0, 2046)), parse(`${line.slice(0, 2045)}x`);
    }
  }
  assert(performance.now() - start < 2000, "a line must be read in linear time");
});
