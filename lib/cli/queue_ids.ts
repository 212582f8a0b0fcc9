/** `smtpd queue ids`: what the scripts of completions ask while somebody types an id. @module */
import type { Entry } from "../queue/store.ts";
import { EXIT } from "./failure.ts";
import { openQueueReader } from "./open_queue.ts";
import { counted, recipientText, senderText } from "./queue_words.ts";
import { checkOperands, type SubVerb } from "./verb.ts";

/** More ids than this are no help to the one who types. */
const MOST_IDS = 200;

/** Columns of a description. */
const MOST_SHOWN = 60;

/** What tells one message from another: its sender, and its first recipient. */
function description(entry: Entry): string {
  const [first, ...others] = entry.recipients;
  const more = others.length === 0 ? "" : ` and ${counted(others.length, "other")}`;
  const text = `${senderText(entry)} to ${first === undefined ? "nobody" : recipientText(first)}`;
  return text.slice(0, MOST_SHOWN) + more;
}

/**
 * The command: an id, a tab and what message it is, a line for each whose id begins with the operand.
 * No help tells of it, and its output may change with the scripts, which come from the same program.
 */
export const ids: SubVerb = {
  usage: "ids [BEGINNING]",
  summary: "ids that begin so, for completions",
  isHidden: true,
  async run(call) {
    checkOperands(call, 1, 0, `queue ${ids.usage}`);
    const [beginning = ""] = call.operands;
    const reader = openQueueReader(call.config());
    await using _ = reader;
    if (reader === undefined) return EXIT.ok;
    const found = await reader.find(beginning, MOST_IDS);
    const { entries } = await reader.list({ ids: found }, { limit: MOST_IDS });
    for (const entry of entries) call.around.out(`${entry.id}\t${description(entry)}`);
    return EXIT.ok;
  },
};
