import { assertEquals, assertMatch } from "@std/assert";
import { saslServer } from "../../../lib/policy/sasl.ts";
import { accountsOf, begin, converse, octets, user, WRONG } from "./fixture.ts";

const accounts = accountsOf(user, { ...user, name: "IX" });
const server = saslServer({ accounts });

const long = "a".repeat(1025);

const messages: readonly (readonly [why: string, message: string, outcome: string | RegExp])[] = [
  ["name and password", "\0user\0pencil", "235 user"],
  ["its own name asked for", "user\0user\0pencil", "235 user"],
  ["a name to be prepared", "\0\u2168\0pencil", "235 IX"],
  ["a name to be prepared asked for", "I\u00adX\0\u2168\0pencil", "235 IX"],
  ["a password to be prepared", "\0user\0pen\u00adcil", "235 user"],
  ["a wrong password", "\0user\0Pencil", WRONG],
  ["an unknown name", "\0nobody\0pencil", WRONG],
  ["another name asked for", "root\0user\0pencil", WRONG],
  ["no name", "\0\0pencil", WRONG],
  ["no password", "\0user\0", WRONG],
  ["neither", "\0\0", WRONG],
  ["nothing but a name to act as", "user\0\0pencil", WRONG],
  ["a name that is none", "\0us\u0007er\0pencil", WRONG],
  ["a password that is none", "\0user\0pencil\n", WRONG],
  ["a name asked for that is none", "us\u0007er\0user\0pencil", WRONG],
  ["a password of 1,024 octets", `\0user\0${long.slice(1)}`, WRONG],
  ["nothing", "", /two NULs/],
  ["no NUL", "user", /two NULs/],
  ["one NUL", "user\0pencil", /two NULs/],
  ["three NULs", "\0user\0pencil\0", /two NULs/],
  ["a NUL in the password", "\0user\0pen\0cil", /two NULs/],
  ["a password of 1,025 octets", `\0user\0${long}`, /the password has more than 1024 octets/],
  ["a name of 1,025 octets", `\0${long}\0pencil`, /the name has more than 1024 octets/],
  [
    "a name asked for of 1,025 octets",
    `${long}\0user\0pencil`,
    /identity has more than 1024 octets/,
  ],
  ["more octets than a line has", `\0user\0${"a".repeat(9211)}`, /it has more than 9216 octets/],
];

Deno.test("PLAIN lets in a name with its password, and refuses all else once", async (t) => {
  for (const [why, message, outcome] of messages) {
    await t.step(why, async () => {
      for (const isInitial of [true, false]) {
        const exchange = begin(server, "PLAIN");
        if (!isInitial) assertEquals(await converse(exchange, undefined), ["334 "]);
        const [line] = await converse(exchange, message);
        if (typeof outcome === "string") assertEquals(line, outcome);
        else {
          assertMatch(line, /^501 5\.5\.2 Cannot read the response: /);
          assertMatch(line, outcome);
        }
        assertMatch((await converse(exchange, message))[0], /^503 5\.5\.1 /);
      }
    });
  }
});

Deno.test("PLAIN refuses octets that are no UTF-8", async (t) => {
  const bad: readonly (readonly [why: string, octets: readonly number[]])[] = [
    ["a lone octet", [0xff]],
    ["cut off", [0xc3]],
    ["longer than it need be", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ];
  for (const [why, part] of bad) {
    await t.step(why, async () => {
      for (
        const message of [
          [...part, 0, ...octets("user"), 0, ...octets("pencil")],
          [0, ...part, 0, ...octets("pencil")],
          [0, ...octets("user"), 0, ...octets("pencil"), ...part],
        ]
      ) {
        const [line] = await converse(begin(server, "PLAIN"), Uint8Array.from(message));
        assertMatch(line, /^501 5\.5\.2 .* is not UTF-8$/);
      }
    });
  }
});

Deno.test("PLAIN takes a byte order mark for a part of the name", async () => {
  // U+FEFF is mapped to nothing by SASLprep, and not swallowed before it.
  assertEquals(await converse(begin(server, "PLAIN"), "\ufeff\0user\0pencil"), [WRONG]);
  assertEquals(await converse(begin(server, "PLAIN"), "\0\ufeffuser\0pencil"), ["235 user"]);
});
