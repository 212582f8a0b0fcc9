import { assertEquals, assertThrows } from "@std/assert";
import { includedPaths, parseAliases, parseIncluded } from "../../lib/policy/aliases_file.ts";

/** The targets of each name as one would write them plainly. */
function shape(text: string): Record<string, string[]> {
  const entries = [...parseAliases(text, "a").entries()];
  return Object.fromEntries(entries.map(([name, { targets }]) => [
    name,
    targets.map((target) => {
      switch (target.kind) {
        case "mailbox":
          return `${target.mailbox.localPart}@${target.mailbox.domain}`;
        case "name":
          return target.localPart;
        case "itself":
          return `\\${target.localPart}`;
        case "include":
          return `include ${target.path}`;
      }
    }),
  ]));
}

const good: [text: string, aliases: Record<string, string[]>][] = [
  ["", {}],
  ["# nothing\n\n   \n  # at all\n", {}],
  ["root: joe\n", { root: ["joe"] }],
  ["root:joe", { root: ["joe"] }],
  ["Root \t:  joe\r\n", { root: ["joe"] }],
  ["\ufeffroot: joe", { root: ["joe"] }],
  ["a: b, c@d.test,e , , f,\n", { a: ["b", "c@d.test", "e", "f"] }],
  ["a: b,\n  c,\n# said between\n\n\td\n  , e\nf: g", { a: ["b", "c", "d", "e"], f: ["g"] }],
  ["a:\n  b\n", { a: ["b"] }],
  ['"joe smith": "j, smith"@d.test, "x y"', { "joe smith": ["j, smith@d.test", "x y"] }],
  ['"a:b": "c@d"', { "a:b": ["c@d"] }],
  ["a: <b@c.test>, b@[192.0.2.1]", { a: ["b@c.test", "b@[192.0.2.1]"] }],
  ["a: \\a, b", { a: ["\\a", "b"] }],
  ["a: :include:/etc/list, b", { a: ["include /etc/list", "b"] }],
  ['a: ":include:/etc/my list"', { a: ["include /etc/my list"] }],
  ["a: :include:C:\\lists\\a", { a: ["include C:\\lists\\a"] }],
  ["owner-list: b+c", { "owner-list": ["b+c"] }],
];

Deno.test("an aliases file is read as it is written", () => {
  for (const [text, aliases] of good) assertEquals(shape(text), aliases, text);
});

const bad: [text: string, message: string][] = [
  ["  joe\n", "line 1: a line that begins with white space has no name above it"],
  ["joe\n", "line 1: write name: address, address"],
  [": joe\n", "line 1: write name: address, address"],
  ["\njoe ann: x\n", "line 2: write name: address, address"],
  ["joe:\n# none\nann: x", 'line 1: "joe" stands for nobody'],
  ["ann: x\njoe: ,\n", 'line 2: "joe" stands for nobody'],
  ["joe@b.test: x", 'line 1: the name "joe@b.test" has a domain, leave it out'],
  ["joe: x\nann: y\n\nJOE: z", 'line 4: "JOE" is on line 1 already'],
  ["joe: a b", 'line 1: a comma is missing before "b"'],
  ["joe: a\n  b", 'line 2: a comma is missing before "b"'],
  ["joe: a # b", "line 1: a comment needs a line of its own"],
  ["joe: a, # b", "line 1: a comment needs a line of its own"],
  ['joe: "a', "line 1: a double quote has no end"],
  ["joe: a@", 'line 1: "a@" is no address, the domain has an empty label'],
  [
    "joe: jö@b.test",
    'line 1: "jö@b.test" is not ASCII, and messages without SMTPUTF8 cannot go there',
  ],
  ["joe: a@1.2", 'line 1: "a@1.2" is no address, "1.2" is no domain'],
  ["joe: a@b@c", 'line 1: "a@b@c" is no address, the address has no closing angle bracket'],
  [
    "joe: <>",
    'line 1: "<>" is no name, the local part is missing or has a character it may not have',
  ],
  ["joe: a..b", 'line 1: "a..b" is no name, the local part has an empty atom'],
  ["joe: a>b@c.test", 'line 1: "a>b@c.test" is no address, the address has no @domain'],
  ["joe: \\a@b.test", 'line 1: "\\\\a@b.test" has a domain, and \\ goes with a name alone'],
  ["joe: :include:list", 'line 1: :include: needs an absolute path, and has "list"'],
  ["joe: :include:", 'line 1: :include: needs an absolute path, and has ""'],
  ["joe: :blackhole:", 'line 1: ":blackhole:" is not known, only :include: is'],
  [
    'joe: "|/bin/program -x"',
    "line 1: commands are not run, give the program's address a route of its own instead",
  ],
  [
    "joe: |/bin/program",
    "line 1: commands are not run, give the program's address a route of its own instead",
  ],
  [
    "joe: /var/mail/joe",
    "line 1: mail is not put into files, use a route to maildir:DIR instead",
  ],
];

Deno.test("a bad aliases file is refused by the line and by what is wrong with it", () => {
  for (const [text, message] of bad) {
    const error = assertThrows(() => parseAliases(text, "/etc/aliases"), SyntaxError, "", text);
    assertEquals(error.message, `aliases /etc/aliases ${message}`);
  }
});

Deno.test("an included file has targets on any number of lines, and includes no other", () => {
  assertEquals(
    parseIncluded("# the list\na@b.test\nc, d@e.test\n\n  \\f\n", "list").map(({ kind }) => kind),
    ["mailbox", "name", "mailbox", "itself"],
  );
  assertEquals(parseIncluded("", "list"), []);
  const error = assertThrows(() => parseIncluded("a\n:include:/b\n", "/list"), SyntaxError);
  assertEquals(
    error.message,
    "aliases /list line 2: a file that is included cannot include another",
  );
});

Deno.test("the files that aliases include are known, each once", () => {
  const aliases = parseAliases("a: :include:/x, :include:/y\nb: :include:/x", "a");
  assertEquals(includedPaths(aliases), ["/x", "/y"]);
});
