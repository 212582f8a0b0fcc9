import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Failure } from "../../lib/cli/failure.ts";
import type { Terminal } from "../../lib/cli/surroundings.ts";
import { usersOf } from "../../lib/cli/users_file.ts";
import { checkPassword, formatVerifier, makeVerifier } from "../../lib/policy/scram_verifier.ts";
import { parseUsers } from "../../lib/policy/users_file.ts";
import { lockFile } from "../../lib/queue/lock.ts";
import { call, type Outcome } from "./surroundings.ts";

/** What no output, error or file may hold. */
const PASSWORD = "canary battery";

const verifier = formatVerifier(await makeVerifier(PASSWORD, { iterations: 4_096 }));

/** A directory with or without a users file. */
function fixture(text?: string) {
  const directory = Deno.makeTempDirSync({ prefix: "smtpd-users-" });
  const file = `${directory}/users`;
  if (text !== undefined) Deno.writeTextFileSync(file, text, { mode: 0o600 });
  return {
    directory,
    file,
    text: () => Deno.readTextFileSync(file),
    mode: () => (Deno.statSync(file).mode ?? 0) & 0o7777,
    names: () => [...Deno.readDirSync(directory)].map(({ name }) => name).sort(),
    async users(args: readonly string[], options: Parameters<typeof call>[2] = {}) {
      const outcome = await call(["users", ...args, "--users", file], {}, options);
      assertFalse((outcome.out + outcome.err).includes("canary"), "the password is told");
      return outcome;
    },
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

Deno.test("users add makes a file that only its owner can read, with no password in it", async () => {
  using made = fixture();
  const outcome = await made.users(
    ["add", "joe", "--from", "joe@A.test", "--from=@b.test", "--quota", "100/1h"],
    { input: `${PASSWORD}\n` },
  );
  assertEquals(outcome, { code: 0, out: "added joe\n", err: "" });
  assertEquals(made.mode(), 0o600);
  assertFalse(made.text().includes("canary"));
  const joe = parseUsers(made.text()).get("joe");
  assert(joe !== undefined);
  assertEquals(joe.allowedFrom, ["joe@a.test", "@b.test"]);
  assertEquals(joe.quota, { count: 100, period: 3_600_000 });
  assertEquals(joe.verifier.iterations, 15_000);
  assertEquals(await checkPassword(joe.verifier, PASSWORD), true);
  // The lock stays, since removing it could let two commands in; what was made to be renamed does not.
  assertEquals(made.names(), ["users", "users.lock"]);
  assertEquals((Deno.statSync(`${made.file}.lock`).mode ?? 0) & 0o777, 0o600);
});

Deno.test("users add takes the first line of standard input, whatever ends it", async (t) => {
  const table: readonly (readonly [input: string | Uint8Array, password: string])[] = [
    ["secret", "secret"],
    ["secret\n", "secret"],
    ["secret\r\n", "secret"],
    ["secret\nmore\n", "secret"],
    [" sec ret \n", " sec ret "],
    ["\u00fcber\n", "\u00fcber"],
    ["x".repeat(1024) + "\r\n", "x".repeat(1024)],
  ];
  for (const [input, password] of table) {
    await t.step(JSON.stringify(input).slice(0, 40), async () => {
      using made = fixture();
      assertEquals((await made.users(["add", "joe"], { input })).code, 0);
      const joe = parseUsers(made.text()).get("joe")!;
      assertEquals(await checkPassword(joe.verifier, password), true);
    });
  }
});

const empty = "there is no password on standard input: write it there, as the first line";
const tooLong = "the password is longer than 1024 octets: choose a shorter one";

Deno.test("users add refuses a password that cannot be one, and makes nothing", async (t) => {
  const table: readonly (readonly [input: string | Uint8Array, message: string])[] = [
    ["", empty],
    ["\n", empty],
    ["\r\nsecret\n", empty],
    ["canary\r\r\n", "cannot use a password that holds a control character: choose another"],
    ["can\0ary\n", "cannot use a password that holds a control character: choose another"],
    [
      new Uint8Array([0x63, 0xff, 0x0a]),
      "the password is not UTF-8: use a terminal or a file in UTF-8",
    ],
    ["x".repeat(1025), tooLong],
    ["x".repeat(1025) + "\n", tooLong],
    ["x".repeat(100_000), tooLong],
  ];
  for (const [input, message] of table) {
    await t.step(JSON.stringify(input).slice(0, 40), async () => {
      using made = fixture();
      const outcome = await made.users(["add", "joe"], { input });
      assertEquals(outcome, { code: 65, out: "", err: `smtpd: ${message}\n` });
      assertEquals(made.names(), []);
    });
  }
});

Deno.test("users add of a name that is there replaces its password, and what else is given", async () => {
  using made = fixture(`# ours\njoe ${verifier} from=@a.test quota=5/1m\n# end\n`);
  const again = await made.users(["add", "joe"], { input: "other\n" });
  assertEquals(again, {
    code: 0,
    out: "joe was there already, and has a new password\n",
    err: "",
  });
  let joe = parseUsers(made.text()).get("joe")!;
  assertEquals([joe.allowedFrom, joe.quota], [["@a.test"], { count: 5, period: 60_000 }]);
  assertEquals(await checkPassword(joe.verifier, PASSWORD), false);
  assertEquals(await checkPassword(joe.verifier, "other"), true);
  assertMatch(made.text(), /^# ours\njoe .*\n# end\n$/);
  await made.users(["add", "joe", "--from", "joe@b.test"], { input: "other\n" });
  joe = parseUsers(made.text()).get("joe")!;
  assertEquals([joe.allowedFrom, joe.quota?.count], [["joe@b.test"], 5]);
});

Deno.test("users remove takes one line out", async () => {
  using made = fixture(`# ours\njoe ${verifier}\n\nann ${verifier}\n`);
  assertEquals(await made.users(["remove", "joe"]), { code: 0, out: "removed joe\n", err: "" });
  assertEquals(made.text(), `# ours\n\nann ${verifier}\n`);
  assertEquals(await made.users(["remove", "joe"]), {
    code: 65,
    out: "",
    err: `smtpd: there is no user joe in ${made.file}: see smtpd users list\n`,
  });
});

Deno.test("users list shows names, addresses and quotas, for people and for programs", async () => {
  using made = fixture(
    `joe ${verifier}\nanton ${verifier} from=a@b.test,@c.test quota=100/1h\nJos\u00e9 ${verifier}`,
  );
  assertEquals(await made.users(["list"]), {
    code: 0,
    out: "joe    any address\nanton  a@b.test @c.test  100/1h\nJos\u00e9   any address\n",
    err: "3 accounts\n",
  });
  assertEquals(await made.users(["list", "--json"]), {
    code: 0,
    out: '{"name":"joe","from":[],"iterations":4096}\n' +
      '{"name":"anton","from":["a@b.test","@c.test"],"quota":"100/1h","iterations":4096}\n' +
      '{"name":"Jos\\u00e9","from":[],"iterations":4096}\n',
    err: "",
  });
  using none = fixture("");
  assertEquals(await none.users(["list"]), { code: 0, out: "", err: "0 accounts\n" });
});

Deno.test("users says what is wrong with its arguments", async (t) => {
  using made = fixture(`joe ${verifier}\n`);
  const table: readonly (readonly [args: readonly string[], code: number, message: string])[] = [
    [[], 64, "an argument is missing: write smtpd users add|remove|list"],
    [["ad"], 64, "unknown command users ad: did you mean add?"],
    [["frob"], 64, "unknown command users frob: give add, remove, list"],
    [["add"], 64, "an argument is missing: write smtpd users add NAME"],
    [["add", "joe", PASSWORD], 64, "there is more than a name, and a password on the command line"],
    [["remove"], 64, "an argument is missing: write smtpd users remove NAME"],
    [["list", "joe"], 64, "one argument too many, joe: write smtpd users list"],
    [["list", "--quota", "1/1h"], 64, "smtpd users list takes no --quota: leave it out"],
    [["add", "joe", "--json"], 64, "smtpd users add takes no --json: leave it out"],
    [["add", "joe", "--wait", "1s"], 64, "smtpd users takes no --wait: leave it out"],
    [["add", "joe", "--quota", "100"], 64, "cannot use --quota 100: give messages and a time"],
    [
      ["add", "joe", "--quota", "1/1h", "--quota", "2/1h"],
      64,
      "--quota is given twice: give it once",
    ],
    [["add", "joe", "--from", "joe"], 64, "cannot use --from joe: write an address like"],
    [["add", "a b"], 65, 'cannot use the name "a b", it holds white space or a colon: choose'],
    [["add", "a\nb"], 65, "it holds a character that cannot be printed: choose another"],
    [["remove", "#x"], 65, "it begins with #, as comments do: choose another"],
  ];
  for (const [args, code, message] of table) {
    await t.step(args.join(" "), async () => {
      const outcome = await made.users(args, { input: "x\n" });
      assertStringIncludes(outcome.err, message);
      assertMatch(outcome.err, /^smtpd: [^\n]+\n$/);
      assertEquals([outcome.code, outcome.out], [code, ""]);
      assertEquals(made.text(), `joe ${verifier}\n`);
    });
  }
});

Deno.test("a flag that one command takes more than once is not taken so by another", async () => {
  const { code, err } = await call(["queue", "list", "--from", "a", "--from", "b"]);
  assertEquals([code, err], [64, "smtpd: --from is given twice: give it once\n"]);
});

Deno.test("users file is named by a flag, a variable or the config file", async () => {
  using made = fixture(`joe ${verifier}\n`);
  const out = "joe  any address\n";
  assertEquals((await call(["users", "list"], { SMTPD_USERS: made.file })).out, out);
  const config = `${made.directory}/config.json`;
  Deno.writeTextFileSync(config, JSON.stringify({ users: made.file }));
  assertEquals((await call(["users", "list", "--config", config])).out, out);
  assertEquals(await call(["users", "list"]), {
    code: 64,
    out: "",
    err: "smtpd: no users file is named: name it with --users FILE\n",
  });
});

Deno.test("a users file in which others have a part is refused, and left as it is", async (t) => {
  for (const mode of [0o644, 0o640, 0o660, 0o602, 0o700, 0o200, 0o4600]) {
    await t.step(mode.toString(8), async () => {
      using made = fixture(`joe ${verifier}\n`);
      Deno.chmodSync(made.file, mode);
      const shownMode = mode.toString(8).padStart(4, "0");
      const err = `smtpd: users ${made.file} has mode ${shownMode}, ` +
        `and nobody else may have a part in it: chmod 600 ${made.file}\n`;
      for (const args of [["list"], ["add", "ann"], ["remove", "joe"]]) {
        const outcome = await made.users(args, { input: "x\n" });
        // Without the rights of root, a file that its owner cannot read fails in another way.
        if (mode !== 0o200 || Deno.uid() === 0) assertEquals(outcome, { code: 78, out: "", err });
      }
      const checked = await call([
        "check",
        "--no-queue",
        "--auth-without-tls",
        "--users",
        made.file,
      ]);
      if (mode !== 0o200 || Deno.uid() === 0) assertEquals(checked, { code: 78, out: "", err });
      Deno.chmodSync(made.file, 0o600);
      assertEquals(made.text(), `joe ${verifier}\n`);
    });
  }
});

Deno.test("users change a file that may only be read, and leave its mode", async () => {
  using made = fixture(`joe ${verifier}\n`);
  Deno.chmodSync(made.file, 0o400);
  assertEquals((await made.users(["add", "ann"], { input: "x\n" })).code, 0);
  assertEquals(made.mode(), 0o400);
  assertEquals([...parseUsers(made.text()).keys()], ["joe", "ann"]);
});

Deno.test("a users file that is bad is told with its line, and left as it is", async (t) => {
  const table: readonly (readonly [text: string | Uint8Array, message: string])[] = [
    [`joe canary\n`, "line 1: there is no verifier that can be used"],
    [`joe ${verifier}\nann canary ${verifier}\n`, "line 2: there is no verifier"],
    [`joe ${verifier} canary\n`, "line 1: word 3 is not known: write from="],
    [new Uint8Array([0xff, 0x0a]), "(it is not UTF-8): mend it"],
    ["#".repeat(4 * 1024 * 1024 + 1), "(it is over 4194304 octets): mend it"],
  ];
  for (const [text, message] of table) {
    await t.step(message, async () => {
      using made = fixture("");
      const octets = typeof text === "string" ? new TextEncoder().encode(text) : text;
      Deno.writeFileSync(made.file, octets);
      for (const args of [["list"], ["add", "zoe"], ["remove", "joe"]]) {
        const { code, out, err } = await made.users(args, { input: "x\n" });
        assertEquals([code, out], [78, ""]);
        assertStringIncludes(err, message);
        assertMatch(err, /^smtpd: [^\n]+\n$/);
      }
      assertEquals(Deno.readFileSync(made.file), octets);
    });
  }
});

Deno.test("users says so where the file cannot be, or is not there", async () => {
  using made = fixture();
  for (const args of [["list"], ["remove", "joe"]]) {
    assertEquals(await made.users(args), {
      code: 78,
      out: "",
      err: `smtpd: there is no users file ${made.file}: ` +
        "make it with smtpd users add NAME --users FILE\n",
    });
  }
  assertEquals(made.names(), []);
  const nowhere = `${made.directory}/none/users`;
  const outcome = await call(["users", "add", "joe", "--users", nowhere], {}, { input: "x\n" });
  assertEquals(outcome.code, 73);
  assertStringIncludes(outcome.err, `cannot lock users ${nowhere} (there is no such file): mend`);
  Deno.mkdirSync(made.file);
  assertEquals((await made.users(["add", "joe"], { input: "x\n" })).code, 78);
  const check = await call(["check", "--no-queue", "--auth-without-tls", "--users", nowhere]);
  assertEquals(check.code, 78);
});

Deno.test("check and serve refuse a users file that is bad", async () => {
  using made = fixture(`joe ${verifier}\n`);
  const check = ["check", "--no-queue", "--auth-without-tls", "--users", made.file];
  assertEquals((await call(check)).code, 0);
  Deno.writeTextFileSync(made.file, "joe canary\n");
  for (const args of [check, ["serve", "--port", "0", ...check.slice(1)]]) {
    const { code, err } = await call(args);
    assertEquals(code, 78);
    assertMatch(err, /^smtpd: users \S+ line 1: there is no verifier [^\n]+\n$/);
    assertFalse(err.includes("canary"));
  }
});

Deno.test("a link to a users file stays a link", async () => {
  using made = fixture(`joe ${verifier}\n`);
  const link = `${made.directory}/link`;
  Deno.symlinkSync("users", link);
  assertEquals((await call(["users", "remove", "joe", "--users", link])).code, 0);
  assertEquals(made.text(), "");
  assertEquals(Deno.lstatSync(link).isSymlink, true);
});

Deno.test({
  name: "the owner of a users file stays its owner when root changes it",
  ignore: Deno.build.os === "windows" || Deno.uid() !== 0,
  async fn() {
    using made = fixture(`joe ${verifier}\n`);
    Deno.chownSync(made.file, 12_345, 12_346);
    assertEquals((await made.users(["add", "ann"], { input: "x\n" })).code, 0);
    for (const file of [made.file, `${made.file}.lock`]) {
      const { uid, gid } = Deno.statSync(file);
      assertEquals([uid, gid], [12_345, 12_346]);
    }
    assertEquals(made.mode(), 0o600);
  },
});

Deno.test("users that are added at the same time are all there", async () => {
  using made = fixture("# ours\n");
  const names = ["ann", "bob", "cid", "dan", "eve"];
  const outcomes = await Promise.all(
    names.map((name) => made.users(["add", name], { input: `${name}\n` })),
  );
  assertEquals(outcomes.map(({ code, err }) => [code, err]), names.map(() => [0, ""]));
  assertEquals([...parseUsers(made.text()).keys()].sort(), names);
});

Deno.test("users wait while another command has the file", async () => {
  using made = fixture(`joe ${verifier}\n`);
  let removing: Promise<Outcome>;
  {
    using _ = lockFile(`${made.file}.lock`, "users");
    removing = made.users(["remove", "joe"]);
    const first = await Promise.race([removing, new Promise((go) => setTimeout(go, 200, "held"))]);
    assertEquals(first, "held");
    assertEquals(made.text(), `joe ${verifier}\n`);
  }
  assertEquals((await removing).code, 0);
  assertEquals(made.text(), "");
});

Deno.test("what a command that was killed has left does not keep another from its work", async () => {
  using made = fixture(`joe ${verifier}\n`);
  Deno.writeTextFileSync(`${made.directory}/.users.new`, "ann SCRAM-SHA-2", { mode: 0o600 });
  assertEquals((await made.users(["add", "bob"], { input: "x\n" })).code, 0);
  assertEquals([...parseUsers(made.text()).keys()], ["joe", "bob"]);
  assertEquals(made.names(), ["users", "users.lock"]);
});

/** A terminal that remembers what it was told. */
function terminal(): Terminal & { readonly shown: () => string; readonly raw: boolean[] } {
  let text = "";
  const raw: boolean[] = [];
  return {
    show: (more) => void (text += more),
    setRaw: (isRaw) => void raw.push(isRaw),
    shown: () => text,
    raw,
  };
}

const asked = "Password for joe: \nThe same again: \n";

const typed: readonly (readonly [
  keys: string,
  password: string | undefined,
  outcome: Outcome,
  shown: string,
])[] = [
  ["pass\rpass\r", "pass", { code: 0, out: "added joe\n", err: "" }, asked],
  ["pass\npass\n", "pass", { code: 0, out: "added joe\n", err: "" }, asked],
  ["paxx\x7f\x7fss\rpas\bss\r", "pass", { code: 0, out: "added joe\n", err: "" }, asked],
  [
    "\u00e9\u{1f511}\x7f\x7fpass\r\x7fpass\r",
    "pass",
    { code: 0, out: "added joe\n", err: "" },
    asked,
  ],
  ["wrong\x15pass\rpass\r", "pass", { code: 0, out: "added joe\n", err: "" }, asked],
  [
    "pass\rpast\r",
    undefined,
    { code: 65, out: "", err: "smtpd: the two passwords differ: try again\n" },
    asked,
  ],
  [
    "\r",
    undefined,
    { code: 65, out: "", err: "smtpd: the password is empty: type one\n" },
    "Password for joe: \n",
  ],
  [
    "\x04",
    undefined,
    { code: 65, out: "", err: "smtpd: the password is empty: type one\n" },
    "Password for joe: \n",
  ],
  [
    "",
    undefined,
    { code: 65, out: "", err: "smtpd: the password is empty: type one\n" },
    "Password for joe: \n",
  ],
  [
    "pa\x1b[Dss\rpa\x1b[Dss\r",
    undefined,
    {
      code: 65,
      out: "",
      err: "smtpd: cannot use a password that holds a control character: choose another\n",
    },
    asked,
  ],
  ["pa\x03ss\r", undefined, { code: 130, out: "", err: "" }, "Password for joe: \n"],
  ["pass\r\x03", undefined, { code: 130, out: "", err: "" }, asked],
];

Deno.test("users add asks twice on a terminal, shows nothing, and gives the terminal back", async (t) => {
  for (const [keys, password, outcome, shown] of typed) {
    await t.step(JSON.stringify(keys), async () => {
      using made = fixture();
      const screen = terminal();
      assertEquals(
        await made.users(["add", "joe"], { input: keys, terminal: screen }),
        outcome,
      );
      assertEquals(screen.shown(), shown);
      assertEquals(screen.raw, [true, false]);
      if (password === undefined) return assertEquals(made.names(), []);
      const { verifier } = parseUsers(made.text()).get("joe")!;
      assertEquals(await checkPassword(verifier, password), true);
    });
  }
});

/** The accounts of a file, the clock by which it is looked at, and what was logged. */
function liveUsers(file: string) {
  let now = 1_000_000;
  const events: string[] = [];
  const users = usersOf(
    { users: file },
    (level, event, details) =>
      events.push(`${level} ${event} ${details?.error ?? details?.accounts}`),
    { now: () => now },
  );
  assert(users !== undefined);
  return { users, events, pass: (time: number) => now += time };
}

Deno.test("accounts of a users file change with it within a second", async () => {
  using made = fixture(`joe ${verifier}\n`);
  const { users, events, pass } = liveUsers(made.file);
  users.load();
  assertEquals(users.find("joe")?.name, "joe");
  assertEquals(users.find("Joe"), undefined);
  await made.users(["add", "ann"], { input: "x\n" });
  await made.users(["remove", "joe"]);
  pass(999);
  assertEquals([users.find("joe")?.name, users.find("ann")?.name], ["joe", undefined]);
  pass(1);
  assertEquals([users.find("joe")?.name, users.find("ann")?.name], [undefined, "ann"]);
  pass(5_000);
  users.find("ann");
  assertEquals(events, ["info users-read 1"]);
});

Deno.test("accounts of a users file are read again when asked, and stay where the new are bad", () => {
  using made = fixture(`joe ${verifier}\n`);
  const { users, events, pass } = liveUsers(made.file);
  users.reload();
  assertEquals(users.find("joe")?.name, "joe");
  Deno.writeTextFileSync(made.file, `joe ${verifier}\nann canary\n`);
  users.reload();
  for (let i = 0; i < 3; i++) {
    pass(1_000);
    assertEquals([users.find("joe")?.name, users.find("ann")?.name], ["joe", undefined]);
  }
  Deno.removeSync(made.file);
  users.reload();
  assertEquals(users.find("joe")?.name, "joe");
  assertEquals(events.map((event) => event.split(" ", 2).join(" ")), [
    "info users-read",
    "error users-bad",
    "error users-bad",
  ]);
  assertStringIncludes(events[1], "line 2: there is no verifier that can be used");
  assertFalse(events.join().includes("canary"));
});

Deno.test("accounts are made of no file where settings name none, and of none that is bad", () => {
  assertEquals(usersOf({ users: undefined }, () => {}), undefined);
  using made = fixture("joe canary\n");
  const { users } = liveUsers(made.file);
  for (const use of [() => users.load(), () => users.find("joe")]) {
    const failure = assertThrows(use, Failure, "line 1");
    assertEquals(failure.exitCode, 78);
  }
});
