/** A server whose store fails says so, loses nothing, and goes on by itself once the store is well. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Fault,
  FAULT_POINTS,
  type FaultAction,
  type FaultPoint,
} from "../../lib/queue/fault.ts";
import { CrashWorld, inTime } from "./crash_world.ts";
import { sourceTest } from "./smtpd.ts";

const ACTIONS: readonly FaultAction[] = ["EIO", "ENOSPC", "SQLITE_BUSY"];

/** How often each failure happens, and how often the point is passed unharmed before. */
const TIMES = 6;
const WELL = 6;

/** One failure after the other, each over when the next begins. */
function faultsAt(point: FaultPoint): Fault[] {
  return ACTIONS.map((action, i) => ({
    point,
    action,
    skip: WELL + i * (TIMES + WELL),
    times: TIMES,
  }));
}

for (const [i, point] of FAULT_POINTS.entries()) {
  // Between the end of the transaction and its answer there is nothing that could fail.
  if (point === "transaction-committed") continue;
  sourceTest(`server whose store fails at ${point} loses nothing and goes on`, async () => {
    await using world = new CrashWorld({
      seed: i + 1,
      clients: 10,
      oneLargeIn: 3,
      // Where it is not known whether a message was kept, the client has to send it again.
      mayKeepRefused: point === "commit-told" || point === "transaction-flushed",
    });
    const life = world.begin({ faults: faultsAt(point) });
    // What cannot be deleted is an orphan for the next start, and nobody is told.
    if (point !== "blobs-deleted") {
      for (const action of ACTIONS) {
        await inTime(`there is ${action}`, world.logs(`${action} at ${point}, as`), life);
      }
    }
    await inTime("mail is taken again", world.ledger.acknowledgedMore(50), life);
    const { delivered, bounced } = await world.finish(life);
    assert(delivered > 0 && bounced > 0);
    const isToldToClients = /^(blob-|transaction-|commit-)/.test(point);
    assertEquals(world.refusals.size > 0, isToldToClients);
    for (const refusal of world.refusals.keys()) assertMatch(refusal, /^45[12] 4\.3\.[01] /);
  });
}
