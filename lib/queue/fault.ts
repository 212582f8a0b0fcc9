/** Where a test lets the store fail or the process die. Nothing of it happens unless it is asked for. @module */

/** The steps of the store between which a crash is tried, in their order. */
export const FAULT_POINTS = [
  /** A blob file was made; nothing is in it. */
  "blob-created",
  /** All octets were written to the blob file. */
  "blob-written",
  /** The blob file was flushed. */
  "blob-synced",
  /** Its directory was flushed; the transaction that names it has not begun. */
  "blob-directory-synced",
  /** The writer has begun a transaction. */
  "transaction-begun",
  /** All statements of the transaction ran; it is not committed. */
  "transaction-filled",
  /** The transaction is on stable storage; a failure here is one of COMMIT, which cannot tell. */
  "transaction-flushed",
  /** COMMIT has succeeded; nobody was told. A failure here fails nobody. */
  "transaction-committed",
  /** Blob files of messages that were swept in the last transaction were deleted. */
  "blobs-deleted",
  /** The caller is about to be told that its message is committed. */
  "commit-told",
  /** The caller is about to be told that its attempt is recorded. */
  "record-told",
] as const;

/** One of {@linkcode FAULT_POINTS}. */
export type FaultPoint = typeof FAULT_POINTS[number];

/** What happens at a point: the process ends as by `kill -9`, its worker ends, or the step fails. */
export type FaultAction = "kill" | "end" | "EIO" | "ENOSPC" | "SQLITE_BUSY";

/** One scripted fault. */
export interface Fault {
  readonly point: FaultPoint;
  /** How often the point is passed unharmed first; 0 if left out. */
  readonly skip?: number;
  /** How often it happens; for ever if left out. */
  readonly times?: number;
  readonly action: FaultAction;
}

/** Says that a point is reached. Throws, or does not come back, if a fault is scripted for it. */
export type Reach = (point: FaultPoint) => void;

const NOTHING: Reach = () => {};

/** Makes what the steps of the store call. Passes are counted in each thread by itself. */
export function createReach(faults: readonly Fault[] = []): Reach {
  if (faults.length === 0) return NOTHING;
  const passes = new Map<Fault, number>();
  return (point) => {
    for (const fault of faults) {
      if (fault.point !== point) continue;
      const pass = passes.get(fault) ?? 0;
      passes.set(fault, pass + 1);
      const { skip = 0, times = Infinity } = fault;
      if (pass >= skip && pass < skip + times) strike(fault.action, point);
    }
  };
}

function strike(action: FaultAction, point: FaultPoint): void {
  if (action === "kill") {
    Deno.kill(Deno.pid, "SIGKILL");
    // The signal may reach another thread first; this one must not get any further.
    for (;;);
  }
  const error = new Error(`${action} at ${point}, as scripted`);
  if (action === "end") {
    // Nobody catches this one.
    queueMicrotask(() => {
      throw error;
    });
  }
  throw Object.assign(
    error,
    action === "SQLITE_BUSY" ? { errcode: 5 } : { code: action },
  );
}
