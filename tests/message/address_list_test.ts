import { assertEquals, assertThrows } from "@std/assert";
import { parseAddressList } from "../../lib/message/address_list.ts";

const lists: [body: string, addresses: string[]][] = [
  ["", []],
  [" , ,", []],
  ["a@b.example", ["a@b.example"]],
  ["root", ["root"]],
  ["A Name <a@b.example>, c@d.example", ["a@b.example", "c@d.example"]],
  ['"Name, with <x@y.example>" <a@b.example>', ["a@b.example"]],
  ['"a, b"@c.example', ['"a, b"@c.example']],
  ['<"a>b"@c.example>', ['"a>b"@c.example']],
  ["a@b.example (c@d.example, (nested) e@f.example)", ["a@b.example"]],
  ["(only a comment)", []],
  ["a(one)@(two)b.example", ["a@b.example"]],
  ["a @ b . example", ["a@b.example"]],
  ["Friends: a@b.example, C <c@d.example>;, e@f.example", [
    "a@b.example",
    "c@d.example",
    "e@f.example",
  ]],
  ["undisclosed-recipients:;", []],
  ["<@one.example,@two.example:a@b.example>", ["@one.example,@two.example:a@b.example"]],
  ["a@[192.0.2.1], b@[IPv6:2001:db8::1]", ["a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"]],
  ["Name <>", []],
  ['"a\\"b" <c@d.example>', ["c@d.example"]],
  ["Jörg <j@b.example>", ["j@b.example"]],
];

Deno.test("an address list is read to the addresses in it", async (t) => {
  for (const [body, addresses] of lists) {
    await t.step(body, () => assertEquals(parseAddressList(body), addresses));
  }
});

const refused = [
  "a@b.example c@d.example",
  "<a@b.example",
  "a@b.example>",
  "<a@b.example> <c@d.example>",
  '"a@b.example',
  "(a@b.example",
  "a@[192.0.2.1",
  "<a@b.example>: c",
  "x".repeat(3000),
];

Deno.test("an address list that could mean several things is refused", async (t) => {
  for (const body of refused) {
    await t.step(body.slice(0, 40), () => {
      assertThrows(() => parseAddressList(body), SyntaxError);
    });
  }
});

Deno.test("an address list takes time in proportion to its length, however it is nested", () => {
  assertEquals(parseAddressList(`${"(".repeat(100_000)}${")".repeat(100_000)}a@b.example`), [
    "a@b.example",
  ]);
  assertThrows(() => parseAddressList("(".repeat(200_000)), SyntaxError);
});
