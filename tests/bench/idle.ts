/** What an idle session costs, beside a loop that only accepts and reads. */
import { freePort } from "../peers.ts";
import { memoryOf, print, startMeasured, startSmtpd } from "./measure.ts";

const SESSIONS = 2000;

const BARE_LOOP = `
const [port, size] = Deno.args.map(Number);
for await (const connection of Deno.listen({ hostname: "127.0.0.1", port })) {
  (async () => {
    await connection.write(new TextEncoder().encode("220 x\\r\\n"));
    const buffer = new Uint8Array(size);
    while (await connection.read(buffer) !== null) {
      await connection.write(new TextEncoder().encode("250 x\\r\\n"));
    }
  })().catch(() => {});
}`;

/** Connects and says EHLO, \`SESSIONS\` times, and answers what that added to the process, in KiB each. */
async function costOf(pid: number, port: number): Promise<number> {
  // The first sessions pay for compiled code and the like, once.
  const warm = await openSessions(port, 100);
  warm.forEach((connection) => connection.close());
  await settle();
  const before = await memoryOf(pid, "VmRSS");
  const connections = await openSessions(port, SESSIONS);
  await settle();
  const after = await memoryOf(pid, "VmRSS");
  connections.forEach((connection) => connection.close());
  return (after - before) / SESSIONS;
}

async function openSessions(port: number, count: number): Promise<Deno.TcpConn[]> {
  const connections: Deno.TcpConn[] = [];
  const buffer = new Uint8Array(1024);
  for (let i = 0; i < count; i++) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.read(buffer);
    await connection.write(new TextEncoder().encode("EHLO client.example\r\n"));
    await connection.read(buffer);
    connections.push(connection);
  }
  return connections;
}

/** Gives the process under test a moment for what it still has to do; a benchmark has no event for it. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1500));
}

/** Measures smtpd and the bare loop with two sizes of buffer. */
export async function benchIdle(): Promise<void> {
  const flags = ["--max-connections", "3000", "--max-connections-per-ip", "3000"];
  {
    await using smtpd = await startSmtpd([...flags, "--no-queue", "--route", "discard"]);
    const cost = await costOf(smtpd.pid, smtpd.port);
    print(`idle session, of ${SESSIONS}`, `${cost.toFixed(1)} KiB`, "target at most 20 KB");
  }
  for (const size of [512, 64 * 1024]) {
    const port = freePort();
    const script = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(script, BARE_LOOP);
    await using loop = await startMeasured(port, [
      ...[Deno.execPath(), "run", "-q", "--allow-net", "--no-config"],
      ...[script, `${port}`, `${size}`],
    ]);
    const cost = await costOf(loop.pid, port);
    print(`  bare loop with ${size} octets each`, `${cost.toFixed(1)} KiB`, "what bounds it");
    await Deno.remove(script);
  }
}
