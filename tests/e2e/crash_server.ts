/**
 * The server of the crash test: the parts of `smtpd serve` put together in the same way, with hooks
 * between them at which the process ends as by `kill -9`. Its arguments are a {@linkcode Script} as JSON,
 * and the flags of `smtpd serve`.
 *
 * Each line of its standard output is a word and what belongs to it: `open PORT`; `recorded ID ADDRESS`
 * for each recipient whose delivery or failure is on stable storage; `empty` once nothing waits in the
 * queue, after `finish` came on standard input; `log JSON` for what is worse than a warning. The end of
 * standard input drains it.
 */
import { queuedWay } from "../../lib/cli/mail_way.ts";
import { serverOptions, waysOf } from "../../lib/cli/compose.ts";
import { parseCommandLine, SETTING_FLAGS } from "../../lib/cli/flags.ts";
import { loadConfig } from "../../lib/cli/load.ts";
import { realSurroundings } from "../../lib/cli/surroundings.ts";
import type { Intake, IntakeTransaction } from "../../lib/net/intake.ts";
import type { Log } from "../../lib/net/log.ts";
import { startServer } from "../../lib/net/server.ts";
import { connectTcp, tcpTransport } from "../../lib/net/tcp_transport.ts";
import type { Transport } from "../../lib/net/transport.ts";
import { type Fault, FAULT_POINTS, type FaultPoint } from "../../lib/queue/fault.ts";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import type { Store } from "../../lib/queue/store.ts";
import { formatMailbox } from "../../lib/smtp/mailbox.ts";
import type { Kill, ServerPoint } from "./crash_points.ts";

/** What the server is to suffer. */
export interface Script {
  readonly kill?: Kill;
  /** Failures of the store. */
  readonly faults?: readonly Fault[];
}

const script: Script = JSON.parse(Deno.args[0]);
const around = realSurroundings();
const config = loadConfig(parseCommandLine(Deno.args.slice(1), SETTING_FLAGS), around);
const utf8 = new TextEncoder();
const latin1 = new TextDecoder("latin1");

/** One write for one line: a line is there whole or not at all. */
function tell(...words: readonly string[]): void {
  Deno.stdout.writeSync(utf8.encode(`${words.join(" ")}\n`));
}

const log: Log = (level, event, fields) => {
  if (level === "warn" || level === "error") tell("log", JSON.stringify({ event, ...fields }));
};

let passes = 0;

/** Says that a point is reached, and does not come back if the process is to end there. */
function reach(point: ServerPoint): void {
  if (script.kill?.point !== point || passes++ < script.kill.skip) return;
  Deno.kill(Deno.pid, "SIGKILL");
  for (;;);
}

/** The fault that kills at one of the store's own points. */
function killingFaults({ kill }: Script): Fault[] {
  const point = FAULT_POINTS.find((point): point is FaultPoint => point === kill?.point);
  return kill === undefined || point === undefined
    ? []
    : [{ point, skip: kill.skip, action: "kill" }];
}

/** Whether the driver wants to know when the queue is empty. */
let isFinishing = false;

async function tellIfEmpty(store: Store): Promise<void> {
  if (isFinishing && (await store.stats()).messages === 0) tell("empty");
}

/** The store, with the points before and behind what is recorded and removed. */
function hookedStore(store: Store): Store {
  const record: Store["record"] = async (lease, attempt, notices) => {
    if (notices.length > 0) reach("notice-made");
    const isRecorded = await store.record(lease, attempt, notices);
    if (!isRecorded) return false;
    if (notices.length > 0) reach("notice-committed");
    for (const { index, state } of attempt.outcomes) {
      const recipient = lease.entry.recipients.find((recipient) => recipient.index === index)!;
      if (state !== "queued") tell("recorded", lease.entry.id, formatMailbox(recipient.mailbox));
    }
    if (attempt.outcomes.some(({ state }) => state === "delivered")) reach("recorded");
    await tellIfEmpty(store);
    return true;
  };
  const sweep: Store["sweep"] = (options) => {
    reach("removal-begun");
    return store.sweep(options);
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "record") return record;
      if (name === "sweep") return sweep;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The intake, with the points in the mail data and behind the commit. */
function hookedIntake(intake: Intake): Intake {
  const hooked = (transaction: IntakeTransaction): IntakeTransaction => ({
    takesLateChanges: transaction.takesLateChanges,
    rcpt: (rcpt, decision) => transaction.rcpt(rcpt, decision),
    data: (trace) => transaction.data(trace),
    async write(bytes) {
      await transaction.write(bytes);
      reach("in-mail-data");
    },
    async end(facts) {
      const answer = await transaction.end(facts);
      if ("code" in answer && answer.code === 250) reach("before-250");
      return answer;
    },
    abort: () => transaction.abort(),
  });
  return {
    async mail(session, mail, id) {
      const begun = await intake.mail(session, mail, id);
      return "code" in begun ? begun : hooked(begun);
    },
  };
}

/** A transport that calls back behind each read and each write. */
function hookedTransport(
  inner: Transport,
  { read, written }: {
    read?: (octets: Uint8Array) => void;
    written?: (octets: Uint8Array) => void;
  },
): Transport {
  return {
    local: inner.local,
    remote: inner.remote,
    async read(buffer) {
      const length = await inner.read(buffer);
      if (length !== null) read?.(buffer.subarray(0, length));
      return length;
    },
    async write(bytes) {
      await inner.write(bytes);
      written?.(bytes);
    },
    closeWrite: () => inner.closeWrite(),
    close: () => inner.close(),
    [Symbol.dispose]: () => inner.close(),
  };
}

/** A connection to the next hop, with the point behind the 250 to a message. */
function watched(transport: Transport): Transport {
  let isEnded = false;
  /** The replies that come before the one to the end: each chunk has one. */
  let chunks = 0;
  return hookedTransport(transport, {
    written(octets) {
      const text = latin1.decode(octets);
      const [, last] = /^BDAT \d+( LAST)?\r\n/.exec(text) ?? [];
      isEnded = last !== undefined || /(?:^|\n)\.\r\n$/.test(text);
      if (text.startsWith("BDAT ") && last === undefined) chunks++;
    },
    read(octets) {
      for (const _ of latin1.decode(octets).matchAll(/^250 /mg)) {
        if (chunks > 0) chunks--;
        else if (isEnded) reach("remote-250-read");
      }
    },
  });
}

const store = hookedStore(
  await openSqliteStore({
    directory: config.queue,
    minFree: config.queueReserve,
    faults: [...script.faults ?? [], ...killingFaults(script)],
    onDamaged: (id, reason) => log("error", "entry-damaged", { id, reason }),
  }),
);
const ways = waysOf(config, { names: new Set([config.hostname]), endpoints: [] }, log);
const way = await queuedWay(store, config, {
  ...ways,
  remote: { ...ways.remote, connect: async (options) => watched(await connectTcp(options)) },
}, log);
const server = startServer(serverOptions(config, hookedIntake(way.intake), log));
// The server is handed its connections, since its own listener cannot be hooked.
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const accepting = (async () => {
  for await (const connection of listener) {
    void server.serve(hookedTransport(tcpTransport(connection), {
      written(octets) {
        if (/^250 2\.0\.0 Queued/m.test(latin1.decode(octets))) reach("after-250");
      },
    }));
  }
})();
tell("open", `${listener.addr.port}`);

for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  isFinishing ||= text.includes("finish");
  await tellIfEmpty(store);
}
listener.close();
await Promise.all([accepting, server.drain(5_000), way.drain(5_000)]);
await server[Symbol.asyncDispose]();
await way[Symbol.asyncDispose]();
