/** What a queue of a million recipients costs: memory, start, questions, and the rate of what is due. */
import { openForWriting, prepareFiles } from "../../lib/queue/schema.ts";
import { insertMessage } from "../../lib/queue/sqlite_messages.ts";
import { messageRow } from "../../lib/queue/sqlite_rows.ts";
import { GroupWriter } from "../../lib/queue/sqlite_session.ts";
import { findPeer, freePort } from "../peers.ts";
import {
  alternating,
  memoryOf,
  print,
  printSideBySide,
  smtpdCommand,
  startSmtpd,
} from "./measure.ts";
import { startSink, throughput, untilListening } from "./relay.ts";

const MESSAGES = 1_000_000;
const DOMAINS = 10_000;
const GROUP = 5_000;
const ROUNDS = 3;
const COUNT = 5_000;
const DAY = 86_400_000;

/** Fills a state directory with messages of one recipient, due in a day. Nobody waits for the disk here. */
function fill(directory: string): string {
  prepareFiles(directory);
  const database = openForWriting(directory);
  database.exec("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000");
  const writer = new GroupWriter(database, () => {});
  const octets = new TextEncoder().encode(`Subject: x\r\n\r\n${"x".repeat(500)}\r\n`);
  const now = Date.now();
  let id = "";
  for (let made = 0; made < MESSAGES;) {
    const rows = Array.from({ length: GROUP }, () => {
      const number = made++;
      id = number.toString().padStart(16, "0");
      const domain = `d${number % DOMAINS}.test`;
      const entry = {
        id,
        mail: {
          reversePath: { localPart: `sender${number % 1000}`, domain: "example.org" },
          smtpUtf8: false,
        },
        accepted: now - MESSAGES + number,
        expires: now + 5 * DAY,
        origin: { client: "127.0.0.1", heloName: "client.test", protocol: "ESMTP" },
        recipients: [{
          mailbox: { localPart: `user${number}`, domain },
          domain,
          due: now + DAY,
          held: false,
        }],
      };
      return { ...messageRow(entry, octets.length), octets };
    });
    writer.run(rows.map((row) => (transaction) => insertMessage(transaction, row)));
  }
  database.close();
  return id;
}

/** Makes everything due. */
function makeDue(directory: string): void {
  const database = openForWriting(directory);
  database.exec(`
    PRAGMA synchronous = OFF;
    UPDATE recipient SET due = 1, ready = 1 WHERE ready IS NOT NULL;
    UPDATE domain SET ready = 1;
  `);
  database.close();
}

/** Runs a shell command to its end; answers the milliseconds, the best of three. */
async function quickest(command: string): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `${command} >/dev/null`],
      stderr: "null",
    }).output();
    if (!success) throw new Error(`Cannot measure: ${command} fails`);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Measures it all. */
export async function benchMillion(): Promise<void> {
  if (findPeer("smtp-sink") === undefined) {
    return print("million", "not measured", "needs smtp-sink");
  }
  const directory = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "smtpd-bench-" });
  try {
    const id = fill(`${directory}/long`);
    const [longHop, shortHop] = [freePort(), freePort()];
    const flags = (name: string, hop: number) => [
      ...["--queue", `${directory}/${name}`, "--route", `smtp://127.0.0.1:${hop}`],
      ...["--max-connections-per-ip", "1000"],
    ];
    {
      const start = performance.now();
      await using long = await startSmtpd(flags("long", longHop));
      const seconds = (performance.now() - start) / 1000;
      print("million, start to 220", `${seconds.toFixed(2)} s`, "target 5 s");
      await using short = await startSmtpd(flags("short", shortHop));
      await measureQuestions(`${directory}/long`, id);
      const hop = ["example.net"];
      await throughput(long.port, longHop, COUNT, hop);
      await throughput(short.port, shortHop, COUNT, hop);
      const rates = await alternating(
        ROUNDS,
        () => throughput(long.port, longHop, COUNT, hop),
        () => throughput(short.port, shortHop, COUNT, hop),
      );
      printSideBySide("million, rate of what is due", rates, "short queue", 0.8);
      const [now, peak] = [await memoryOf(long.pid, "VmRSS"), await memoryOf(long.pid, "VmHWM")];
      print(
        "million, memory of the server",
        `${(now / 1024).toFixed(0)} MiB, peak ${(peak / 1024).toFixed(0)} MiB`,
        "target 300 MB",
      );
    }
    makeDue(`${directory}/long`);
    const sunk = startSink(longHop, 4 * COUNT);
    await untilListening(longHop);
    const start = performance.now();
    await using due = await startSmtpd(flags("long", longHop));
    await sunk;
    const rate = 4 * COUNT / ((performance.now() - start) / 1000);
    const peak = await memoryOf(due.pid, "VmHWM");
    print(
      "million, all of it due",
      `${rate.toFixed(0)}/s, peak ${(peak / 1024).toFixed(0)} MiB`,
      "start included",
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The commands of an operator, beside one that only starts. */
async function measureQuestions(queue: string, id: string): Promise<void> {
  const smtpd = smtpdCommand([]).join(" ");
  const startUp = await quickest(`${smtpd} version`);
  const table = [
    ["queue list | head", `${smtpd} queue list --queue ${queue} | head`],
    ["queue list --domain | head", `${smtpd} queue list --domain d77.test --queue ${queue} | head`],
    ["queue show", `${smtpd} queue show ${id} --queue ${queue}`],
  ];
  for (const [name, command] of table) {
    const time = await quickest(command);
    print(
      `million, ${name}`,
      `${time.toFixed(0)} ms, version ${startUp.toFixed(0)} ms`,
      "target 200 ms",
    );
  }
}
