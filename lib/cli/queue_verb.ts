/** What each verb of `smtpd queue` is. @module */
import type { Verb } from "./verb.ts";

/** One verb of the queue. All of them take the flags of the settings. */
export type QueueVerb = Pick<Verb, "usage" | "summary" | "flags" | "run">;
