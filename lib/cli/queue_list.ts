/** `smtpd queue list`: what is in the queue, oldest first. @module */
import { entryJson } from "../queue/entry_json.ts";
import type { StoreReader } from "../queue/sqlite_reader.ts";
import type { Entry, Filter, Recipient, RecipientState } from "../queue/store.ts";
import { EXIT } from "./failure.ts";
import { openQueueReader } from "./open_queue.ts";
import {
  FILTER_FLAGS,
  filterOf,
  IDS,
  idsOf,
  JSON_FLAG,
  messagesOf,
  STATES,
} from "./queue_selection.ts";
import {
  asciiJson,
  counted,
  localTime,
  recipientText,
  senderText,
  shownReply,
  sizeText,
} from "./queue_words.ts";
import type { Surroundings } from "./surroundings.ts";
import type { SubVerb } from "./verb.ts";

/** What is in the queue if nothing else is asked for. The others are history. */
const WAITING: readonly RecipientState[] = ["queued", "held"];

/** Recipients of one message that people are shown; programs see all. */
const MOST_SHOWN = 20;

function recipientLine(recipient: Recipient): string {
  const { state, due, attempts, lastReply } = recipient;
  const when = state === "queued" ? `  next ${localTime(due)}` : "";
  const tries = attempts === 0 ? "" : `  after ${counted(attempts, "attempt")}`;
  const reply = lastReply === undefined ? "" : `: ${shownReply(lastReply)}`;
  return `    ${state.padEnd(9)}  ${recipientText(recipient)}${when}${tries}${reply}`;
}

function entryLines(entry: Entry): string {
  const { id, accepted, size, recipients } = entry;
  const left = recipients.length - MOST_SHOWN;
  return [
    `${id}  ${localTime(accepted)}  ${sizeText(size).padStart(9)}  ${senderText(entry)}`,
    ...recipients.slice(0, MOST_SHOWN).map(recipientLine),
    ...left > 0 ? [`    and ${counted(left, "more recipient")}`] : [],
  ].join("\n");
}

/** Lists messages to standard output, and their number to standard error. */
export async function listQueue(
  reader: StoreReader | undefined,
  filter: Filter,
  around: Surroundings,
  write: (entry: Entry) => string,
): Promise<void> {
  const counts = new Map<RecipientState, number>();
  let messages = 0;
  const states = filter.state === undefined ? WAITING : STATES;
  if (reader !== undefined) {
    for await (const entry of messagesOf(reader, filter, states)) {
      messages++;
      for (const { state } of entry.recipients) counts.set(state, (counts.get(state) ?? 0) + 1);
      around.out(write(entry));
    }
  }
  const isAll = Object.values(filter).every((value) => value === undefined);
  if (messages === 0) {
    around.err(isAll ? "the queue is empty" : "no messages fit");
    return;
  }
  const recipients = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  around.err(`${counted(messages, "message")}, ${counted(total, "recipient")}: ${recipients}`);
}

/** One message for people, as `queue list` and `mailq` show it. */
export const LISTED: (entry: Entry) => string = entryLines;

/** The command. */
export const list: SubVerb = {
  usage: "list [ID ...]",
  summary: "what waits, oldest first, and with --state what is finished",
  flags: [...FILTER_FLAGS, JSON_FLAG],
  operands: IDS,
  async run(call) {
    const reader = openQueueReader(call.config());
    await using _ = reader;
    const ids = call.operands.length === 0 ? undefined : await idsOf(reader, call.operands);
    const filter = { ...filterOf(call, Date.now()), ids };
    const isJson = call.flags.has("json");
    const write = isJson ? (entry: Entry) => asciiJson(entryJson(entry)) : LISTED;
    await listQueue(reader, filter, call.around, write);
    return EXIT.ok;
  },
};
