/** Several policies as one. @module */
import type { Hooks, MaybePromise, RcptDecision, Verdict } from "./hooks.ts";
import type { Reply } from "../smtp/reply.ts";
import { readRcptVerdict, readVerdict } from "./verdict.ts";

/** Hooks without `data`: the content of a message can be read by one only. */
export type CombinableHooks = Omit<Hooks, "data">;

async function firstRefusal(
  asked: readonly (() => MaybePromise<Verdict | void>)[],
): Promise<Reply | void> {
  for (const ask of asked) {
    const refusal = readVerdict(await ask());
    if (refusal !== undefined) return refusal;
  }
}

/** Each policy is asked about the recipient that the client named, whatever others make of it. */
async function decideTogether(
  asked: readonly (() => MaybePromise<Verdict | RcptDecision | void>)[],
): Promise<Reply | RcptDecision> {
  let together: RcptDecision = {};
  for (const ask of asked) {
    const decision = readRcptVerdict(await ask());
    if ("code" in decision) return decision;
    const permit = together.permit || decision.permit;
    together = { ...decision, ...together, ...permit !== undefined && { permit } };
  }
  return together;
}

/**
 * Asks policies in order. The first refusal counts. Where nobody refuses a recipient, one permit is enough,
 * and its forward-paths and its route are those of the first policy that has some.
 */
export function combinedHooks(policies: readonly CombinableHooks[]): CombinableHooks {
  if (policies.length <= 1) return policies[0] ?? {};
  return {
    connect: (session) => firstRefusal(policies.map((each) => () => each.connect?.(session))),
    helo: (session) => firstRefusal(policies.map((each) => () => each.helo?.(session))),
    mail: (session, mail) => firstRefusal(policies.map((each) => () => each.mail?.(session, mail))),
    rcpt: (session, rcpt, mail) =>
      decideTogether(policies.map((each) => () => each.rcpt?.(session, rcpt, mail))),
  };
}
