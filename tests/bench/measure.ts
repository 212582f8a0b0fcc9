/** Helpers of the benchmark: processes under test, their memory, and figures side by side. */
import { freePort } from "../peers.ts";

/** The program as it is measured: from source, or the executable that TEST_SMTPD_BIN names. */
export function smtpdCommand(flags: readonly string[]): string[] {
  const executable = Deno.env.get("TEST_SMTPD_BIN");
  const program = executable !== undefined
    ? [executable]
    // The process of hooks takes a right of its own.
    : [Deno.execPath(), "run", "-q", "-P", `--allow-run=${Deno.execPath()}`, "main.ts"];
  return [...program, ...flags];
}

/** A server under test, whose log nobody reads. */
export interface Measured extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** Starts a server that listens on `port`, and perhaps on others, and waits until it does. */
export async function startMeasured(
  port: number,
  command: readonly string[],
  others: readonly number[] = [],
): Promise<Measured> {
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  const awaited = [port, ...others];
  while (awaited.length > 0) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port: awaited[0] })).close();
      awaited.shift();
    } catch {
      if (hasEnded) throw new Error(`Cannot start ${command.join(" ")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return {
    port,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** Starts smtpd on a free port, by its command or what is made of that. */
export function startSmtpd(
  flags: readonly string[],
  wrap: (command: string[]) => string[] = (command) => command,
): Promise<Measured> {
  const port = freePort();
  const command = smtpdCommand(["--port", `${port}`, "--host", "127.0.0.1", ...flags]);
  return startMeasured(port, wrap(command));
}

/** Has a command write what it logs to a file, as a server beside one that logs has to. */
export function logged(file: string): (command: string[]) => string[] {
  return (command) => ["sh", "-c", 'log=$1; shift; exec "$@" 2>>"$log"', "sh", file, ...command];
}

/** Reads a figure in KiB from the kernel's account of a process, such as VmRSS or VmHWM. */
export async function memoryOf(pid: number, figure: "VmRSS" | "VmHWM"): Promise<number> {
  // Read by a program: the runtime wants every permission there is before it opens /proc itself.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  const match = new RegExp(`^${figure}:\\s+(\\d+) kB`, "m").exec(new TextDecoder().decode(stdout));
  if (match === null) throw new Error(`Cannot read ${figure} of process ${pid}`);
  return Number(match[1]);
}

/** Runs a command to its end and answers the seconds it took. */
export async function timed(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot measure: ${command}: ${new TextDecoder().decode(stderr)}`);
  return (performance.now() - start) / 1000;
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How smtp-source sends messages of `size` octets: all on kept connections, or each on a new one. */
export function sourceFlags(
  { kept, sessions, size, count, to = "b@example.net" }: {
    readonly kept: boolean;
    readonly sessions: number;
    readonly size: number;
    readonly count: number;
    readonly to?: string;
  },
): string[] {
  return [
    ...(kept ? ["-d"] : []),
    ...["-s", `${sessions}`, "-l", `${size}`, "-m", `${count}`],
    ...["-f", "a@example.org", "-t", to],
  ];
}

/** Rates of both, one of each for a round. */
export interface Rates {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/** Measures both in turn, so that what the machine does meanwhile meets them alike. */
export async function alternating(
  rounds: number,
  measureOurs: () => Promise<number>,
  measureTheirs: () => Promise<number>,
): Promise<Rates> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // The order changes, so that neither always comes first.
    for (const mine of round % 2 === 0 ? [true, false] : [false, true]) {
      if (mine) ours.push(await measureOurs());
      else theirs.push(await measureTheirs());
    }
  }
  return { ours, theirs };
}

/** Prints rates side by side: the ratio in the middle of the rounds, and that of the best of each. */
export function printSideBySide(
  what: string,
  { ours, theirs }: Rates,
  peer: string,
  target: number,
): void {
  const ratio = median(ours.map((rate, i) => rate / theirs[i]));
  const best = Math.max(...ours) / Math.max(...theirs);
  print(
    what,
    `${median(ours).toFixed(0)}/s, ${peer} ${median(theirs).toFixed(0)}/s`,
    `${ratio.toFixed(2)} x, best of each ${best.toFixed(2)} x, target ${target} x`,
  );
}

/** Figures of memory, given in KiB as {@linkcode memoryOf} has them. */
export function inMebibytes(...values: readonly number[]): string {
  return `${values.map((kibibytes) => (kibibytes / 1024).toFixed(0)).join(", ")} MiB`;
}

/** Prints one line of the result. */
export function print(what: string, figure: string, target: string): void {
  console.log(`${what.padEnd(46)} ${figure.padStart(34)}   ${target}`);
}

/** The seconds of CPU that a process has used, in all of its threads. */
export async function cpuOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/stat`] }).output();
  // What stands behind the name in brackets begins with the third field (proc_pid_stat(5)).
  const fields = new TextDecoder().decode(stdout).replace(/^.*\) /s, "").split(" ");
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  if (Number.isNaN(user + system)) throw new Error(`Cannot read the CPU time of process ${pid}`);
  return (user + system) / TICKS;
}

/** Ticks of the kernel's accounts in a second: USER_HZ, 100 on every architecture that matters. */
const TICKS = 100;

/** The value that so great a part of the values does not exceed, such as 0.99 of them. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)];
}

/** Waits, where a benchmark has no event to wait for. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** The load of the machine, which the figures beside it depend on. */
export function printLoad(): void {
  const [one, five] = Deno.loadavg();
  print("load of the machine", `${one.toFixed(1)}, of 5 min ${five.toFixed(1)}`, "other work too");
}
