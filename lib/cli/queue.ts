/** `smtpd queue`: a look into the queue, and a hand on it. @module */
import { queueFailure } from "./open_queue.ts";
import { CHANGING } from "./queue_actions.ts";
import { ids } from "./queue_ids.ts";
import { list } from "./queue_list.ts";
import { show } from "./queue_show.ts";
import { flagsOf, runSubVerb, type SubVerbs } from "./sub_verbs.ts";
import type { Verb } from "./verb.ts";

const VERBS: SubVerbs = new Map([
  ["list", list],
  ["show", show],
  ...CHANGING,
  ["ids", ids],
]);

function details(): string {
  return [
    "An ID may be cut short as long as it is the only one that begins so. All filters",
    "that are given must fit. What list shows is on standard output and how much it",
    "was on standard error; a command that changes the queue says on standard output",
    "how many recipients it changed. An empty queue is no error. It works whether or",
    "not the server runs, and the server notices at once. The flags of serve are",
    "taken as well; --queue and --config say which queue.",
  ].join("\n");
}

/** The command. */
export const queue: Verb = {
  usage: "queue <verb> [ID ...]",
  summary: "look at what is queued, and change it",
  takesSettings: true,
  flags: flagsOf(VERBS),
  family: VERBS,
  examples: [{
    purpose: "after a mail host is back",
    line: "smtpd queue flush --domain example.org",
  }],
  details,
  async run(call) {
    try {
      return await runSubVerb("queue", VERBS, call);
    } catch (error) {
      throw queueFailure(error);
    }
  },
};
