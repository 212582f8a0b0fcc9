import { assertEquals } from "@std/assert";
import type { Account } from "../../../lib/policy/accounts.ts";
import { saslServer } from "../../../lib/policy/sasl.ts";
import { KnownPasswords } from "../../../lib/policy/sasl/known_passwords.ts";
import { makeVerifier } from "../../../lib/policy/scram_verifier.ts";
import { accountsOf, begin, converse, derivationsIn, user, WRONG } from "./fixture.ts";

const PENCIL = "\0user\0pencil";
const BUSY = "454 4.7.0 Too many logins at once, try again later";

Deno.test("a password is hashed once where it is right, each time where it is not", async () => {
  const server = saslServer({ accounts: accountsOf(user) });
  const logins = [
    [PENCIL, 1, "235 user"],
    [PENCIL, 0, "235 user"],
    ["\0user\0Pencil", 1, WRONG],
    ["\0user\0Pencil", 1, WRONG],
    ["\0nobody\0pencil", 1, WRONG],
    ["\0nobody\0pencil", 1, WRONG],
    [PENCIL, 0, "235 user"],
  ] as const;
  for (const [message, hashed, outcome] of logins) {
    let lines: string[] = [];
    const rounds = await derivationsIn(async () => {
      lines = await converse(begin(server, "PLAIN"), message);
    });
    assertEquals([message, rounds.length, lines], [message, hashed, [outcome]]);
  }
  const byLogin = await derivationsIn(async () => {
    assertEquals((await converse(begin(server, "LOGIN"), "user", "pencil")).at(-1), "235 user");
  });
  assertEquals(byLogin, []);
});

Deno.test("a password that was right is wrong once it is changed, or its account is gone", async () => {
  const accounts: Account[] = [user];
  const server = saslServer({
    accounts: { find: (name) => accounts.find((account) => account.name === name) },
  });
  const logIn = () => converse(begin(server, "PLAIN"), PENCIL);
  assertEquals(await logIn(), ["235 user"]);
  accounts[0] = { ...user, verifier: await makeVerifier("pen", { iterations: 4096 }) };
  assertEquals(await logIn(), [WRONG]);
  accounts.pop();
  assertEquals(await logIn(), [WRONG]);
  accounts.push(user);
  assertEquals(await logIn(), ["235 user"]);
});

Deno.test("who is known is let in while there is no room for guesses", async () => {
  const server = saslServer({
    accounts: accountsOf(user, { ...user, name: "other" }),
    hashing: { atOnce: 1, waiting: 0 },
  });
  assertEquals(await converse(begin(server, "PLAIN"), PENCIL), ["235 user"]);
  const guess = converse(begin(server, "PLAIN"), "\0user\0guess");
  const [known, other] = await Promise.all([
    converse(begin(server, "PLAIN"), PENCIL),
    converse(begin(server, "PLAIN"), "\0other\0pencil"),
  ]);
  assertEquals([known, other, await guess], [["235 user"], [BUSY], [WRONG]]);
});

Deno.test("of 10,001 accounts the one that was new first is forgotten", () => {
  const known = new KnownPasswords();
  for (let i = 0; i <= 10_000; i++) known.add(`user${i}`, user.verifier, "pencil");
  const found = ["user0", "user1", "user10000"].map((name) =>
    known.has(name, user.verifier, "pencil")
  );
  assertEquals(found, [false, true, true]);
  assertEquals(known.has("user1", user.verifier, "Pencil"), false);
  assertEquals(known.has("user2", undefined, "pencil"), false);
});
