/** What is found out of the addresses of clients by asking others: in a time, and once for a while. @module */
import type { Clock } from "./clock.ts";
import { putLast } from "./limited_map.ts";

/** How long an answer is kept, in milliseconds, and for how many addresses. */
const KEPT = 5 * 60_000;
const MOST_KEPT = 4096;

/**
 * Asks, and rejects after `timeout` milliseconds. Whoever does not heed the signal is not waited for,
 * either.
 */
export async function inTime<T>(
  clock: Clock,
  timeout: number,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  using _ = clock.after(timeout, () => {
    const error = new Error("Cannot wait any longer for an answer");
    late.abort(error);
    reject(error);
  });
  return await Promise.race([ask(late.signal), expired]);
}

/**
 * Makes of a question, which must not reject, one whose answers are kept for five minutes, for 4096
 * addresses at most.
 */
export function keptAnswers<T>(
  clock: Clock,
  ask: (address: string) => Promise<T>,
): (address: string) => Promise<T> {
  const known = new Map<string, { readonly until: number; readonly answer: Promise<T> }>();
  return (address) => {
    const now = clock.now();
    const before = known.get(address);
    if (before !== undefined && before.until > now) return before.answer;
    const answer = ask(address);
    putLast(known, address, { until: now + KEPT, answer }, MOST_KEPT);
    return answer;
  };
}
