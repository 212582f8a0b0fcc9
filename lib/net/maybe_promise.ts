/** Going on at once where an answer is there at once: most hooks and most destinations need no wait. @module */
import type { MaybePromise } from "../policy/hooks.ts";

/** Calls `next` with a value, now if it is there. */
export function chain<T, U>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<U>,
): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Calls `ask` and, if it throws now or later, answers what `rescue` makes of the error. */
export function guarded<T, U>(
  ask: () => MaybePromise<T>,
  rescue: (error: unknown) => U,
): MaybePromise<T | U> {
  try {
    const value = ask();
    return value instanceof Promise ? value.catch(rescue) : value;
  } catch (error) {
    return rescue(error);
  }
}

/** Does something with each value, one after the other. */
export function eachInTurn<T>(
  values: readonly T[],
  act: (value: T) => MaybePromise<void>,
): MaybePromise<void> {
  return values.reduce<MaybePromise<void>>(
    (done, value) => chain(done, () => act(value)),
    undefined,
  );
}
