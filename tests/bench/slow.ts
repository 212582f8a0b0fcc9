/** What an ordinary client notices of ten thousand that only take up room, and what is left of them. */
import { openFor } from "../e2e/proxied.ts";
import { octets } from "../e2e/corpus.ts";
import type { Dialog } from "../e2e/dialog.ts";
import { freePort } from "../peers.ts";
import { MX } from "../net/tls_fixture.ts";
import {
  cpuOf,
  inMebibytes,
  memoryOf,
  pause,
  percentile,
  print,
  printLoad,
  smtpdCommand,
  startMeasured,
} from "./measure.ts";
import { RemoteCrowd } from "./remote_crowd.ts";

const IDLE = 10_000;
const SLOW = 1_000;
const HALF_OPEN = 1_000;

/** The load that is measured. */
const SESSIONS = 20;
const RATE = 200;
const SIZE = 4096;
const SECONDS = 12;

/** As many as there are with the load: one more is one too many. */
const MOST = IDLE + SLOW + SESSIONS;

/** How many a second come beyond the limit. */
const KNOCKS = 100;

/** How long memory may take to come back, under the load: V8 collects nothing where nothing is allocated. */
const MEMORY_SECONDS = 15;

/** Where a load is one that may relay, and is not limited by its network. */
const LOAD_CLIENT = "198.51.100.1";

const MESSAGE = octets(`Subject: load\r\n\r\n${`${"x".repeat(62)}\r\n`.repeat(SIZE / 64)}`);

/** A load of so many messages a second, whether or not the server keeps up with it. */
class SteadyLoad implements Disposable {
  readonly #all: readonly Dialog[];
  readonly #free: Dialog[];
  readonly #queue: ((dialog: Dialog) => void)[] = [];

  private constructor(all: readonly Dialog[]) {
    this.#all = all;
    this.#free = [...all];
  }

  static async open(port: number): Promise<SteadyLoad> {
    const sessions = Array.from({ length: SESSIONS }, () => openFor(port, LOAD_CLIENT));
    return new SteadyLoad(await Promise.all(sessions));
  }

