/** Helpers of the benchmark: processes under test, their memory, and figures side by side. */
import { freePort } from "../peers.ts";

/** The program as it is measured: from source, or the executable that TEST_SMTPD_BIN names. */
export function smtpdCommand(flags: readonly string[]): string[] {
  const executable = Deno.env.get("TEST_SMTPD_BIN");
  const program = executable !== undefined
    ? [executable]
    : [Deno.execPath(), "run", "-q", "-P", "main.ts"];
  return [...program, ...flags];
}

/** A server under test, whose log nobody reads. */
export interface Measured extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** Starts a server that listens on `port`, and waits until it does. */
export async function startMeasured(port: number, command: readonly string[]): Promise<Measured> {
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      break;
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

/** Starts smtpd on a free port. */
export function startSmtpd(flags: readonly string[]): Promise<Measured> {
  const port = freePort();
  return startMeasured(port, smtpdCommand(["--port", `${port}`, "--host", "127.0.0.1", ...flags]));
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

/** Prints one line of the result. */
export function print(what: string, figure: string, target: string): void {
  console.log(`${what.padEnd(46)} ${figure.padStart(34)}   ${target}`);
}
