/** How fast messages are accepted, side by side with Postfix's smtp-sink, which does nothing else. */
import { findPeer, freePort } from "../peers.ts";
import {
  alternating,
  print,
  printSideBySide,
  sourceFlags,
  startMeasured,
  startSmtpd,
  timed,
} from "./measure.ts";

const SESSIONS = 20;
const SIZE = 4096;
const ROUNDS = 7;

/** Measures both in turn, without a queue: what the disk does is for another part. */
export async function benchAccept(): Promise<void> {
  const source = findPeer("smtp-source");
  const sink = findPeer("smtp-sink");
  if (source === undefined || sink === undefined) {
    return print("accept", "not measured", "needs smtp-source and smtp-sink of Postfix");
  }
  const sinkPort = freePort();
  const sinkCommand = [sink, "-u", "nobody", `127.0.0.1:${sinkPort}`, "1000"];
  await using _sink = await startMeasured(sinkPort, sinkCommand);
  await using smtpd = await startSmtpd(["--no-queue", "--route", "discard"]);
  for (const [name, kept, count] of [["kept", true, 20_000], ["new", false, 10_000]] as const) {
    const run = async (port: number) => {
      const flags = sourceFlags({ kept, sessions: SESSIONS, size: SIZE, count });
      return count / await timed(source, [...flags, `127.0.0.1:${port}`]);
    };
    await run(smtpd.port);
    await run(sinkPort);
    const rates = await alternating(ROUNDS, () => run(smtpd.port), () => run(sinkPort));
    const what = `accept, ${SESSIONS} sessions, 4 KiB, ${name} connections`;
    printSideBySide(what, rates, "smtp-sink", 0.9);
  }
}
