/**
 * The program as a process: what it says, and what it exits with. `TEST_SMTPD_BIN` names an executable
 * to test in place of the source.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";

const root = new URL("../../", import.meta.url).pathname;
const executable = Deno.env.get("TEST_SMTPD_BIN");
const program = executable !== undefined && executable !== ""
  ? [executable]
  : [Deno.execPath(), "run", "-q", "-P", `${root}main.ts`];

/** Longer than anything here takes. A test that hangs fails by it. */
const PATIENCE = 60_000;

interface RunOptions {
  readonly env?: Record<string, string>;
  /** Runs without the rights that root has over ports and files. */
  readonly isUnprivileged?: boolean;
}

function commandOf(args: readonly string[], options: RunOptions = {}): Deno.Command {
  const drop = options.isUnprivileged && Deno.uid() === 0
    ? ["setpriv", "--bounding-set=-net_bind_service,-dac_override,-dac_read_search"]
    : [];
  const [file, ...rest] = [...drop, ...program, ...args];
  return new Deno.Command(file, {
    args: rest,
    env: options.env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    cwd: root,
    signal: AbortSignal.timeout(PATIENCE),
  });
}

async function outcomeOf(
  args: readonly string[],
  options?: RunOptions,
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await commandOf(args, options).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

function temporaryDirectory(): { path: string } & Disposable {
  const path = Deno.makeTempDirSync();
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Why the rights of root over ports and files cannot be tried here, where they cannot. */
function whyPrivileged(): string | undefined {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return undefined;
  try {
    const { success } = new Deno.Command("setpriv", { args: ["--version"] }).outputSync();
    return success ? undefined : "needs setpriv";
  } catch {
    return "needs setpriv";
  }
}

function lowestFreePort(): number {
  try {
    return Number(Deno.readTextFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start"));
  } catch {
    return 1024;
  }
}

/** A test whose name says what is missing where it cannot run. */
function testUnprivileged(name: string, missing: string | undefined, body: () => Promise<void>) {
  const why = whyPrivileged() ?? missing;
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: body,
  });
}

Deno.test("a wrong flag exits 64 and names the right one", async () => {
  assertEquals(await outcomeOf(["--prot", "2525"]), {
    code: 64,
    out: "",
    err: "smtpd: unknown flag --prot: did you mean --port?\n",
  });
});

Deno.test("a wrong variable exits 78 and names the right one", async () => {
  assertEquals(await outcomeOf(["check"], { env: { SMTPD_MAXSIZE: "1" } }), {
    code: 78,
    out: "",
    err: "smtpd: unknown variable SMTPD_MAXSIZE: did you mean SMTPD_MAX_SIZE?\n",
  });
});

Deno.test("a taken port exits 69", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  assertEquals(await outcomeOf(["--no-queue", "--host", "127.0.0.1", "--port", String(port)]), {
    code: 69,
    out: "",
    err: `smtpd: port ${port} of 127.0.0.1 is taken: ` +
      "stop what listens there, or take another port with --port\n",
  });
});

Deno.test("an address that this computer does not have exits 69", async () => {
  assertEquals(await outcomeOf(["--no-queue", "--host", "192.0.2.1", "--port", "0"]), {
    code: 69,
    out: "",
    err: "smtpd: cannot listen on port 0 of 192.0.2.1, this computer has no such address: " +
      "give one that it has to --host\n",
  });
});

testUnprivileged(
  "port 25 without permission exits 77",
  lowestFreePort() <= 25 ? "here everyone may listen on port 25" : undefined,
  async () => {
    const { code, out, err } = await outcomeOf(["--no-queue", "--host", "127.0.0.1"], {
      isUnprivileged: true,
    });
    assertEquals({ code, out }, { code: 77, out: "" });
    assertMatch(
      err,
      /^smtpd: no permission to listen on port 25 of 127\.0\.0\.1: [^\n]*take another port with --port 2525\n$/,
    );
  },
);

const LOCAL = ["--port", "0", "--host", "127.0.0.1", "--local-domain", "example.org"];

testUnprivileged("an unreadable directory exits 77", undefined, async () => {
  using directory = temporaryDirectory();
  const closed = `${directory.path}/closed`;
  Deno.mkdirSync(closed, { mode: 0 });
  const mend = "let the user that smtpd runs as read and write it, or give another to --maildir\n";
  for (const verb of ["serve", "check"]) {
    for (const maildir of [closed, `${closed}/mail`]) {
      const args = [verb, ...LOCAL, "--maildir", maildir];
      assertEquals(await outcomeOf(args, { isUnprivileged: true }), {
        code: 77,
        out: "",
        err: `smtpd: no permission to read ${maildir}: ${mend}`,
      });
    }
  }
});

testUnprivileged("a directory that cannot be written exits 77", undefined, async () => {
  using directory = temporaryDirectory();
  const readable = `${directory.path}/readable`;
  Deno.mkdirSync(readable, { mode: 0o500 });
  for (const maildir of [readable, `${readable}/mail`]) {
    const outcome = await outcomeOf([...LOCAL, "--maildir", maildir], { isUnprivileged: true });
    assertEquals(outcome, {
      code: 77,
      out: "",
      err: `smtpd: no permission to write in ${readable}: ` +
        "let the user that smtpd runs as read and write it, or give another to --maildir\n",
    });
  }
});

