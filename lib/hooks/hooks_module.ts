/** What a module of hooks exports: the types that its author writes by. @module */
import type { Hooks, MaybePromise } from "../policy/hooks.ts";

/** The steps at which a module can be asked: the names that it may export. */
export type HookStep = keyof Hooks;

/** Every step, in the order of a session. */
export const HOOK_STEPS: readonly HookStep[] = ["connect", "helo", "mail", "rcpt", "data"];

/** A refusal as a module writes it; a `Reply` with its `lines` will do as well. */
export interface HookRefusal {
  /** The code of the reply, 400 to 599. */
  readonly code: number;
  /** The enhanced status code, such as `5.7.1`; its class is the first digit of the code. */
  readonly enhanced?: string;
  /** The text of the reply, at most ten lines. */
  readonly text: string;
}

/** What a hook of a module answers: what any hook may, and refusals that are easier to write. */
export type HookAnswer<Step extends HookStep> =
  | Awaited<ReturnType<NonNullable<Hooks[Step]>>>
  | HookRefusal;

/**
 * The exports of a module that `--hooks` names. It runs in a process of its own without any rights, so it
 * imports nothing but these types. What an exported hook throws counts as its answer where it has the `code`
 * of a refusal; the text may then be the `message` of an error.
 *
 * @example
 * ```ts
 * import type { HooksModule } from "@smtpd/smtpd";
 *
 * export const rcpt: HooksModule["rcpt"] = (_session, { forwardPath }) => {
 *   if (forwardPath.localPart === "nobody") {
 *     return { code: 550, enhanced: "5.1.1", text: "No such mailbox" };
 *   }
 * };
 * ```
 */
export type HooksModule = {
  readonly [Step in HookStep]?: (
    ...args: Parameters<NonNullable<Hooks[Step]>>
  ) => MaybePromise<HookAnswer<Step>>;
};
