/**
 * For tests that talk to real mail programs: finds them, skips a test by name where one is missing, and
 * runs them in the background. `.ci/peers` installs them all.
 */

const root = new URL("../", import.meta.url).pathname;

/** Where Debian keeps programs, daemons among them, whatever PATH says. */
const systemFolders = [
  "/usr/bin",
  "/usr/local/sbin",
  "/usr/sbin",
  "/sbin",
  "/usr/lib/postfix/sbin",
];

const found = new Map<string, string | undefined>();

/**
 * The path by which a peer is used, or undefined when it is not installed.
 *
 * - `swaks`: a program, by its name.
 * - `npm:nodemailer`: a package for Node; the value is the folder to set as `NODE_PATH`.
 * - `python:aiosmtpd`, `perl:Net::SMTP::Server`: a module; the value is the interpreter.
 */
export function findPeer(name: string): string | undefined {
  if (!found.has(name)) found.set(name, lookUp(name));
  return found.get(name);
}

function lookUp(name: string): string | undefined {
  const [kind, module] = name.split(/:(.*)/s);
  switch (module && kind) {
    case "npm": {
      const modules = `${root}.ci/npm_peers/node_modules`;
      return exists(`${modules}/${module}/package.json`) ? modules : undefined;
    }
    case "python":
      return interpreterOf("python3", ["-c", `import ${module}`]);
    case "perl":
      return interpreterOf("perl", [`-M${module}`, "-e", "1"]);
    default:
      return pathsOf(name)[0];
  }
}

/** Every program of that name, in the order of PATH. */
function pathsOf(program: string): string[] {
  return [...(Deno.env.get("PATH") ?? "").split(":"), ...systemFolders]
    .map((folder) => `${folder}/${program}`)
    .filter(exists);
}

/** The first interpreter that knows the module: Debian's packages are for Debian's interpreter only. */
function interpreterOf(program: string, args: string[]): string | undefined {
  return pathsOf(program).find((path) => {
    const probe = new Deno.Command(path, { args, stdout: "null", stderr: "null" });
    return probe.outputSync().success;
  });
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A test and the peers without which it cannot run. */
export interface PeerTest<Name extends string> {
  name: string;
  needs: readonly Name[];
  fn: (peers: Record<Name, string>, t: Deno.TestContext) => void | Promise<void>;
}

/**
 * Registers a test that gets the path of each peer it needs. Where one is missing the test is skipped
 * under a name that says so; with `TEST_REQUIRE_PEERS` set, as in continuous integration, it fails.
 */
export function peerTest<const Name extends string>({ name, needs, fn }: PeerTest<Name>): void {
  const missing = needs.filter((need) => findPeer(need) === undefined);
  if (missing.length === 0) {
    const peers = Object.fromEntries(needs.map((need) => [need, findPeer(need)]));
    Deno.test(name, (t) => fn(peers as Record<Name, string>, t));
    return;
  }
  const reason = `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed`;
  if (Deno.env.get("TEST_REQUIRE_PEERS")) {
    Deno.test(name, () => {
      throw new Error(`Cannot run: ${reason}; .ci/peers installs what is missing`);
    });
  } else {
    Deno.test.ignore(`${name} (skipped: ${reason})`, () => {});
  }
}

/** A TCP port of the loopback address that nobody listens on now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/**
 * A program in the background. What it prints is collected, so that it never waits for a reader, and it
 * is stopped at the end of the block that holds it:
 *
 *     await using dns = new BackgroundProcess(dnsmasq, ["-d", "-p", String(port)]);
 *     await dns.line(/started/);
 */
export class BackgroundProcess implements AsyncDisposable {
  /** What the program has printed so far, standard output and standard error together. */
  output = "";
  readonly #command: string;
  readonly #child: Deno.ChildProcess;
  readonly #readers: ReadableStreamDefaultReader<Uint8Array>[];
  #printed = Promise.withResolvers<void>();
  #exit: Deno.CommandStatus | undefined;

  constructor(
    command: string,
    args: string[] = [],
    options: Pick<Deno.CommandOptions, "cwd" | "env" | "clearEnv" | "uid" | "gid"> = {},
  ) {
    this.#command = [command, ...args].join(" ");
    this.#child = new Deno.Command(command, {
      ...options,
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#readers = [this.#child.stdout.getReader(), this.#child.stderr.getReader()];
    for (const reader of this.#readers) this.#collect(reader);
    this.#child.status.then((status) => {
      this.#exit = status;
      this.#wake();
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** How the program ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** Waits for the first printed line that matches; fails when the program ends or time is up first. */
  async line(pattern: RegExp, timeout = 30_000): Promise<RegExpMatchArray> {
    return await this.#until(`print ${pattern}`, timeout, () => {
      for (const line of this.output.split("\n")) {
        const match = line.match(pattern);
        if (match) return match;
      }
    });
  }

  /** Waits until somebody accepts connections on a port; fails when the program ends first. */
  async listening(port: number, hostname = "127.0.0.1", timeout = 30_000): Promise<void> {
    await this.#until(`listen on port ${port}`, timeout, async () => {
      try {
        (await Deno.connect({ hostname, port })).close();
        return true;
      } catch {
        return undefined;
      }
    });
  }

  /** Ends the program, by SIGKILL when it has not gone after `grace` milliseconds. */
  async stop(signal: Deno.Signal = "SIGTERM", grace = 5_000): Promise<Deno.CommandStatus> {
    this.#kill(signal);
    const timer = setTimeout(() => this.#kill("SIGKILL"), grace);
    const status = await this.#child.status;
    clearTimeout(timer);
    // A process that the program left behind may hold the pipes open; nobody waits for it.
    await Promise.all(this.#readers.map((reader) => reader.cancel()));
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #kill(signal: Deno.Signal): void {
    if (!this.#exit) this.#child.kill(signal);
  }

  /** Tries again whenever the program prints or ends, and ten times a second. */
  async #until<T>(
    what: string,
    timeout: number,
    attempt: () => T | undefined | Promise<T | undefined>,
  ): Promise<T> {
    const deadline = performance.now() + timeout;
    while (true) {
      const ended = this.#exit;
      const result = await attempt();
      if (result !== undefined) return result;
      const problem = ended
        ? `it ended with code ${ended.code}`
        : performance.now() > deadline
        ? `${timeout} ms have passed`
        : undefined;
      if (problem) {
        throw new Error(`Cannot see ${this.#command} ${what}: ${problem}\n${this.output}`);
      }
      const tick = Promise.withResolvers<void>();
      const timer = setTimeout(tick.resolve, 100);
      await Promise.race([tick.promise, this.#printed.promise]);
      clearTimeout(timer);
    }
  }

  async #collect(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      this.output += decoder.decode(next.value, { stream: true });
      this.#wake();
    }
  }

  #wake(): void {
    this.#printed.resolve();
    this.#printed = Promise.withResolvers();
  }
}
