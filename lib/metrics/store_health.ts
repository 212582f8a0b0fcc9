/** Whether the queue answers, and takes mail. @module */
import type { Clock } from "../policy/clock.ts";
import type { Shortage, Store } from "../queue/store.ts";
import { sharedQuestion } from "./shared_question.ts";

/** How the queue is. */
export type StoreHealth =
  | { readonly kind: "takes mail" }
  /** It answers, and has no room for more. */
  | { readonly kind: "full"; readonly shortage: Shortage }
  /** It cannot be used now. */
  | { readonly kind: "failed" }
  /** It has not answered in five seconds. */
  | { readonly kind: "silent" };

/** Makes a way to ask how a queue is; answers within five seconds. Never rejects. */
export function storeHealth(store: Pick<Store, "probe">, clock: Clock): () => Promise<StoreHealth> {
  const probe = sharedQuestion(async (): Promise<StoreHealth> => {
    try {
      const shortage = await store.probe();
      return shortage === undefined ? { kind: "takes mail" } : { kind: "full", shortage };
    } catch {
      // What is wrong is in the log where mail was refused for it.
      return { kind: "failed" };
    }
  }, clock);
  return async () => await probe() ?? { kind: "silent" };
}
