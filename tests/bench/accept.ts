/** How fast messages are accepted, side by side with Postfix's smtp-sink, which does nothing else. */
import { findPeer, freePort } from "../peers.ts";
import { median, print, startMeasured, startSmtpd, timed } from "./measure.ts";

const SESSIONS = 20;
const SIZE = 4096;
const ROUNDS = 7;

/** Runs both in turn, so that what the machine does meanwhile meets them alike. */
export async function benchAccept(): Promise<void> {
  const source = findPeer("smtp-source");
  const sink = findPeer("smtp-sink");
  if (source === undefined || sink === undefined) {
    return print("accept", "not measured", "needs smtp-source and smtp-sink of Postfix");
  }
  const sinkPort = freePort();
  const sinkCommand = [sink, "-u", "nobody", `127.0.0.1:${sinkPort}`, "1000"];
  await using _sink = await startMeasured(sinkPort, sinkCommand);
  await using smtpd = await startSmtpd(["--route", "discard"]);
  const { port } = smtpd;
  for (const [name, kept, count] of [["kept", true, 20_000], ["new", false, 10_000]] as const) {
    const run = (port: number) =>
      timed(source, [
        ...(kept ? ["-d"] : []),
        ...["-s", `${SESSIONS}`, "-l", `${SIZE}`, "-m", `${count}`],
        ...["-f", "a@example.org", "-t", "b@example.net", `127.0.0.1:${port}`],
      ]);
    const ours: number[] = [];
    const theirs: number[] = [];
    await run(port);
    await run(sinkPort);
    for (let round = 0; round < ROUNDS; round++) {
      // The order changes, so that neither always comes first.
      for (const mine of round % 2 === 0 ? [true, false] : [false, true]) {
        const seconds = await run(mine ? port : sinkPort);
        (mine ? ours : theirs).push(count / seconds);
      }
    }
    const ratio = median(ours.map((rate, i) => rate / theirs[i]));
    print(
      `accept, ${SESSIONS} sessions, 4 KiB, ${name} connections`,
      `${median(ours).toFixed(0)}/s, smtp-sink ${median(theirs).toFixed(0)}/s`,
      `${ratio.toFixed(2)} x, target 0.9 x`,
    );
  }
}
