/** `smtpd queue`: a look into the queue, and a hand on it. @module */
import { ConfigError } from "../config/sources.ts";
import { nearest } from "../config/names.ts";
import { shown } from "../config/sources.ts";
import { EXIT, Failure } from "./failure.ts";
import type { Flag } from "./flags.ts";
import { queueFailure } from "./open_queue.ts";
import { CHANGING } from "./queue_actions.ts";
import { list } from "./queue_list.ts";
import { FILTER_FLAGS } from "./queue_selection.ts";
import { show } from "./queue_show.ts";
import type { QueueVerb } from "./queue_verb.ts";
import type { Verb } from "./verb.ts";

const VERBS: ReadonlyMap<string, QueueVerb> = new Map([
  ["list", list],
  ["show", show],
  ...CHANGING,
]);

const NAMES = [...VERBS.keys()];

const FLAGS: readonly Flag[] = [
  ...FILTER_FLAGS,
  { name: "json", repeatable: false },
  { name: "all", repeatable: false },
];

function verbCalled(name: string | undefined): [string, QueueVerb] {
  if (name === undefined) {
    throw new Failure(EXIT.usage, "an argument is missing", `write smtpd queue ${NAMES.join("|")}`);
  }
  const verb = VERBS.get(name);
  if (verb !== undefined) return [name, verb];
  const meant = nearest(name, NAMES);
  const mend = meant === undefined ? `give ${NAMES.join(", ")}` : `did you mean ${meant}?`;
  throw new Failure(EXIT.usage, `unknown command queue ${shown(name)}`, mend);
}

function details(): string {
  const verbs = [...VERBS.values()].map(({ usage, summary }) =>
    `  queue ${usage.padEnd(24)}\n      ${summary}`
  );
  return [
    ...verbs,
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
  summary: "list, show, flush, retry, hold, release, bounce or remove what is queued",
  takesSettings: true,
  flags: FLAGS,
  details,
  async run(call) {
    const [name, ...operands] = call.operands;
    const [called, verb] = verbCalled(name);
    const own = verb.flags ?? [];
    for (const { name } of FLAGS) {
      if (!call.flags.has(name) || own.some((flag) => flag.name === name)) continue;
      throw new ConfigError("flag", `smtpd queue ${called} takes no --${name}`, "leave it out");
    }
    try {
      return await verb.run({ ...call, operands });
    } catch (error) {
      throw queueFailure(error);
    }
  },
};
