import { assertEquals, assertMatch } from "@std/assert";
import { saslServer } from "../../../lib/policy/sasl.ts";
import { accountsOf, begin, converse, user, WRONG } from "./fixture.ts";

const server = saslServer({ accounts: accountsOf(user) });
const ASK_NAME = "334 Username:";
const ASK_PASSWORD = "334 Password:";

const exchanges: readonly (readonly [
  why: string,
  responses: readonly (string | Uint8Array | undefined)[],
  lines: readonly (string | RegExp)[],
])[] = [
  ["asked for both", [undefined, "user", "pencil"], [ASK_NAME, ASK_PASSWORD, "235 user"]],
  ["a name at once", ["user", "pencil"], [ASK_PASSWORD, "235 user"]],
  ["a wrong password", ["user", "Pencil"], [ASK_PASSWORD, WRONG]],
  ["an unknown name", ["nobody", "pencil"], [ASK_PASSWORD, WRONG]],
  ["an empty name at once", ["", "pencil"], [ASK_PASSWORD, WRONG]],
  ["an empty name", [undefined, "", "pencil"], [ASK_NAME, ASK_PASSWORD, WRONG]],
  ["an empty password", ["user", ""], [ASK_PASSWORD, WRONG]],
  ["a NUL in the name", ["us\0er", "pencil"], [ASK_PASSWORD, WRONG]],
  ["a NUL behind the password", ["user", "pencil\0"], [ASK_PASSWORD, WRONG]],
  ["a name too long", ["a".repeat(1025)], [/^501 5\.5\.2 .* the name has more than 1024/]],
  ["a password too long", ["user", "a".repeat(1025)], [
    ASK_PASSWORD,
    /^501 5\.5\.2 .* password has/,
  ]],
  ["a name not in UTF-8", [Uint8Array.of(0xff)], [/^501 5\.5\.2 .* the name is not UTF-8/]],
  ["a password not in UTF-8", ["user", Uint8Array.of(0xff)], [ASK_PASSWORD, /^501 .* not UTF-8/]],
];

Deno.test("LOGIN asks for name and password, and refuses what is wrong once", async (t) => {
  for (const [why, responses, expected] of exchanges) {
    await t.step(why, async () => {
      const exchange = begin(server, "LOGIN");
      const lines = await converse(exchange, ...responses);
      assertEquals(lines.length, expected.length);
      for (const [i, line] of expected.entries()) {
        if (typeof line === "string") assertEquals(lines[i], line);
        else assertMatch(lines[i], line);
      }
      assertMatch((await converse(exchange, "pencil"))[0], /^503 5\.5\.1 /);
    });
  }
});
