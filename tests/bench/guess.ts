/** What becomes of those who guess passwords from many networks, and of the one who knows his own. */
import { openFor } from "../e2e/proxied.ts";
import { type Answers, guessFrom } from "./guesses.ts";
import {
  cpuOf,
  inMebibytes,
  type Measured,
  memoryOf,
  pause,
  percentile,
  print,
  printLoad,
  smtpdCommand,
  startSmtpd,
} from "./measure.ts";
import { RemoteCrowd } from "./remote_crowd.ts";

const GUESSES = 100_000;
const CLIENTS = 1_000;
/** Made before by as many others, so that what a crowd of clients takes once is not taken for growth. */
const FIRST_GUESSES = 20_000;
/** Guesses are made for so long at most. */
const SECONDS = 100;

const PASSWORD = "open sesame";

const WAVE = { clients: CLIENTS, seconds: SECONDS };

async function addUser(users: string): Promise<void> {
  const [file, ...args] = smtpdCommand(["users", "add", "ali", "--users", users]);
  const child = new Deno.Command(file, { args, stdin: "piped", stdout: "null", stderr: "piped" })
    .spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(`${PASSWORD}\n`));
  await input.close();
  const { success, stderr } = await child.output();
  if (!success) throw new Error(`Cannot add a user: ${new TextDecoder().decode(stderr)}`);
}

/** Logs in with the right password, once a second and each time from a network that was not seen before. */
async function logIns(
  port: number,
  isOver: () => boolean,
): Promise<{ times: number[]; codes: Map<number, number> }> {
  const times: number[] = [];
  const codes = new Map<number, number>();
  for (let i = 0; !isOver(); i++) {
    const start = performance.now();
    using dialog = await openFor(port, `203.${i >> 8 & 255}.${i & 255}.1`);
    const { code } = await dialog.say(`AUTH PLAIN ${btoa(`\0ali\0${PASSWORD}`)}`);
    times.push(performance.now() - start);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    await pause(1000);
  }
  return { times, codes };
}

function printLogIns(
  what: string,
  { times, codes }: { times: readonly number[]; codes: ReadonlyMap<number, number> },
): void {
  const [half, most] = [0.5, 1].map((part) => percentile(times, part).toFixed(0));
  const said = [...codes].map(([code, count]) => `${count} x ${code}`).join(", ");
  const late = times.filter((time) => time > 1000).length;
  print(
    what,
    `median ${half} ms, at most ${most} ms`,
    `${said}, ${late} of them above 1 s; target all 235, none above 1 s`,
  );
}

async function measure({ pid, port }: Measured): Promise<void> {
  using crowd = new RemoteCrowd();
  // So that what is compiled once is not taken for what the guesses cost.
  using _first = await openFor(port, "203.255.255.1");
  await guessFrom({ ...WAVE, port, first: 2 * CLIENTS, clients: 1, guesses: 1 });
  let isOver = false;
  const quiet = logIns(port, () => isOver);
  await pause(5_000);
  isOver = true;
  printLogIns("right logins in peace", await quiet);

  const fresh = await memoryOf(pid, "VmRSS");
  await crowd.order({ kind: "guess", ...WAVE, port, first: CLIENTS, guesses: FIRST_GUESSES });
  await pause(5_000);
  const before = await memoryOf(pid, "VmRSS");
  const cpu = await cpuOf(pid);
  const start = performance.now();
  isOver = false;
  const right = logIns(port, () => isOver);
  const order = { kind: "guess", ...WAVE, port, first: 0, guesses: GUESSES } as const;
  const answers = await crowd.order(order) as Answers;
  isOver = true;
  const seconds = (performance.now() - start) / 1000;
  const used = await cpuOf(pid) - cpu;
  print(
    `guesses of ${GUESSES} from ${CLIENTS} networks`,
    `${[...answers.values()].reduce((sum, count) => sum + count, 0)} in ${seconds.toFixed(1)} s`,
    [...answers].map(([what, count]) => `${count} x ${what}`).join(", "),
  );
  printLogIns("right logins from other networks", await right);
  print("CPU of the server", `${(used / seconds).toFixed(2)} of a core`, "stated");
  const most = await memoryOf(pid, "VmHWM");
  await pause(5_000);
  const after = await memoryOf(pid, "VmRSS");
  print(
    `memory behind ${FIRST_GUESSES} guesses of as many networks, at most, 5 s after`,
    `${inMebibytes(before, most, after)}, ${inMebibytes(fresh)} fresh`,
    `${(after / before).toFixed(2)} x, target 1.2 x`,
  );
}

/** Measures with the limits as they are by default: 10 failed logins of a network in 10 minutes. */
export async function benchGuess(): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "smtpd-bench-" });
  const users = `${directory}/users`;
  try {
    await addUser(users);
    await using smtpd = await startSmtpd([
      ...["--no-queue", "--route", "discard", "--proxy-protocol", "127.0.0.0/8"],
      ...["--users", users, "--auth-without-tls", "--max-connections", "3000"],
    ]);
    printLoad();
    await measure(smtpd);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