testUnprivileged("a config file that may not be read exits 77", undefined, async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/smtpd.json`;
  Deno.writeTextFileSync(path, "{}", { mode: 0 });
  assertEquals(await outcomeOf(["check", "--config", path], { isUnprivileged: true }), {
    code: 77,
    out: "",
    err: `smtpd: no permission to read ${path}: let the user that smtpd runs as read it\n`,
  });
});

Deno.test("a file where a directory should be exits 73", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/file`;
  Deno.writeTextFileSync(path, "");
  assertEquals(await outcomeOf([...LOCAL, "--maildir", path]), {
    code: 73,
    out: "",
    err: `smtpd: cannot read ${path}, there is a file in its place: ` +
      "give another directory to --maildir\n",
  });
});

Deno.test("bad JSON exits 78 with its line and column", async () => {
  using directory = temporaryDirectory();
  const path = `${directory.path}/smtpd.json`;
  Deno.writeTextFileSync(path, '{\n  "port": 2525\n  "host": "::1"\n}\n');
  assertEquals(await outcomeOf(["--config", path]), {
    code: 78,
    out: "",
    err: `smtpd: ${path} is not JSON at line 3, column 3: mend it there\n`,
  });
});

Deno.test("version and help exit 0", async () => {
  const version = await outcomeOf(["--version"]);
  assertEquals(version.code, 0);
  assertMatch(version.out, /^smtpd \d+\.\d+\.\d+ \(Deno \S+, V8 \S+, \S+\)\n$/);
  const help = await outcomeOf(["--help"]);
  assertEquals(help.code, 0);
  assertMatch(help.out, /smtpd help serve\n$/);
});

Deno.test("a reader that has seen enough of the help is no error", async () => {
  const child = commandOf(["help", "serve"]).spawn();
  await child.stdout.cancel();
  const { code, stderr } = { ...(await child.status), stderr: child.stderr };
  assertEquals(code, 0);
  await stderr.cancel();
});

/** A server that runs, and its log so far. */
class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #state = Deno.makeTempDirSync({ prefix: "smtpd-state-" });
  readonly events: Record<string, unknown>[] = [];
  #rest = "";

  constructor(args: readonly string[]) {
    this.#child = commandOf([...args, "--queue", this.#state]).spawn();
    this.#lines = this.#child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** The next event of a name in the log. */
  async event(name: string): Promise<Record<string, unknown>> {
    while (true) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const event = JSON.parse(this.#rest.slice(0, end));
        this.#rest = this.#rest.slice(end + 1);
        this.events.push(event);
        if (event.event === name) return event;
        continue;
      }
      const { value, done } = await this.#lines.read();
      assert(!done, `no event ${name} in ${JSON.stringify(this.events)}`);
      this.#rest += value;
    }
  }

  /** The port it listens on, as its log says. */
  async port(): Promise<number> {
    const { address, port } = await this.event("listening");
    assertEquals(address, "127.0.0.1");
    return Number(port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#lines.cancel();
    await this.#child.stdout.cancel();
    await Deno.remove(this.#state, { recursive: true });
  }
}

/** A client that says a line and waits for the reply. */
class Dialog implements Disposable {
  readonly #connection: Deno.TcpConn;
  #received = "";

  constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Reads one reply; the empty string at the end of input. */
  async reply(): Promise<string> {
    const buffer = new Uint8Array(4096);
    while (true) {
      const match = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(this.#received);
      if (match !== null) {
        this.#received = this.#received.slice(match[0].length);
        return match[0];
      }
      const count = await this.#connection.read(buffer);
      if (count === null) return "";
      this.#received += new TextDecoder().decode(buffer.subarray(0, count));
    }
  }

  async say(line: string): Promise<string> {
    await this.#connection.write(new TextEncoder().encode(`${line}\r\n`));
    return await this.reply();
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

const SERVE = ["--port", "0", "--host", "127.0.0.1", "--route", "discard"];

async function dialogAt(port: number): Promise<Dialog> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const dialog = new Dialog(connection);
  assertMatch(await dialog.reply(), /^220 /);
  assertMatch(await dialog.say("EHLO client.example"), /^250-/);
  return dialog;
}

const hasSignals = Deno.build.os !== "windows";

Deno.test({
  name: "the first signal lets a transaction end, and tells idle clients 421",
  ignore: !hasSignals,
  async fn() {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using server = new Running(SERVE);
      const port = await server.port();
      {
        using busy = await dialogAt(port);
        using idle = await dialogAt(port);
        await busy.say("MAIL FROM:<a@client.example>");
        assertMatch(await busy.say("RCPT TO:<b@other.example>"), /^250 /);
        server.kill(signal);
        assertEquals((await server.event("draining")).signal, signal);
        assertMatch(await idle.reply(), /^421 /);
        assertEquals(await idle.reply(), "");
        assertMatch(await busy.say("DATA"), /^354 /);
        assertMatch(await busy.say("Subject: last\r\n\r\nwords\r\n."), /^250 /);
        assertMatch(await busy.reply(), /^421 /);
        assertEquals(await busy.reply(), "");
      }
      await server.event("stopped");
      assertEquals((await server.status).code, 0);
    }
  },
});

Deno.test({
  name: "a second signal ends the server at once",
  ignore: !hasSignals,
  async fn() {
    await using server = new Running(SERVE);
    using busy = await dialogAt(await server.port());
    assertMatch(await busy.say("MAIL FROM:<a@client.example>"), /^250 /);
    server.kill("SIGTERM");
    await server.event("draining");
    server.kill("SIGTERM");
    await server.event("stopped");
    assertEquals((await server.status).code, 0);
    assertMatch(await busy.reply(), /^421 /);
  },
});

Deno.test("ready exits 0 while the server runs", async () => {
  await using server = new Running(SERVE);
  const args = ["ready", "--host", "127.0.0.1", "--port", String(await server.port())];
  assertEquals(await outcomeOf(args), { code: 0, out: "", err: "" });
});
