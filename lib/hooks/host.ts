/**
 * The host process: a worker that runs the hooks, and a main thread that stands between it and the server.
 *
 * A worker that is busy cannot be ended in Deno, and one that takes all memory takes its process along. So
 * the hooks have a process of their own. The server kills it when they take too long; its main thread looks
 * after memory, and after what they do while nobody asks them anything.
 *
 * @module
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { LineReader } from "./line_reader.ts";
import {
  HOST_EXIT,
  type HostSettings,
  type LoadOrder,
  MAX_ASKED,
  type Saying,
} from "./protocol.ts";
import { loadingLine } from "./standalone_source.ts";

/** How often memory is looked at, in milliseconds: hooks can fill some 50 MB in that time. */
const WATCH = 50;

/** The share of a processor that hooks may use while nobody asks them anything: they may have timers. */
const IDLE_SHARE = 0.05;

/** Signals that a terminal or a service manager sends to the whole group: the server says when to end. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Deno's own type of these options is not for programs that do without `deno.unstable`. */
interface SandboxOptions extends WorkerOptions {
  readonly deno: { readonly permissions: Deno.PermissionOptions };
}

const encoder = new TextEncoder();

/** Writes all of a line. It waits for the server, which is what keeps a worker from saying too much. */
function write(mark: string, sayings: string): void {
  // Hooks may have printed something that has no end: the line begins anew.
  let rest = encoder.encode(`\n${mark} ${sayings}\n`);
  try {
    while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
  } catch {
    Deno.exit(HOST_EXIT.done);
  }
}

function startWorker({ file, grants }: HostSettings): Worker {
  const { net, read, env } = grants;
  const options: SandboxOptions = {
    type: "module",
    name: "hooks",
    deno: {
      permissions: {
        net: net.length > 0 && [...net],
        read: [file, ...read],
        env: env.length > 0 && [...env],
        write: false,
        run: false,
        sys: false,
        ffi: false,
        import: false,
      },
    },
  };
  return new Worker(new URL("./worker.ts", import.meta.url), options);
}

/** Gives up every right: what the worker has was settled when it was made. */
function giveUpRights(): void {
  for (const name of ["net", "read", "write", "env", "run", "sys", "ffi"] as const) {
    Deno.permissions.revokeSync({ name });
  }
}

/** Why the executable cannot use a module; `undefined` if it can. From source Deno itself looks. */
function unusable(file: string): string | undefined {
  if (!Deno.build.standalone) return undefined;
  if (/\.[cm]?tsx?$/.test(file)) {
    return "the executable reads JavaScript alone, and this is called TypeScript";
  }
  const line = loadingLine(Deno.readTextFileSync(file));
  if (line === undefined) return undefined;
  return `line ${line}: it loads another module, or has the word import; hooks in the executable have one file`;
}

/** Ends the process where hooks take too much memory, or work on although nobody asks them anything. */
function watch({ memory, strayTime }: HostSettings, lastAsked: () => number): void {
  const most = Deno.memoryUsage().rss + memory;
  let used = cpuTime();
  let stray = 0;
  setInterval(() => {
    if (Deno.memoryUsage().rss > most) Deno.exit(HOST_EXIT.memory);
    const before = used;
    used = cpuTime();
    // What was asked is answered by then, or the server would have ended this process.
    const isAsked = performance.now() - lastAsked() < strayTime;
    stray = isAsked ? 0 : Math.max(0, stray + used - before - WATCH * IDLE_SHARE);
    if (stray > strayTime) Deno.exit(HOST_EXIT.stray);
  }, WATCH);
}

/** Milliseconds of the processor that this process has used. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function readSettings(line: string | undefined): HostSettings {
  try {
    return JSON.parse(line ?? "");
  } catch {
    console.error(
      "smtpd: this command is for the server, which runs hooks by it: give serve --hooks",
    );
    Deno.exit(HOST_EXIT.confused);
  }
}

/** Runs hooks for the server at the other end of standard input and output, as long as it is there. */
export async function runHost(): Promise<never> {
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => {});
  const input = new LineReader(Deno.stdin.readable, MAX_ASKED);
  const settings = readSettings(await input.line());
  const { mark, file, grants } = settings;
  const reason = unusable(file);
  if (reason !== undefined) {
    write(mark, JSON.stringify([{ kind: "unusable", reason } satisfies Saying]));
    Deno.exit(HOST_EXIT.done);
  }
  const worker = startWorker(settings);
  worker.onerror = (event) => {
    event.preventDefault();
    console.error(event.message);
    Deno.exit(HOST_EXIT.uncaught);
  };
  await new Promise((up) => worker.onmessage = up);
  giveUpRights();
  let lastAsked = performance.now();
  watch(settings, () => lastAsked);
  // Anything but text is nothing that our part of the worker says, and is passed on as such.
  worker.onmessage = ({ data }) => write(mark, typeof data === "string" ? data : "null");
  const order: LoadOrder = {
    url: pathToFileURL(file).href,
    giveUp: grants.read.includes(file) ? undefined : file,
    closeLoader: Deno.build.standalone,
  };
  worker.postMessage(order);
  for (;;) {
    const line = await input.line();
    lastAsked = performance.now();
    if (line === undefined) Deno.exit(HOST_EXIT.done);
    const [, id, length] = /^#([0-9]+) ([0-9]+)$/.exec(line) ?? [];
    if (id === undefined) {
      worker.postMessage(line);
      continue;
    }
    const slice = Number(length) <= MAX_ASKED ? await input.octets(Number(length)) : undefined;
    if (slice === undefined) Deno.exit(HOST_EXIT.confused);
    worker.postMessage({ id: Number(id), slice: slice.buffer }, [slice.buffer]);
  }
}

if (import.meta.main) await runHost();
