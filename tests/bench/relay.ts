/** How fast mail gets through: from its first submission until the next hop has all of it. */
import { findPeer, freePort } from "../peers.ts";
import { alternating, print, printSideBySide, sourceFlags, timed } from "./measure.ts";
import { missingPeer, startSideBySide } from "./postfix_peer.ts";

const SIZE = 4096;
const ROUNDS = 5;
const SESSIONS = 20;

/** Rates differ so much that each sends what takes some seconds. */
const COUNTS = { smtpd: 8_000, postfix: 3_000 };

/** Starts a next hop that ends when it has so many messages; answers when it has. */
export function startSink(port: number, count: number): Promise<Deno.CommandStatus> {
  const args = ["-u", "nobody", "-M", `${count}`, `127.0.0.1:${port}`, "1000"];
  const command = new Deno.Command(findPeer("smtp-sink")!, {
    args,
    stdout: "null",
    stderr: "null",
  });
  return command.spawn().status;
}

/** Waits until somebody listens on a port. */
export async function untilListening(port: number): Promise<void> {
  for (;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Submits messages to a server and waits until its next hop has them; answers messages a second. */
export async function throughput(
  server: number,
  hop: number,
  count: number,
  domains: readonly string[],
): Promise<number> {
  const sunk = startSink(hop, count);
  await untilListening(hop);
  const start = performance.now();
  const each = count / domains.length;
  const sessions = Math.max(1, SESSIONS / domains.length);
  await Promise.all(domains.map((domain) => {
    const flags = sourceFlags({ kept: true, sessions, size: SIZE, count: each, to: `b@${domain}` });
    return timed(findPeer("smtp-source")!, [...flags, `127.0.0.1:${server}`]);
  }));
  await sunk;
  return count / ((performance.now() - start) / 1000);
}

/** Both send everything on to a host that takes all of it at once. */
export async function benchRelay(): Promise<void> {
  const missing = missingPeer();
  if (missing !== undefined) return print("relay", "not measured", `needs ${missing}`);
  const [ourHop, theirHop] = [freePort(), freePort()];
  await using pair = await startSideBySide(["--route", `smtp://127.0.0.1:${ourHop}`], {
    relayhost: `[127.0.0.1]:${theirHop}`,
  });
  const { smtpd, postfix } = pair;
  const many = Array.from({ length: SESSIONS }, (_, i) => `d${i}.example.net`);
  for (const [name, domains] of [["one domain", ["example.net"]], ["20 domains", many]] as const) {
    const ours = (count: number) => throughput(smtpd.port, ourHop, count, domains);
    const theirs = (count: number) => throughput(postfix.port, theirHop, count, domains);
    await ours(2_000);
    await theirs(1_000);
    const rates = await alternating(
      ROUNDS,
      () => ours(COUNTS.smtpd),
      () => theirs(COUNTS.postfix),
    );
    printSideBySide(`relay, ${SESSIONS} sessions, 4 KiB, ${name}`, rates, "Postfix", 3);
  }
}
