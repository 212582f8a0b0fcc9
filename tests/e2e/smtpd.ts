/**
 * The server under test as a process: from source, or the executable that `TEST_SMTPD_BIN` names.
 */
import { assert, assertEquals } from "@std/assert";
import { BackgroundProcess } from "../peers.ts";
import { canariesIn, searchFilesBelow } from "./canaries.ts";

const root = new URL("../../", import.meta.url).pathname;
const executable = Deno.env.get("TEST_SMTPD_BIN");
/** How the program is called, without its arguments. */
export const program: readonly string[] = executable
  ? [executable]
  : [Deno.execPath(), "run", "-q", "-P", `${root}main.ts`];

/** The same with the right to start the process of hooks, which an executable has. */
const programWithHooks: readonly string[] = executable
  ? program
  : program.toSpliced(-1, 0, `--allow-run=${Deno.execPath()}`);

/** Whether the program runs on a Deno that takes sockets over and does TLS as a server: 2.8 or later. */
export function isCurrent(): boolean {
  const [file, ...args] = program;
  const { stdout } = new Deno.Command(file, { args: [...args, "version"] }).outputSync();
  return /Deno (?:2\.(?:[89]|[1-9][0-9])|[3-9])/.test(new TextDecoder().decode(stdout));
}

/** One line of the log. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** A server that runs. */
export interface Smtpd extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** What it has logged so far, standard error being nothing but its log. */
  events(name?: string): LogEvent[];
  /** Waits for an event that is like `fields`; fails when none comes in time. */
  event(name: string, fields?: Record<string, unknown>): Promise<LogEvent>;
  /** Drains it with SIGTERM and checks that it ends well; the end of the block does the same. */
  stop(): Promise<void>;
  /** Ends it at once by SIGKILL. What is in the directory that the flags give to `--queue` stays. */
  kill(): Promise<void>;
}

/** Starts a server without a queue: what the next hop says is what the client is told. */
export function startPassThrough(...flags: string[]): Promise<Smtpd> {
  return startSmtpd("--no-queue", ...flags);
}

/**
 * Starts a server on a free port of 127.0.0.1 with a queue of its own, unless the flags say otherwise. When the block that holds
 * it ends it is told to drain, and has to exit with 0.
 */
export function startSmtpd(...flags: string[]): Promise<Smtpd> {
  return startSmtpdUnder([], ...flags);
}

/** Starts a server by a command that is given its command line, and becomes it. */
export async function startSmtpdUnder(
  command: readonly string[],
  ...flags: string[]
): Promise<Smtpd> {
  const state = Deno.makeTempDirSync({ prefix: "smtpd-state-" });
  const defaults = {
    "--port": "0",
    "--host": "127.0.0.1",
    "--hostname": "mx.smtpd.test",
    "--queue": state,
  };
  const [file, ...args] = [
    ...command,
    ...flags.includes("--hooks") ? programWithHooks : program,
    ...Object.entries(defaults).filter(([flag]) => !flags.includes(flag)).flat(),
    ...["--log-format", "json", ...flags],
  ];
  const process = new BackgroundProcess(file, args, { cwd: root });
  let isStopped = false;

  /** Whatever a test is about: no password of its clients is in what the server leaves behind. */
  async function cleanUp(): Promise<void> {
    try {
      assertEquals(canariesIn(args.join(" ")), [], "the command line shows a password");
      assertEquals(canariesIn(process.output), [], "the log shows a password");
      searchFilesBelow(state);
    } finally {
      await Deno.remove(state, { recursive: true });
    }
  }

  async function stop(): Promise<void> {
    if (isStopped) return;
    isStopped = true;
    const { code, signal } = await process.stop("SIGTERM", 40_000);
    await cleanUp();
    const bugs = events("bug");
    assert(bugs.length === 0, `Cannot pass: the server logged a bug\n${JSON.stringify(bugs)}`);
    assert(code === 0, `Cannot pass: it exits with ${code} (${signal})\n${process.output}`);
  }

  async function kill(): Promise<void> {
    isStopped = true;
    await process.stop("SIGKILL");
    await cleanUp();
  }

  function events(name?: string): LogEvent[] {
    const lines = process.output.split("\n").slice(0, -1);
    const all = lines.map((line): LogEvent => JSON.parse(line));
    return name === undefined ? all : all.filter(({ event }) => event === name);
  }

  async function event(name: string, fields: Record<string, unknown> = {}): Promise<LogEvent> {
    const isLike = (event: LogEvent) =>
      Object.entries(fields).every(([field, value]) => event[field] === value);
    return await eventually(() => events(name).find(isLike), () => process.output);
  }

  try {
    const [, port] = await process.line(/"event":"listening".*"port":(\d+)/);
    return {
      port: Number(port),
      pid: process.pid,
      events,
      event,
      stop,
      kill,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await process.stop();
    await Deno.remove(state, { recursive: true });
    throw error;
  }
}

/**
 * Asks again and again what something is, until it is there; fails with `why` when time is up first. On a
 * busy machine all takes longer, and a Postfix that finds a message locked waits for a minute.
 */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  why: () => string = () => "",
  patience = 90_000,
): Promise<T> {
  const deadline = performance.now() + patience;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`Cannot wait any longer: ${why()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A directory that is removed at the end of the block. Other users may enter it. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = Deno.makeTempDirSync({ prefix: "smtpd-e2e-" });
  Deno.chmodSync(path, 0o755);
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Runs a program to its end and answers how it ended and what it printed, output before errors. */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly cwd?: string;
    readonly input?: Uint8Array;
    /** How long it may take, in milliseconds; a minute if left out. */
    readonly patience?: number;
  } = {},
): Promise<{ readonly code: number; readonly text: string }> {
  const child = new Deno.Command(file, {
    args: [...args],
    env: options.env,
    cwd: options.cwd,
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(options.patience ?? 60_000),
  }).spawn();
  const feed = async () => {
    if (options.input === undefined) return;
    const writer = child.stdin.getWriter();
    // A program that ends without reading all of it says why in its own words.
    await writer.write(options.input).then(() => writer.close()).catch(() => {});
  };
  const [{ code, stdout, stderr }] = await Promise.all([child.output(), feed()]);
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Registers a test of parts that it takes from the source: it says nothing of an executable. */
export function sourceTest(name: string, fn: () => Promise<void>): void {
  if (executable === undefined) Deno.test(name, fn);
}

/** Registers a test of what is so in an executable alone. */
export function executableTest(name: string, fn: () => Promise<void>): void {
  if (executable !== undefined) Deno.test(name, fn);
}

/** Registers a test that reads the kernel's account of a process, which only Linux gives in this form. */
export const memoryTest = Deno.build.os === "linux" ? Deno.test : Deno.test.ignore;

/** The most memory that a process has ever had resident, in MB. */
export async function peakMemory(pid: number): Promise<number> {
  // Read by a program: the runtime wants every permission there is before it opens /proc itself.
  const { text } = await runProgram("cat", [`/proc/${pid}/status`]);
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(text) ?? [];
  assert(kibibytes !== undefined, text);
  return Number(kibibytes) * 1024 / 1e6;
}

/** How many descriptors a process has open. */
export async function openFiles(pid: number): Promise<number> {
  const { code, text } = await runProgram("ls", [`/proc/${pid}/fd`]);
  assert(code === 0, text);
  return text.trimEnd().split("\n").length;
}
