/** `smtpd queue`: a look into the queue, and a hand on it. @module */
import { queueFailure } from "./open_queue.ts";
import { CHANGING } from "./queue_actions.ts";
import { list } from "./queue_list.ts";
import { show } from "./queue_show.ts";
import { flagsOf, runSubVerb, type SubVerbs, summariesOf } from "./sub_verbs.ts";
import type { Verb } from "./verb.ts";

const VERBS: SubVerbs = new Map([
  ["list", list],
  ["show", show],
  ...CHANGING,
]);

function details(): string {
  return [
    ...summariesOf("queue", VERBS),
    "",
    "An ID may be cut short as long as it is the only one that begins so. Filters:",
    "",
    "  --to TEXT         part of the recipient's address",
    "  --from TEXT       part of the reverse-path",
    "  --domain DOMAIN   the recipient's domain",
    "  --state STATE     queued, held, delivered, failed or removed",
    "  --older DURATION  accepted longer ago than that",
    "  --json            one object a line, times in UTC; for people they are local",
    "  --all             everything, for commands that change the queue",
    "",
    "All filters that are given must fit. What list shows is on standard output and",
    "how much it was on standard error; a command that changes the queue says on",
    "standard output how many recipients it changed. An empty queue is no error.",
    "It works whether or not the server runs, and the server notices at once.",
    "The flags of serve are taken as well; --queue and --config say which queue.",
    "Example, after a mail host is back:",
    "",
    "  smtpd queue flush --domain example.org",
  ].join("\n");
}

/** The command. */
export const queue: Verb = {
  usage: "queue <verb> [ID ...]",
  summary: "look at what is queued, and change it",
  takesSettings: true,
  flags: flagsOf(VERBS),
  details,
  async run(call) {
    try {
      return await runSubVerb("queue", VERBS, call);
    } catch (error) {
      throw queueFailure(error);
    }
  },
};
