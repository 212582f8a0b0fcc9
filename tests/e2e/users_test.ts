/** `smtpd users` as a process: on a terminal, beside others like it, and killed in the middle. */
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { checkPassword } from "../../lib/policy/scram_verifier.ts";
import { parseUsers } from "../../lib/policy/users_file.ts";
import { connectTcp } from "../../lib/net/tcp_transport.ts";
import { Client } from "../net/client.ts";
import { peerTest } from "../peers.ts";
import { eventually, program, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";
import { readCalls, straceFlags } from "./system_calls.ts";

const root = new URL("../../", import.meta.url).pathname;

function accounts(file: string) {
  return parseUsers(Deno.readTextFileSync(file));
}

function inputOf(text: string): { readonly input: Uint8Array } {
  return { input: new TextEncoder().encode(text) };
}

/** Adds an account by a process, and perhaps by a command that becomes it. */
function add(name: string, file: string, command: readonly string[] = []) {
  const [first, ...rest] = [...command, ...program, "users", "add", name, "--users", file];
  return runProgram(first, rest, inputOf(`canary-${name}\n`));
}

/** A shell on a terminal of its own, which says at the end how a command ended and how the terminal is. */
function onTerminal(script: string, command: readonly string[], pidFile: string) {
  const quoted = command.map((word) => `'${word}'`).join(" ");
  const shell =
    `sh -c 'echo $$ >${pidFile}; exec "$@"' sh ${quoted}; echo "code=$?"; stty -a; echo end`;
  const child = new Deno.Command(script, {
    args: ["-q", "-e", "-c", `cd ${root}; ${shell}`, "/dev/null"],
    env: { SHELL: "/bin/sh" },
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(60_000),
  }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  return {
    /** Waits until something is seen. */
    async until(text: string): Promise<void> {
      while (!seen.includes(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`Cannot see ${text}: ${seen}`);
        seen += value;
      }
    },
    type: (keys: string) => writer.write(new TextEncoder().encode(keys)),
    /** Ends it; answers all that was seen. */
    async end(): Promise<string> {
      await this.until("end\r\n");
      await writer.close();
      await child.status;
      await reader.cancel();
      return seen;
    },
  };
}

peerTest({
  name: "users add shows no password on a terminal, and leaves the terminal as it was",
  needs: ["script"],
  async fn({ script }, t) {
    const endings: readonly (readonly [name: string, keys: string | undefined, code: number])[] = [
      ["both answers", "canary\r", 0],
      ["Ctrl-C", "cana\x03", 130],
      ["SIGTERM", undefined, 143],
    ];
    for (const [name, keys, code] of endings) {
      await t.step(name, async () => {
        using directory = temporaryDirectory();
        const file = `${directory.path}/users`;
        const command = [...program, "users", "add", "joe", "--users", file];
        const terminal = onTerminal(script, command, `${directory.path}/pid`);
        await terminal.until("Password for joe: ");
        await terminal.type("canary\r");
        await terminal.until("The same again: ");
        if (keys !== undefined) await terminal.type(keys);
        else Deno.kill(Number(Deno.readTextFileSync(`${directory.path}/pid`)), "SIGTERM");
        const seen = await terminal.end();
        assertMatch(seen, new RegExp(`\\bcode=${code}\\b`));
        assertMatch(seen, /(?<!-)\bisig\b.*(?<!-)\bicanon\b.*(?<!-)\becho\b/s);
        assertFalse(/can/.test(seen.replaceAll("icanon", "")), seen);
        if (code !== 0) return assertEquals([...Deno.readDirSync(directory.path)].length, 1);
        assert(await checkPassword(accounts(file).get("joe")!.verifier, "canary"));
      });
    }
  },
});

Deno.test("users that processes add at the same time are all there", async () => {
  using directory = temporaryDirectory();
  const file = `${directory.path}/users`;
  const names = ["ann", "bob", "cid", "dan", "eve", "fay"];
  const outcomes = await Promise.all(names.map((name) => add(name, file)));
  assertEquals(outcomes, names.map((name) => ({ code: 0, text: `added ${name}\n` })));
  assertEquals([...accounts(file).keys()].sort(), names);
  assertFalse(Deno.readTextFileSync(file).includes("canary"));
});

/** What a server answers to one login by PLAIN. */
async function login(port: number, name: string, password: string): Promise<string> {
  using client = new Client(await connectTcp({ hostname: "127.0.0.1", port }));
  await client.greet();
  const octets = new TextEncoder().encode(`\0${name}\0${password}`);
  return (await client.say(`AUTH PLAIN ${octets.toBase64()}`)).slice(0, 3);
}

Deno.test("a server that runs lets in who was added, and nobody who was removed", async () => {
  using directory = temporaryDirectory();
  const file = `${directory.path}/users`;
  assertEquals((await add("joe", file)).code, 0);
  await using smtpd = await startSmtpd("--users", file, "--auth-without-tls");
  assertEquals(await login(smtpd.port, "joe", "canary-joe"), "235");
  assertEquals(await login(smtpd.port, "joe", "canary-ann"), "535");
  assertEquals(await login(smtpd.port, "ann", "canary-ann"), "535");
  assertEquals((await add("ann", file)).code, 0);
  const [first, ...rest] = [...program, "users", "remove", "joe", "--users", file];
  assertEquals((await runProgram(first, rest)).code, 0);
  // Joe gets in until the file is looked at again: many failures would be taken for an attack.
  await eventually(async () =>
    await login(smtpd.port, "joe", "canary-joe") === "535" ? true : undefined
  );
  assertEquals(await login(smtpd.port, "ann", "canary-ann"), "235");
  assertEquals((await smtpd.event("users-read")).accounts, 1);
  assertFalse(JSON.stringify(smtpd.events()).includes("canary"));
});

peerTest({
  name: "users file is whole when a command is killed before its rename, and the next one works",
  needs: ["strace"],
  async fn({ strace }) {
    using directory = temporaryDirectory();
    const file = `${directory.path}/users`;
    assertEquals((await add("joe", file)).code, 0);
    const before = Deno.readTextFileSync(file);
    const renames = "rename,renameat,renameat2";
    const { code } = await add("ann", file, [
      ...[strace, "-D", "-f", "-qqq", "-o", "/dev/null", "-P", `${directory.path}/.users.new`],
      ...["-e", `trace=${renames}`, "-e", `inject=${renames}:signal=KILL`],
    ]);
    assertEquals(code, 128 + 9);
    assertEquals(Deno.readTextFileSync(file), before);
    assert(Deno.statSync(`${directory.path}/.users.new`).size > before.length);
    assertEquals(await add("bob", file), { code: 0, text: "added bob\n" });
    assertEquals([...accounts(file).keys()], ["joe", "bob"]);
  },
});

peerTest({
  name: "users file is on stable storage before it takes the place of the old one",
  needs: ["strace"],
  async fn({ strace }) {
    using directory = temporaryDirectory();
    const file = `${directory.path}/users`;
    const log = `${directory.path}/trace`;
    const calls = ["write", "fsync", "fdatasync", "rename", "renameat", "renameat2"];
    assertEquals((await add("joe", file, [strace, ...straceFlags(calls, log)])).code, 0);
    const trace = await eventually(async () => {
      const trace = await Deno.readTextFile(log);
      return /\+\+\+ exited with 0 \+\+\+\n$/.test(trace) ? trace : undefined;
    });
    const made = `${directory.path}/.users.new`;
    const steps = readCalls(trace).flatMap(({ name, path, text }) => {
      if (name.startsWith("rename")) return text.includes(made) ? ["rename"] : [];
      if (name === "write") return path === made ? ["write"] : [];
      return path === made ? ["flush file"] : path === directory.path ? ["flush directory"] : [];
    });
    assertEquals(steps, ["write", "flush file", "rename", "flush directory"]);
  },
});
