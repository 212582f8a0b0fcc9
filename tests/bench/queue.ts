/** How fast messages are accepted for good, side by side with Postfix on the same file system. */
import { findPeer } from "../peers.ts";
import { alternating, printSideBySide, sourceFlags, timed } from "./measure.ts";
import { missingPeer, startSideBySide } from "./postfix_peer.ts";

const SIZE = 4096;
const ROUNDS = 5;

/** Rates differ so much that each sends what takes some seconds. */
const COUNTS = { smtpd: 20_000, postfix: 4_000 };

/** Everything is held on both sides, so that nothing but accepting is measured. */
export async function benchQueue(): Promise<void> {
  const missing = missingPeer();
  if (missing !== undefined) return console.log(`queue: not measured, needs ${missing}`);
  const source = findPeer("smtp-source")!;
  await using pair = await startSideBySide(["--route", "hold"], {
    smtpd_recipient_restrictions: "check_client_access static:HOLD",
  });
  const { smtpd, postfix } = pair;
  for (const kept of [true, false]) {
    for (const sessions of [20, 100]) {
      const run = async (port: number, count: number) => {
        const flags = sourceFlags({ kept, sessions, size: SIZE, count });
        return count / await timed(source, [...flags, `127.0.0.1:${port}`]);
      };
      // Postfix starts its processes, and both compile or read what they need.
      await run(smtpd.port, 4_000);
      await run(postfix.port, 1_000);
      const rates = await alternating(
        ROUNDS,
        () => run(smtpd.port, COUNTS.smtpd),
        () => run(postfix.port, COUNTS.postfix),
      );
      const name = `queue, ${sessions} sessions, 4 KiB, ${kept ? "kept" : "new"} connections`;
      printSideBySide(name, rates, "Postfix", kept ? 6 : 4);
    }
  }
}
