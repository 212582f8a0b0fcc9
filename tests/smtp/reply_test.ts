import { assertEquals } from "@std/assert";
import {
  formatReply,
  isPermanent,
  isPositive,
  isTransient,
  printable,
  type Reply,
  reply,
  SmtpError,
} from "../../lib/smtp/reply.ts";

const FORMATTED: [reply: Reply, wire: string][] = [
  [reply(250, "2.0.0", "Ok"), "250 2.0.0 Ok\r\n"],
  [reply(354, undefined, "Go on"), "354 Go on\r\n"],
  [reply(250, undefined), "250 \r\n"],
  [reply(221, "2.0.0"), "221 2.0.0 \r\n"],
  [
    reply(250, undefined, "mx", "SIZE 5", "PIPELINING"),
    "250-mx\r\n250-SIZE 5\r\n250 PIPELINING\r\n",
  ],
  [reply(550, "5.1.1", "No", "user"), "550-5.1.1 No\r\n550 5.1.1 user\r\n"],
  [reply(550, "5.7.1", "a\r\n250 b"), "550 5.7.1 a\\x0d\\x0a250 b\r\n"],
  [reply(550, undefined, "a\nb", "c\rd"), "550-a\\x0ab\r\n550 c\\x0dd\r\n"],
  [reply(550, undefined, "\x00\x1b[2J\x7f"), "550 \\x00\\x1b[2J\\x7f\r\n"],
  [reply(550, undefined, "grüezi \u2028"), "550 gr\\xfcezi \\u2028\r\n"],
];

Deno.test("reply is written with its code on every line and nothing that ends one early", () => {
  for (const [value, wire] of FORMATTED) assertEquals(formatReply(value), wire);
});

Deno.test("reply is positive, transient or permanent by its first digit", () => {
  const table: [code: number, positive: boolean, transient: boolean, permanent: boolean][] = [
    [200, true, false, false],
    [250, true, false, false],
    [354, true, false, false],
    [399, true, false, false],
    [400, false, true, false],
    [421, false, true, false],
    [499, false, true, false],
    [500, false, false, true],
    [559, false, false, true],
  ];
  for (const [code, ...expected] of table) {
    const value = reply(code, undefined);
    assertEquals([isPositive(value), isTransient(value), isPermanent(value)], expected, `${code}`);
  }
});

Deno.test("printable leaves HT, SP and printable ASCII alone and escapes the rest", () => {
  const plain = "\t" + Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
  assertEquals(printable(plain), plain);
  for (let code = 0; code < 256; code++) {
    if (code === 9 || (code >= 32 && code < 127)) continue;
    const hex = code.toString(16).padStart(2, "0");
    assertEquals(printable(`a${String.fromCharCode(code)}b`), `a\\x${hex}b`);
  }
  assertEquals(printable("\ud83d\ude00"), "\\ud83d\\ude00");
  assertEquals(printable(""), "");
});

Deno.test("SmtpError carries the reply that it asks for", () => {
  const error = new SmtpError(450, "4.7.1", "Not now,", "later");
  assertEquals(error.reply, { code: 450, enhanced: "4.7.1", lines: ["Not now,", "later"] });
  assertEquals(error.message, "Not now, later");
  assertEquals(error.name, "SmtpError");
  assertEquals(error instanceof Error, true);
});
