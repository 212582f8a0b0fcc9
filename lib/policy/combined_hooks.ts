/** Several policies as one. @module */
import type { Hooks, MaybePromise, Verdict } from "./hooks.ts";

/** Hooks without `data`: the content of a message can be read by one only. */
export type CombinableHooks = Omit<Hooks, "data">;

async function firstRefusal(
  asked: readonly (() => MaybePromise<Verdict | void>)[],
): Promise<Verdict | void> {
  let last: Verdict | void = undefined;
  for (const ask of asked) {
    const verdict = await ask();
    if (typeof verdict === "object") return verdict;
    last ??= verdict;
  }
  return last;
}

/** Asks policies in order. The first refusal counts; one `"permit"` is enough where nobody refuses. */
export function combinedHooks(policies: readonly CombinableHooks[]): CombinableHooks {
  if (policies.length <= 1) return policies[0] ?? {};
  return {
    connect: (session) => firstRefusal(policies.map((each) => () => each.connect?.(session))),
    helo: (session) => firstRefusal(policies.map((each) => () => each.helo?.(session))),
    mail: (session, mail) => firstRefusal(policies.map((each) => () => each.mail?.(session, mail))),
    rcpt: (session, rcpt, mail) =>
      firstRefusal(policies.map((each) => () => each.rcpt?.(session, rcpt, mail))),
  };
}
