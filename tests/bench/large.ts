/** What a message of 1 GiB costs: memory first of all. */
import { findPeer, freePort } from "../peers.ts";
import { memoryOf, print, startMeasured, startSmtpd } from "./measure.ts";

const SIZE = 1024 ** 3;
const LINE = new TextEncoder().encode(`${"x".repeat(76)}\r\n`);

/** Sends one message and answers the seconds from DATA to its 250. */
async function send(port: number): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const reply = new Uint8Array(4096);
  const encoder = new TextEncoder();
  async function say(line: string, code: string): Promise<void> {
    await writeAll(connection, encoder.encode(line));
    const length = await connection.read(reply);
    const text = new TextDecoder().decode(reply.subarray(0, length ?? 0));
    if (!text.startsWith(code)) throw new Error(`Cannot send: ${text}`);
  }
  await say("", "220");
  await say("EHLO client.example\r\n", "250");
  await say("MAIL FROM:<a@example.org>\r\n", "250");
  await say("RCPT TO:<b@example.net>\r\n", "250");
  await say("DATA\r\n", "354");
  const block = new Uint8Array(LINE.length * 4096);
  for (let i = 0; i < 4096; i++) block.set(LINE, i * LINE.length);
  const start = performance.now();
  for (let sent = 0; sent < SIZE; sent += block.length) await writeAll(connection, block);
  await say(".\r\n", "250");
  return (performance.now() - start) / 1000;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  let rest = bytes as Uint8Array<ArrayBuffer>;
  while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
}

async function measure(name: string, flags: readonly string[]): Promise<void> {
  await using smtpd = await startSmtpd(["--max-size", "2GiB", ...flags]);
  const seconds = await send(smtpd.port);
  const peak = await memoryOf(smtpd.pid, "VmHWM") / 1024;
  print(
    `1 GiB, ${name}`,
    `${peak.toFixed(0)} MiB peak, ${(SIZE / seconds / 1e6).toFixed(0)} MB/s`,
    "target below 150 MB",
  );
}

/** Measures a message that is discarded, and one that passes through to a next hop. */
export async function benchLarge(): Promise<void> {
  await measure("discarded", ["--no-queue", "--route", "discard"]);
  const sink = findPeer("smtp-sink");
  if (sink === undefined) return print("1 GiB, passed through", "not measured", "needs smtp-sink");
  const port = freePort();
  await using _sink = await startMeasured(port, [sink, "-u", "nobody", `127.0.0.1:${port}`, "100"]);
  await measure("passed through", ["--no-queue", "--route", `smtp://127.0.0.1:${port}`]);
}
