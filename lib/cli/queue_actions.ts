/** The verbs of `smtpd queue` that change it. @module */
import type { StoreReader } from "../queue/sqlite_reader.ts";
import type { Filter, RecipientState } from "../queue/store.ts";
import type { Action } from "../relay/operator_action.ts";
import { EXIT, Failure } from "./failure.ts";
import { openQueue, openQueueReader, queueFailure } from "./open_queue.ts";
import type { Operator } from "./operator.ts";
import { NO_PROGRESS, showProgress } from "./progress.ts";
import {
  FILTER_FLAGS,
  filterOf,
  IDS,
  idsOf,
  isEverything,
  JSON_FLAG,
  messagesOf,
} from "./queue_selection.ts";
import { asciiJson, counted } from "./queue_words.ts";
import type { Call, SubVerb } from "./verb.ts";

/** A verb that changes the queue. */
interface Change {
  readonly name: string;
  readonly action: Action;
  /** The states in which it finds something to do. */
  readonly states: readonly RecipientState[];
  /** What was done, in front of the number of recipients. */
  readonly done: string;
  readonly summary: string;
  /** Whether it is for everything where nothing was chosen. */
  readonly isForAll?: boolean;
  /** Whether next hops that are down are probed now. */
  readonly forgives?: boolean;
}

/** Messages that are changed by one request; others get their turn between two. */
const CHUNK = 200;

/** The ids of what a filter means, in chunks. */
async function* chunksOf(
  reader: StoreReader,
  filter: Filter,
  states: readonly RecipientState[],
): AsyncGenerator<string[]> {
  let chunk: string[] = [];
  for await (const { id } of messagesOf(reader, filter, states)) {
    chunk.push(id);
    if (chunk.length < CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

async function carryOut(
  change: Change,
  filter: Filter,
  reader: StoreReader,
  operator: Operator,
  isTerminal: boolean,
): Promise<number> {
  const isAll = isEverything({ ...filter, before: undefined });
  const total = filter.ids?.length ?? (isAll ? (await reader.stats()).messages : undefined);
  using progress = isTerminal ? showProgress({ total }) : NO_PROGRESS;
  let count = 0;
  let messages = 0;
  for await (const ids of chunksOf(reader, filter, change.states)) {
    count += await operator.act(change.action, { ...filter, ids });
    progress.at(messages += ids.length);
  }
  return count;
}

async function runChange(change: Change, call: Call): Promise<number> {
  const { operands, around } = call;
  const now = Date.now();
  const chosen = filterOf(call, now);
  const isAll = call.flags.has("all");
  const isChosen = operands.length > 0 || !isEverything(chosen);
  if (isAll && isChosen) {
    throw new Failure(EXIT.usage, "--all is for everything", "leave it out, or give it alone");
  }
  if (!isAll && !isChosen && change.isForAll !== true) {
    const mend = "give ids or filters, or --all for everything";
    throw new Failure(EXIT.usage, `nothing says what to ${change.name}`, mend);
  }
  const config = call.config();
  const reader = openQueueReader(config);
  await using _ = reader;
  const ids = operands.length === 0 ? undefined : await idsOf(reader, operands);
  // What comes in from now on is not meant.
  const filter = { ...chosen, ids, before: chosen.before ?? now + 1 };
  let count = 0;
  let hasServer = true;
  if (reader !== undefined) {
    await using operator = await openQueue(config);
    hasServer = operator.hasServer;
    try {
      // A next hop is to be probed before what is due for it is put off again.
      if (change.forgives) await operator.forgive();
      count = await carryOut(change, filter, reader, operator, around.system.isTerminal());
    } catch (error) {
      throw queueFailure(error);
    }
  }
  around.out(
    call.flags.has("json")
      ? asciiJson({ action: change.name, recipients: count })
      : `${change.done} ${counted(count, "recipient")}`,
  );
  const isForServer = change.action === "retry" || change.action === "release";
  if (isForServer && count > 0 && !hasServer) {
    around.err("no server runs on this queue; they are due once one does");
  }
  return count;
}

const CHANGES: readonly Change[] = [
  {
    name: "flush",
    action: "retry",
    states: ["queued"],
    done: "due now:",
    summary: "attempt now, and probe next hops that are down; everything if nothing is chosen",
    isForAll: true,
    forgives: true,
  },
  {
    name: "retry",
    action: "retry",
    states: ["queued"],
    done: "due now:",
    summary: "make the next attempt now",
  },
  {
    name: "hold",
    action: "hold",
    states: ["queued"],
    done: "held",
    summary: "attempt no more until released",
  },
  {
    name: "release",
    action: "release",
    states: ["held"],
    done: "released",
    summary: "attempt what was held, now",
  },
  {
    name: "bounce",
    action: "bounce",
    states: ["queued", "held"],
    done: "bounced",
    summary: "give up and tell the sender; what is being attempted now is left out",
  },
  {
    name: "remove",
    action: "remove",
    states: ["queued", "held"],
    done: "removed",
    summary: "give up without a word to the sender",
  },
];

/** The commands by name. */
export const CHANGING: ReadonlyMap<string, SubVerb> = new Map(
  CHANGES.map((change): [string, SubVerb] => [change.name, {
    usage: `${change.name} ${change.isForAll ? "[ID ...]" : "[ID ...] [--all]"}`,
    summary: change.summary,
    flags: [
      ...FILTER_FLAGS,
      JSON_FLAG,
      {
        name: "all",
        meaning: "everything, for commands that change the queue",
        repeatable: false,
      },
    ],
    operands: IDS,
    async run(call) {
      await runChange(change, call);
      return EXIT.ok;
    },
  }]),
);
