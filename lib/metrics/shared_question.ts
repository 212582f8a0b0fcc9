/** A question that is asked once at a time, and for whose answer nobody waits too long. @module */
import type { Clock } from "../policy/clock.ts";

/** How long somebody waits for an answer, in milliseconds: less than a scrape of Prometheus may take. */
const PATIENCE = 5_000;

/**
 * Makes a way to ask. Who asks while an answer is awaited shares it. Answers nothing where it does not come in
 * five seconds, and at once as long as it has not come behind these.
 */
export function sharedQuestion<T>(
  ask: () => Promise<T>,
  clock: Clock,
): () => Promise<T | undefined> {
  let asked: { readonly since: number; readonly answer: Promise<T> } | undefined;
  return async () => {
    const now = clock.now();
    asked ??= { since: now, answer: ask().finally(() => asked = undefined) };
    const { since, answer } = asked;
    // Whoever comes now must not pile up behind what may never be answered.
    if (now - since >= PATIENCE) return undefined;
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    using _timer = clock.after(PATIENCE - (now - since), () => resolve(undefined));
    return await Promise.race([answer, late]);
  };
}
