import { assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { type Account, maySendFrom } from "../../lib/policy/accounts.ts";
import { parseVerifier } from "../../lib/policy/scram_verifier.ts";
import {
  accountName,
  parseAllowedFrom,
  parseUsers,
  withoutUser,
  withUser,
} from "../../lib/policy/users_file.ts";

const V = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
const W = V.replace("4096", "15000");

function account(name: string, rest: Partial<Account> = {}): Account {
  return { name, verifier: parseVerifier(V), allowedFrom: [], ...rest };
}

const read: readonly (readonly [text: string, accounts: readonly Account[]])[] = [
  ["", []],
  ["\n\r\n  \n\t\n", []],
  ["# joe\n  # ann\n#", []],
  [`joe ${V}`, [account("joe")]],
  [`\ufeffjoe ${V}\r\nann ${V}\r\n`, [account("joe"), account("ann")]],
  [`\t joe \t ${V}  `, [account("joe")]],
  [`joe@example.org ${V}`, [account("joe@example.org")]],
  [`Joe ${V}\njoe ${V}`, [account("Joe"), account("joe")]],
  [`Jose\u0301 ${V}`, [account("Jos\u00e9")]],
  [`jo\u00ade ${V}`, [account("joe")]],
  [`${"x".repeat(255)} ${V}`, [account("x".repeat(255))]],
  [`joe ${V} from=joe@example.org`, [account("joe", { allowedFrom: ["joe@example.org"] })]],
  [
    `joe ${V} from=Joe@EXAMPLE.org,@b\u00fccher.example,"joe"@a.test`,
    [account("joe", {
      allowedFrom: ["Joe@example.org", "@xn--bcher-kva.example", "joe@a.test"],
    })],
  ],
  [`joe ${V} quota=100/1h`, [account("joe", { quota: { count: 100, period: 3_600_000 } })]],
  [
    `joe ${V} quota=1/90s from=@a.test`,
    [account("joe", { quota: { count: 1, period: 90_000 }, allowedFrom: ["@a.test"] })],
  ],
];

Deno.test("users file is read, account by account in its order", async (t) => {
  for (const [text, accounts] of read) {
    await t.step(JSON.stringify(text), () => {
      assertEquals([...parseUsers(text)], accounts.map((account) => [account.name, account]));
    });
  }
});

const verifierMend = "take the line out and add the user again";
const nameMend = "write the name, a space and the verifier";

const bad: readonly (readonly [text: string, complaint: string])[] = [
  ["joe", "line 1: there is no verifier that can be used"],
  ["joe secret", "line 1: there is no verifier that can be used"],
  [`joe secret ${V}`, verifierMend],
  [`joe ${V.slice(0, -1)}`, "(its ServerKey is no base64 of 32 octets)"],
  [`joe:${V}`, `line 1: the name holds white space or a colon: ${nameMend}`],
  ["joe:secret", `line 1: the name holds white space or a colon: ${nameMend}`],
  [`jo\u00a0e ${V}`, "the name holds white space or a colon"],
  [`jo\u200be ${V}`, "the name holds white space or a colon"],
  [`jo\x00e ${V}`, "the name holds a character that cannot be printed"],
  [`jo\x85e ${V}`, "the name holds a character that cannot be printed"],
  [`jo\ud800e ${V}`, "the name holds characters that RFC 4013 does not allow, or not together"],
  [`\u0627jo ${V}`, "the name holds characters that RFC 4013 does not allow, or not together"],
  [`\u00ad ${V}`, "the name is empty"],
  [`jo\uff1ae ${V}`, "the name holds white space or a colon"],
  [`\uff03joe ${V}`, "the name begins with #"],
  [`${"\u00e9".repeat(128)} ${V}`, "the name is longer than 255 octets"],
  [`# x\n\njoe ${V}\nann ${V}\njoe ${V}`, 'line 5: "joe" is on line 3 already: keep one'],
  [`\u00e9 ${V}\ne\u0301 ${V}`, "is on line 1 already"],
  [`joe ${V} secret`, "line 1: word 3 is not known: write from=ADDRESS,... or quota=N/DURATION"],
  [`joe ${V} From=a@b.test`, "word 3 is not known"],
  [`joe ${V} from=a@b.test # secret`, "word 4 is not known"],
  [`joe ${V} from=`, "from= has something that is no address"],
  [`joe ${V} from=a@b.test,`, "from= has something that is no address"],
  [`joe ${V} from=a@b.test, c@d.test`, "from= has something that is no address"],
  [`joe ${V} from=joe`, "write it like joe@example.org or @example.org"],
  [`joe ${V} from=@`, "from= has something that is no address"],
  [`joe ${V} from=a@[127.0.0.1]`, "from= has something that is no address"],
  [`joe ${V} from=postmaster`, "from= has something that is no address"],
  [`joe ${V} from="a\\,b"@c.test`, "from= has something that is no address"],
  [`joe ${V} from=a@b.test from=c@d.test`, "from= is there twice: keep one"],
  [`joe ${V} quota=1/1h quota=1/1h`, "quota= is there twice: keep one"],
  ...["", "100", "100/", "/1h", "0/1h", "-1/1h", "1.5/1h", "100/1", "100/1y", "1/1h/1h", "1/99d"]
    .map((quota): [string, string] => [
      `joe ${V} quota=${quota}`,
      "quota= is no rate: write messages and a time, such as quota=100/1h",
    ]),
];

Deno.test("users file with a bad line says which it is and how to mend it, and tells no secret", async (t) => {
  for (const [text, complaint] of bad) {
    await t.step(JSON.stringify(text), () => {
      const { message } = assertThrows(() => parseUsers(text), SyntaxError, "Cannot read line ");
      assertStringIncludes(message, complaint);
      assertFalse(message.includes("secret"));
      assertFalse(message.includes(V.slice(20)));
      // No half-read file may be written again.
      assertThrows(() => withUser(text, account("zoe")), SyntaxError, message);
      assertThrows(() => withoutUser(text, "joe"), SyntaxError, message);
    });
  }
});

const added: readonly (readonly [text: string, account: Account, result: string])[] = [
  ["", account("joe"), `joe ${V}\n`],
  [
    "",
    account("joe", { quota: { count: 5, period: 60_000 }, allowedFrom: ["a@b.test", "@c.test"] }),
    `joe ${V} from=a@b.test,@c.test quota=5/1m\n`,
  ],
  ["# ours", account("joe"), `# ours\njoe ${V}\n`],
  [`# ours\n\nann ${W}\n\n`, account("joe"), `# ours\n\nann ${W}\n\njoe ${V}\n`],
  [`ann ${W}`, account("joe"), `ann ${W}\njoe ${V}\n`],
  [`ann ${W}\r\n`, account("joe"), `ann ${W}\r\njoe ${V}\r\n`],
  [`ann ${W}\r\nbob ${W}`, account("joe"), `ann ${W}\r\nbob ${W}\r\njoe ${V}\r\n`],
  [
    `# 1\n  joe \t${W} from=a@b.test\n# 2\nann\t${W}`,
    account("joe"),
    `# 1\njoe ${V}\n# 2\nann\t${W}`,
  ],
  [`joe ${W}\r\nann ${W}\r\n`, account("joe"), `joe ${V}\r\nann ${W}\r\n`],
];

Deno.test("users file gets a user in place of its line or at its end, and nothing else changes", async (t) => {
  for (const [text, account, result] of added) {
    await t.step(JSON.stringify(text), () => {
      assertEquals(withUser(text, account), result);
      assertEquals(parseUsers(result).get(account.name), account);
    });
  }
});

const removed: readonly (readonly [text: string, result: string | undefined])[] = [
  ["", undefined],
  [`Joe ${V}\n# joe\n`, undefined],
  [`joe ${V}`, ""],
  [`joe ${V}\n`, ""],
  [`# 1\njoe ${V}\n# 2\n\nann ${V}`, `# 1\n# 2\n\nann ${V}`],
  [`ann ${V}\r\n joe ${V}\r\n\r\n`, `ann ${V}\r\n\r\n`],
];

Deno.test("users file loses the line of a user, and nothing else", async (t) => {
  for (const [text, result] of removed) {
    await t.step(JSON.stringify(text), () => assertEquals(withoutUser(text, "joe"), result));
  }
});

Deno.test("account name is prepared, or refused with what is wrong", () => {
  assertEquals(accountName("Jose\u0301"), "Jos\u00e9");
  assertEquals(accountName("j\u00adoe\u2168"), "joeIX");
  assertEquals(accountName("joe+x@example.org"), "joe+x@example.org");
  const table: readonly (readonly [string, string])[] = [
    ["", "it is empty"],
    ["#joe", "it begins with #"],
    ["a b", "it holds white space or a colon"],
    ["a:b", "it holds white space or a colon"],
    ["a\nb", "it holds a character that cannot be printed"],
    ["x".repeat(256), "it is longer than 255 octets"],
  ];
  for (const [name, complaint] of table) {
    const { message } = assertThrows(() => accountName(name), SyntaxError, complaint);
    assertEquals(/[^ -~]/.test(message), false);
  }
});

const senders: readonly (readonly [allowed: readonly string[], address: string, may: boolean])[] = [
  [[], "anybody@a.test", true],
  [["joe@a.test"], "joe@a.test", true],
  [["joe@a.test"], "JOE@A.Test", true],
  [["joe@a.test"], "ann@a.test", false],
  [["joe@a.test"], "joe@b.a.test", false],
  [["joe@a.test", "@b.test"], "ann@b.test", true],
  [["@b.test"], "ann@x.b.test", false],
  [["@b.test"], "@b.test@c.test", false],
  [["@b\u00fccher.example"], "ann@xn--bcher-kva.example", true],
  [["@127.test"], "ann@[127.0.0.1]", false],
  [["joe@a.test"], "joe@", false],
];

Deno.test("account may send from the addresses and domains that it is bound to", async (t) => {
  for (const [allowed, address, may] of senders) {
    await t.step(`${address} of ${allowed.join(" ")}`, () => {
      const at = address.lastIndexOf("@");
      const mailbox = { localPart: address.slice(0, at), domain: address.slice(at + 1) };
      assertEquals(maySendFrom({ allowedFrom: allowed.map(parseAllowedFrom) }, mailbox), may);
    });
  }
});
