/** What is found out about one thing, and how looking for it is kept short. @module */
import type { Clock } from "../../net/clock.ts";
import { inTime } from "../../policy/client_answers.ts";
import type { MaybePromise } from "../../policy/hooks.ts";
import { printable } from "../../smtp/reply.ts";
import { EXIT, failureOf } from "../failure.ts";

/** What was found about one thing; with how to mend it where it is not well. */
export type Finding =
  | { readonly status: "ok" | "skip"; readonly found: string }
  | { readonly status: "warn" | "fail"; readonly found: string; readonly mend: string };

/** Something that is looked at. */
export interface Examination {
  /** What it is, in a word or two. */
  readonly topic: string;
  /** Looks. What it throws is a finding as well, unless it is a bug. */
  examine(signal: AbortSignal): MaybePromise<Finding | readonly Finding[]>;
}

/** It could not be found out, and that says nothing of the thing itself. */
export class Unknown extends Error {
  override readonly name = "Unknown";
}

/** How long one thing may take, in milliseconds. */
const LIMIT = 8_000;

/** All is well. */
export function ok(found: string): Finding {
  return { status: "ok", found };
}

/** There is nothing to look at, or it cannot be seen. */
export function skip(found: string): Finding {
  return { status: "skip", found };
}

/** It works, but not as well as it should, or not for everybody. */
export function warn(found: string, mend: string): Finding {
  return { status: "warn", found, mend };
}

/** It does not work, or does harm. */
export function fail(found: string, mend: string): Finding {
  return { status: "fail", found, mend };
}

/**
 * Looks at one thing, for eight seconds at most.
 *
 * @throws {Failure} for a bug
 */
export async function findingsOf(
  { examine }: Examination,
  clock: Clock,
): Promise<readonly Finding[]> {
  let isLate = false;
  try {
    const found = await inTime(clock, LIMIT, async (signal) => {
      signal.addEventListener("abort", () => isLate = true);
      return await examine(signal);
    });
    return "status" in found ? [found] : found;
  } catch (error) {
    if (isLate) return [skip(`not known, it took more than ${LIMIT / 1000} seconds`)];
    if (error instanceof Unknown) return [skip(`not known, ${printable(error.message)}`)];
    const failure = failureOf(error);
    if (failure.exitCode === EXIT.bug) throw failure;
    return [fail(failure.wrong, failure.mend)];
  }
}
