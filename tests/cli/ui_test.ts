import { assert, assertEquals, assertMatch } from "@std/assert";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { call } from "./surroundings.ts";

/** A directory with a config file that names a token file, or nothing. */
function tokenFile() {
  const directory = temporaryDirectory();
  const { path } = directory;
  const file = `${path}/token`;
  Deno.writeTextFileSync(`${path}/config.json`, JSON.stringify({ uiTokenFile: file }));
  return {
    file,
    flags: ["--config", `${path}/config.json`, "--queue", `${path}/queue`],
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

/** What `serve` and `check` say of settings that are bad; both must say the same. */
async function bothSay(flags: readonly string[]): Promise<{ code: number; err: string }> {
  // Nothing is bound before the settings are known to be good, but nothing else may be in the way either.
  const all = ["--port", "0", "--host", "127.0.0.1", ...flags];
  const checked = await call(["check", ...all]);
  const served = await call(["serve", "--log-level", "error", ...all]);
  assertEquals(served, checked);
  assertEquals(served.out, "");
  assertMatch(served.err, /^smtpd: [^\n]+: [^\n]+\n$/);
  return { code: served.code, err: served.err };
}

Deno.test("settings of the inbox that cannot stand together are refused by serve and check", async () => {
  const openToAll = (address: string) =>
    `--ui on ${address} lets in whoever comes: give accounts with --users, or uiTokenFile in the ` +
    "config file, or leave the address out";
  const table: [flags: string[], err: string][] = [
    [
      ["--ui", "0", "--no-queue"],
      "--ui shows the queue, and --no-queue is given: leave one of them out",
    ],
    [
      ["--ui", "0.0.0.0:0", "--no-queue"],
      "--ui shows the queue, and --no-queue is given: leave one of them out",
    ],
    [["--ui", "0.0.0.0:0"], openToAll("0.0.0.0")],
    [["--ui", "[::]:0"], openToAll("::")],
    [["--ui", "192.0.2.1:8025"], openToAll("192.0.2.1")],
    [["--ui", "[2001:db8::1]:8025"], openToAll("2001:db8::1")],
  ];
  for (const [flags, err] of table) {
    assertEquals(await bothSay(flags), { code: 78, err: `smtpd: ${err}\n` }, flags.join(" "));
  }
});

Deno.test("an address of the inbox that cannot be read is refused with what can be", async () => {
  for (
    const value of ["x", "65536", "example.org:8025", "::1:8025", "127.0.0.1:", "1:2:3"]
  ) {
    const { code, err } = await bothSay(["--ui", value]);
    assertEquals(code, 64, value);
    assertMatch(err, /^smtpd: [^\n]*--ui[^\n]*: give a port, or an address and a port/, value);
  }
});

Deno.test("a token file that lets nobody in, or everybody, is refused by serve and check", async () => {
  const mend = "make one with: openssl rand -hex 32";
  const none = "holds no token of 16 or more letters, digits and -._~+/";
  const good = "0123456789abcdef";
  const table: [name: string, make: (file: string) => void, says: string][] = [
    ["missing", () => {}, "there is no such file"],
    ["a directory", (file) => Deno.mkdirSync(file), "it is no file"],
    ["empty", (file) => Deno.writeTextFileSync(file, ""), none],
    ["a line break", (file) => Deno.writeTextFileSync(file, "\n"), none],
    ["too short", (file) => Deno.writeTextFileSync(file, `${good.slice(1)}\n`), none],
    ["padded to the length", (file) => Deno.writeTextFileSync(file, `${good.slice(1)}=\n`), none],
    ["two lines", (file) => Deno.writeTextFileSync(file, `${good}\n${good}\n`), none],
    ["an empty line behind", (file) => Deno.writeTextFileSync(file, `${good}\n\n`), none],
    ["a space", (file) => Deno.writeTextFileSync(file, `${good} ${good}\n`), none],
    ["an umlaut", (file) => Deno.writeTextFileSync(file, `${good}ü\n`), none],
    [
      "too large",
      (file) => Deno.writeTextFileSync(file, "x".repeat(4097)),
      "it is over 4096 octets",
    ],
    ["no UTF-8", (file) => Deno.writeFileSync(file, new Uint8Array(20).fill(0xff)), "not UTF-8"],
  ];
  for (const [name, make, says] of table) {
    using at = tokenFile();
    make(at.file);
    const { code, err } = await bothSay(["--ui", "0", ...at.flags]);
    assertEquals(code, 78, name);
    assert(err.includes(says) && err.includes(at.file), `${name}: ${err}`);
    assert(
      err.endsWith(`: ${says === none ? mend : "name a file with a token of one line"}\n`),
      err,
    );
    assert(!err.includes(good), `${name}: the line shows the token`);
  }
});

Deno.test("check finds a token file good, however its line ends, and does without one", async () => {
  for (const text of ["0123456789abcdef", "abcdefghijklmno-._~+/==\n", `${"x".repeat(4000)}\r\n`]) {
    using at = tokenFile();
    Deno.writeTextFileSync(at.file, text);
    const { code, err } = await call(["check", "--ui", "0.0.0.0:0", ...at.flags]);
    assertEquals([code, err], [0, ""], JSON.stringify(text));
  }
  // Where there is no inbox nobody reads it.
  using at = tokenFile();
  assertEquals((await call(["check", ...at.flags])).code, 0);
});

Deno.test("a port of the inbox that is taken is told with the flag that sets it", async () => {
  using directory = temporaryDirectory();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const outcome = await call([
    ...["--ui", `${port}`, "--port", "0", "--host", "127.0.0.1", "--queue", directory.path],
    ...["--log-level", "error"],
  ]);
  assertEquals(outcome, {
    code: 69,
    out: "",
    err:
      `smtpd: port ${port} of 127.0.0.1 is taken: stop what listens there, or take another port ` +
      "with --ui\n",
  });
});
