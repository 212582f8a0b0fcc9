/**
 * The host process: a worker that runs the hooks, and a main thread that watches it.
 *
 * A worker that is busy cannot be ended in Deno, and one that takes all memory takes its process along. So
 * the hooks have a process of their own. The server kills it when they take too long; its main thread looks
 * after memory, and tells the server what they use. The worker itself reads what they are asked.
 *
 * @module
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import {
  HOST_EXIT,
  type HostSettings,
  IDLE_SHARE,
  type LoadOrder,
  type Saying,
  writeSayings,
} from "./protocol.ts";
import { loadingLine } from "./standalone_source.ts";
import { workerModules } from "./worker_modules.ts";

/** How often memory is looked at, in milliseconds: hooks can fill some 50 MB in that time. */
const WATCH = 50;

/** How often the server is told what hooks use, in milliseconds, where that is worth telling. */
const TELL = 500;

/** Signals that a terminal or a service manager sends to the whole group: the server says when to end. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Deno's own type of these options is not for programs that do without `deno.unstable`. */
interface SandboxOptions extends WorkerOptions {
  readonly deno: { readonly permissions: Deno.PermissionOptions };
}

/** Says something to the server, which may be gone. */
function say(mark: string, saying: Saying): void {
  try {
    writeSayings(mark, JSON.stringify([saying]), (octets) => Deno.stderr.writeSync(octets));
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
        read: [...workerModules(), file, ...read],
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

/**
 * Ends the process where hooks take too much memory. What they use is told to the server, which knows when
 * it has asked them something; a server that is gone is noticed by that, even if they are busy.
 */
function watch({ mark, memory }: HostSettings): void {
  const most = Deno.memoryUsage().rss + memory;
  let used = cpuTime();
  let told = performance.now();
  setInterval(() => {
    if (Deno.memoryUsage().rss > most) Deno.exit(HOST_EXIT.memory);
    const now = performance.now();
    if (now - told < TELL) return;
    const before = used;
    used = cpuTime();
    if (used - before > (now - told) * IDLE_SHARE) say(mark, { kind: "used", time: used - before });
    told = now;
  }, WATCH);
}

/** Milliseconds of the processor that this process has used. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Reads the first line, which is all that comes before the worker says that it is there. */
async function readSettings(): Promise<HostSettings> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let line = "";
  try {
    while (!line.endsWith("\n")) {
      const length = await Deno.stdin.read(buffer);
      if (length === null) break;
      line += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    return JSON.parse(line);
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
  const settings = await readSettings();
  const { mark, file, grants } = settings;
  const reason = unusable(file);
  if (reason !== undefined) {
    say(mark, { kind: "unusable", reason });
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
  watch(settings);
  // The worker reads what comes from the server, and so it is the one that notices its end.
  worker.onmessage = ({ data }) => {
    if (data === "gone") Deno.exit(HOST_EXIT.done);
  };
  const order: LoadOrder = {
    url: pathToFileURL(file).href,
    giveUp: [...workerModules(), file].filter((path) => !grants.read.includes(path)),
    mark,
    closeLoader: Deno.build.standalone,
  };
  worker.postMessage(order);
  return await new Promise<never>(() => {});
}

if (import.meta.main) await runHost();
