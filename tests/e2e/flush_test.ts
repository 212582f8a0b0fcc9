/** No client is told 250 before its message was flushed to the disk: the system's word for it. */
import { assert, assertEquals } from "@std/assert";
import { peerTest } from "../peers.ts";
import { eventually, runProgram, startSmtpdUnder, temporaryDirectory } from "./smtpd.ts";
import { octetsOf, readCalls, straceFlags, type SystemCall } from "./system_calls.ts";

const CALLS = ["fsync", "fdatasync", "pwrite64", "write", "writev", "sendto", "sendmsg"];

const SYNCS = ["fsync", "fdatasync"];

/** Octets of a frame of SQLite's log in front of its page, and of the page. */
const FRAME_HEADER = 24;
const PAGE = 4096;
/** Octets of the header in front of all frames. */
const LOG_HEADER = 32;

/** One page in the log. */
interface Frame {
  readonly text: string;
  /** Whether it is the last one of its transaction. */
  readonly isLast: boolean;
  readonly begun: number;
  readonly ended: number;
}

/** A 250 to a message. */
interface Acknowledgement {
  readonly id: string;
  readonly begun: number;
}

/** The pages in the log, in order (https://www.sqlite.org/fileformat2.html#walformat). */
function framesOf(calls: readonly SystemCall[]): Frame[] {
  const frames: Frame[] = [];
  let header: SystemCall | undefined;
  for (const call of calls) {
    if (call.name !== "pwrite64" || !call.path.endsWith("/queue.db-wal")) continue;
    if (call.result === FRAME_HEADER) {
      header = call;
    } else if (call.result === PAGE) {
      assert(header !== undefined, "a page of the log has no header");
      // The size of the database after the commit; 0 for a frame that is not the last.
      const isLast = octetsOf(header).slice(4, 8).some((octet) => octet !== 0);
      frames.push({ text: call.text, isLast, begun: header.begun, ended: call.ended });
      header = undefined;
    } else {
      assertEquals(call.result, LOG_HEADER, `the log is written in another way: ${call.text}`);
    }
  }
  return frames;
}

function acknowledgements(calls: readonly SystemCall[]): Acknowledgement[] {
  return calls
    .filter(({ name, path }) => !SYNCS.includes(name) && path.startsWith("socket:"))
    .flatMap(({ text, begun }) =>
      [...text.matchAll(/250 2\.0\.0 Queued as (\w{16})/g)].map(([, id]) => ({ id, begun }))
    );
}

/** The first flush of a path that began behind a moment, and did not fail. */
function flushed(calls: readonly SystemCall[], path: RegExp, behind: number): SystemCall {
  const sync = calls.find((call) =>
    SYNCS.includes(call.name) && path.test(call.path) && call.begun > behind
  );
  assert(sync !== undefined, `${path} was not flushed`);
  assertEquals(sync.result, 0);
  return sync;
}

/** Holds that the file of a message was flushed, and its directory, before the log named it. */
function assertBlobFlushed(calls: readonly SystemCall[], id: string, named: number): void {
  const isBlob = ({ name, path }: SystemCall) => name === "write" && /\/blobs\/\w+$/.test(path);
  // Its Received field, at its beginning, has the id.
  const first = calls.find((call) => isBlob(call) && call.text.includes(id));
  assert(first !== undefined, `${id} has no file`);
  const writes = calls.filter((call) => isBlob(call) && call.path === first.path);
  const written = Math.max(...writes.map(({ ended }) => ended));
  const file = flushed(calls, new RegExp(`^${first.path}$`), written);
  const directory = flushed(calls, /\/blobs$/, file.ended);
  assert(directory.ended < named, `the log has named the file of ${id} before it was flushed`);
}

/** Holds that every message which was acknowledged had been flushed; answers how many there were. */
function assertFlushed(calls: readonly SystemCall[], isLarge: boolean): number {
  const frames = framesOf(calls);
  const acknowledged = acknowledgements(calls);
  for (const { id, begun } of acknowledged) {
    const first = frames.findIndex(({ text }) => text.includes(id));
    assert(first >= 0, `${id} is not in the log`);
    const last = frames.slice(first).find(({ isLast }) => isLast);
    assert(last !== undefined, `the transaction of ${id} has no end`);
    const sync = flushed(calls, /\/queue\.db-wal$/, last.ended);
    assert(sync.ended < begun, `${id} was acknowledged before its flush had returned`);
    if (isLarge) assertBlobFlushed(calls, id, frames[first].begun);
  }
  return acknowledged.length;
}

/** How many flushes there were for each message from the first greeting to the last acknowledgement. */
function flushesPerMessage(calls: readonly SystemCall[], messages: number): string {
  const from =
    calls.find(({ path, text }) => path.startsWith("socket:") && text.includes('"220 '))!.begun;
  const to = acknowledgements(calls).at(-1)!.begun;
  const syncs = calls.filter(({ name, begun }) =>
    SYNCS.includes(name) && begun > from && begun < to
  );
  const count = (path: RegExp) =>
    (syncs.filter((call) => path.test(call.path)).length / messages).toFixed(3);
  return `log ${count(/\/queue\.db-wal$/)}, database ${count(/\/queue\.db$/)}, ` +
    `files ${count(/\/blobs\/\w+$/)}, their directory ${count(/\/blobs$/)}`;
}

const CASES = [
  { sessions: 1, messages: 50, size: 2_000 },
  { sessions: 20, messages: 400, size: 2_000 },
  { sessions: 100, messages: 1_000, size: 2_000 },
  { sessions: 1, messages: 5, size: 300_000 },
  { sessions: 20, messages: 40, size: 300_000 },
  { sessions: 100, messages: 100, size: 300_000 },
];

peerTest({
  name: "server flushes a message before it says 250, and many messages at once",
  needs: ["strace", "smtp-source"],
  async fn({ strace, "smtp-source": source }, t) {
    const probe = await runProgram(strace, ["-f", "--seccomp-bpf", "true"]);
    assertEquals(probe.code, 0, `Cannot trace a program here: ${probe.text}`);
    const figures: string[] = [];
    for (const { sessions, messages, size } of CASES) {
      const what = `${sessions} sessions, ${messages} messages of ${size} octets`;
      await t.step(what, async () => {
        using directory = temporaryDirectory();
        const file = `${directory.path}/trace`;
        {
          await using smtpd = await startSmtpdUnder(
            [strace, ...straceFlags(CALLS, file)],
            ...["--route", "hold", "--max-connections-per-ip", "200"],
          );
          const { code, text } = await runProgram(source, [
            ...["-d", "-s", `${sessions}`, "-m", `${messages}`, "-l", `${size}`],
            ...["-f", "a@client.test", "-t", "b@other.test", `127.0.0.1:${smtpd.port}`],
          ]);
          assertEquals(code, 0, text);
        }
        // strace itself ends a moment behind the server.
        const trace = await eventually(async () => {
          const trace = await Deno.readTextFile(file);
          return /\+\+\+ exited with 0 \+\+\+\n$/.test(trace) ? trace : undefined;
        });
        const calls = readCalls(trace);
        assertEquals(assertFlushed(calls, size > 256 * 1024), messages);
        figures.push(`${what}: flushes per message: ${flushesPerMessage(calls, messages)}`);
      });
    }
    console.log(figures.join("\n"));
  },
});