  /** Sends for some seconds; answers the milliseconds of each message, waiting for a session among them. */
  async send(seconds: number): Promise<number[]> {
    const start = performance.now();
    const times: Promise<number>[] = [];
    for (let i = 0; i < RATE * seconds; i++) {
      const wait = start + i * 1000 / RATE - performance.now();
      if (wait > 0) await pause(wait);
      times.push(this.#sendOne());
    }
    return await Promise.all(times);
  }

  async #sendOne(): Promise<number> {
    const start = performance.now();
    const dialog = this.#free.pop() ??
      await new Promise<Dialog>((resolve) => this.#queue.push(resolve));
    const replies = await dialog.sendMail("a@client.test", ["b@other.test"], MESSAGE);
    const { code, text } = replies.at(-1)!;
    if (code !== 250) throw new Error(`Cannot send under load: ${code} ${text}`);
    const next = this.#queue.shift();
    if (next === undefined) this.#free.push(dialog);
    else next(dialog);
    return performance.now() - start;
  }

  [Symbol.dispose](): void {
    for (const dialog of this.#all) dialog[Symbol.dispose]();
  }
}

function inWords(counts: unknown): string {
  return counts instanceof Map
    ? [...counts].map(([code, count]) => `${count} x ${code}`).join(", ")
    : `${counts}`;
}

/** Goes on with the load until memory is back within 20 % of what it was; prints how long that takes. */
async function printMemory(
  pid: number,
  load: SteadyLoad,
  before: number,
  crowded: number,
): Promise<void> {
  const start = performance.now();
  let after = await memoryOf(pid, "VmRSS");
  while (after > before * 1.2 && performance.now() - start < MEMORY_SECONDS * 1000) {
    await load.send(1);
    after = await memoryOf(pid, "VmRSS");
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  print(
    "  memory before, with the crowd, after it",
    inMebibytes(before, crowded, after),
    `${(after / before).toFixed(2)} x ${seconds} s after, target 1.2 x`,
  );
}

/** How the server is started, and what it is called. */
interface Way {
  readonly name: string;
  readonly flags: readonly string[];
}

/** Starts a server that takes a crowd; the runtime raises its own limit of descriptors to the hard one. */
function startFor(port: number, most: number, directory: string, flags: readonly string[]) {
  return startMeasured(port, [
    ...smtpdCommand(["--port", `${port}`, "--host", "127.0.0.1"]),
    ...["--max-connections", `${most}`, "--proxy-protocol", "127.0.0.0/8"],
    ...["--relay-from", `${LOAD_CLIENT}/32`, "--local-domain", "local.test"],
    ...["--maildir", `${directory}/mail`, ...flags],
  ]);
}

/** The load while the crowd is there and others knock, and how those are answered. */
async function loadBeside(
  crowd: RemoteCrowd,
  load: SteadyLoad,
  port: number,
): Promise<{ readonly times: number[]; readonly knocks: unknown }> {
  const count = KNOCKS * SECONDS;
  const interval = 1000 / KNOCKS;
  const knocks = crowd.order({ kind: "knock", port, count, first: 20_000, interval });
  return { times: await load.send(SECONDS), knocks: await knocks };
}

/** What the crowd does to the load where it is another server's, on the same machine. */
async function measureElsewhere(directory: string, load: SteadyLoad): Promise<number[]> {
  const port = freePort();
  const flags = ["--no-queue", "--route", "discard"];
  await using _other = await startFor(port, IDLE + SLOW, directory, flags);
  using crowd = new RemoteCrowd();
  await crowd.order({ kind: "gather", port, sizes: { idle: IDLE, slow: SLOW } });
  const { times } = await loadBeside(crowd, load, port);
  await crowd.order({ kind: "leave" });
  return times;
}

async function measure({ name, flags }: Way, directory: string): Promise<void> {
  const [port, tlsPort] = [freePort(), freePort()];
  await using smtpd = await startFor(port, MOST, directory, [
    ...["--tls-port", `${tlsPort}`, "--tls-cert", `${directory}/mx.crt`],
    ...["--tls-key", `${directory}/mx.key`, ...flags],
  ]);
  using load = await SteadyLoad.open(port);
  using crowd = new RemoteCrowd();
  // What is compiled and allocated once is not what a crowd costs.
  await load.send(5);
  const peace = await load.send(SECONDS);
  const before = await memoryOf(smtpd.pid, "VmRSS");
  const elsewhere = await measureElsewhere(directory, load);

  const start = performance.now();
  await crowd.order({ kind: "gather", port, sizes: { idle: IDLE, slow: SLOW } });
  const seconds = (performance.now() - start) / 1000;
  print(
    `slow, ${name}: ${IDLE} idle and ${SLOW} slow come`,
    `in ${seconds.toFixed(1)} s`,
    "stated",
  );
  const crowded = await memoryOf(smtpd.pid, "VmRSS");

  const cpu = await cpuOf(smtpd.pid);
  const { times: under, knocks } = await loadBeside(crowd, load, port);
  const used = (await cpuOf(smtpd.pid) - cpu) / SECONDS;
  printTimes("", peace, under, "target 2 x");
  printTimes(", crowd at another server", peace, elsewhere, "stated");
  print("  CPU of the server meanwhile", `${used.toFixed(2)} of a core`, "stated");
  print(`  ${KNOCKS}/s beyond the limit`, inWords(knocks), `target ${KNOCKS * SECONDS} x 421`);

  print(
    "  the crowd goes on",
    inWords(await crowd.order({ kind: "finish" })),
    `target ${IDLE + SLOW} x 250`,
  );
  await crowd.order({ kind: "leave" });
  await printMemory(smtpd.pid, load, before, crowded);
  await measureHandshakes(crowd, load, { port, tlsPort }, peace);
}

function printTimes(
  when: string,
  peace: readonly number[],
  under: readonly number[],
  target: string,
): void {
  for (const part of [0.5, 0.99]) {
    const [was, is] = [peace, under].map((times) => percentile(times, part));
    print(
      `  ${RATE} messages/s${when}, percentile ${part * 100}`,
      `${is.toFixed(1)} ms, in peace ${was.toFixed(1)} ms`,
      `${(is / was).toFixed(2)} x, ${target}`,
    );
  }
}

/** Begins handshakes that do not go on, and looks at what becomes of them and of the load. */
async function measureHandshakes(
  crowd: RemoteCrowd,
  load: SteadyLoad,
  ports: { readonly port: number; readonly tlsPort: number },
  peace: readonly number[],
): Promise<void> {
  const begun = crowd.order({ kind: "handshakes", ports, count: HALF_OPEN, first: 0 });
  const under = await load.send(SECONDS);
  await begun;
  printTimes(` and ${HALF_OPEN} half-open`, peace, under, "stated");
  const ended = await crowd.order({ kind: "ended" }) as number[];
  const [least, most] = [Math.min(...ended), Math.max(...ended)]
    .map((milliseconds) => (milliseconds / 1000).toFixed(1));
  print(`  ${HALF_OPEN} handshakes end after`, `${least} to ${most} s`, "target 30 s");
  const again = await crowd.order({
    ...{ kind: "knock", port: ports.port, count: HALF_OPEN, first: 40_000, interval: 2 },
  });
  print("  and there is room again", inWords(again), `target ${HALF_OPEN} x 220`);
}

/** Measures without a queue and with one. */
export async function benchSlow(): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "smtpd-bench-" });
  try {
    await Deno.writeTextFile(`${directory}/mx.crt`, MX.certificate);
    await Deno.writeTextFile(`${directory}/mx.key`, MX.key, { mode: 0o600 });
    const ways: Way[] = [
      { name: "no queue", flags: ["--no-queue", "--route", "discard"] },
      { name: "queue", flags: ["--queue", `${directory}/queue`, "--route", "hold"] },
    ];
    for (const way of ways) {
      printLoad();
      await measure(way, directory);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
