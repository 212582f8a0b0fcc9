/** What a server takes of the machine while a soak lasts. */
import { median, memoryOf } from "../bench/measure.ts";

/** One look at it. */
interface Sample {
  /** Seconds since the watch began. */
  readonly at: number;
  /** Resident memory of the process, in MiB. */
  readonly memory: number;
  readonly descriptors: number;
}

/** What a watch has seen. */
export interface Seen {
  /** Resident memory in MiB, in the middle of each eighth of the time. */
  readonly eighths: readonly number[];
  /** The same of the last quarter, to that of the quarter before it. */
  readonly growth: number;
  /** Open descriptors, the most there were. */
  readonly mostDescriptors: number;
}

/** How often it is looked at, in milliseconds. */
const STEP = 1000;

/** The open descriptors of a process. */
export async function descriptorsOf(pid: number): Promise<number> {
  // By a program, as `memoryOf` does.
  const { stdout } = await new Deno.Command("ls", { args: [`/proc/${pid}/fd`] }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").length;
}

/** Watches a process until it is told that the time is over. */
export function watch(pid: number): { end(): Promise<Seen> } {
  const begun = performance.now();
  const samples: Sample[] = [];
  const over = Promise.withResolvers<void>();
  let isOver = false;

  async function look(): Promise<void> {
    while (!isOver) {
      samples.push({
        at: (performance.now() - begun) / 1000,
        memory: await memoryOf(pid, "VmRSS") / 1024,
        descriptors: await descriptorsOf(pid),
      });
      await Promise.race([over.promise, new Promise((resolve) => setTimeout(resolve, STEP))]);
    }
  }

  const looking = look();

  /** The memory in the middle of a part of the time. */
  function between(from: number, to: number): number {
    const end = samples.at(-1)!.at;
    return median(
      samples.filter(({ at }) => at >= from * end && at <= to * end).map(({ memory }) => memory),
    );
  }

  return {
    async end() {
      isOver = true;
      over.resolve();
      await looking;
      return {
        eighths: Array.from({ length: 8 }, (_, i) => between(i / 8, (i + 1) / 8)),
        growth: between(0.75, 1) / between(0.5, 0.75),
        mostDescriptors: Math.max(...samples.map(({ descriptors }) => descriptors)),
      };
    },
  };
}
