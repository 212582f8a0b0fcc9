/** Which messages a queue command is about: ids by their beginnings, and filters. @module */
import { ConfigError, shown } from "../config/sources.ts";
import { duration, oneOf } from "../config/values.ts";
import { parseDomain } from "../policy/domain.ts";
import type { StoreReader } from "../queue/sqlite_reader.ts";
import type { Entry, Filter, RecipientState } from "../queue/store.ts";
import { EXIT, Failure } from "./failure.ts";
import type { Flag } from "./flags.ts";
import type { Call, Operands } from "./verb.ts";

/** Every state, in the order in which they are counted. */
export const STATES: readonly RecipientState[] = [
  "queued",
  "held",
  "delivered",
  "failed",
  "removed",
];

const STATE = oneOf(...STATES);

/** The flags by which recipients are chosen. */
export const FILTER_FLAGS: readonly Flag[] = [
  {
    name: "to",
    placeholder: "TEXT",
    meaning: "part of the recipient's address",
    repeatable: false,
  },
  { name: "from", placeholder: "TEXT", meaning: "part of the reverse-path", repeatable: false },
  {
    name: "domain",
    placeholder: "DOMAIN",
    meaning: "the recipient's domain",
    repeatable: false,
  },
  {
    name: "state",
    placeholder: "STATE",
    meaning: STATE.expects.slice("give ".length),
    value: STATE,
    repeatable: false,
  },
  {
    name: "older",
    placeholder: "DURATION",
    meaning: "accepted longer ago than that",
    value: duration,
    repeatable: false,
  },
];

/** The flag of what programs read. */
export const JSON_FLAG: Flag = {
  name: "json",
  meaning: "one object a line, times in UTC; for people they are local",
  repeatable: false,
};

/** Messages by the beginnings of their ids. */
export const IDS: Operands = { suggests: { kind: "queue id" }, repeatable: true };

/** How many candidates an ambiguous id is answered with. */
const MOST_CANDIDATES = 5;

/** Messages that are read at once: few enough that the first are there at once. */
const PAGE = 100;

function unusable(name: string, text: string, mend: string): ConfigError {
  return new ConfigError("flag", `cannot use --${name} ${shown(text)}`, mend);
}

/** The filter that flags ask for, without ids. `now` is what ages are reckoned from. */
export function filterOf(call: Call, now: number): Filter {
  const text = (name: string) => call.flags.get(name)?.[0];
  const [to, from, domain, state, older] = FILTER_FLAGS.map(({ name }) => text(name));
  const filter: { -readonly [K in keyof Filter]: Filter[K] } = { to, from };
  if (domain !== undefined) {
    filter.domain = domain.startsWith("[") ? domain.toLowerCase() : parseDomain(domain);
    if (filter.domain === undefined) {
      throw unusable("domain", domain, "give a domain such as example.org");
    }
  }
  if (state !== undefined) {
    filter.state = STATE.parse(state);
    if (filter.state === undefined) throw unusable("state", state, STATE.expects);
  }
  if (older !== undefined) {
    const age = duration.parse(older);
    if (age === undefined) throw unusable("older", older, duration.expects);
    filter.before = now - age;
  }
  return filter;
}

/** Whether a filter lets everything pass. */
export function isEverything(filter: Filter): boolean {
  return Object.values(filter).every((value) => value === undefined);
}

/**
 * The id that begins so.
 *
 * @throws {Failure} with exit code 65 if there is none, or several
 */
async function idOf(reader: StoreReader | undefined, prefix: string): Promise<string> {
  const found = reader === undefined || !/^[0-9a-z]{1,16}$/.test(prefix)
    ? []
    : await reader.find(prefix, MOST_CANDIDATES + 1);
  if (found.length === 1 || found[0] === prefix) return found[0];
  const name = shown(prefix);
  if (found.length === 0) {
    const wrong = `there is no message ${name} in the queue`;
    throw new Failure(EXIT.badData, wrong, "smtpd queue list shows those that there are");
  }
  const candidates = found.slice(0, MOST_CANDIDATES).join(", ");
  const more = found.length > MOST_CANDIDATES ? " and others" : "";
  const wrong = `${name} is the beginning of ${candidates}${more}`;
  throw new Failure(EXIT.badData, wrong, "give more of the id");
}

/** The whole ids of what was given, each once. @throws {Failure} if one is unknown or ambiguous */
export async function idsOf(
  reader: StoreReader | undefined,
  prefixes: readonly string[],
): Promise<string[]> {
  const ids = new Set<string>();
  for (const prefix of prefixes) ids.add(await idOf(reader, prefix));
  return [...ids];
}

async function* pagesOf(reader: StoreReader, filter: Filter): AsyncGenerator<Entry> {
  let after: string | undefined;
  do {
    const page = await reader.list(filter, { after, limit: PAGE });
    yield* page.entries;
    after = page.next;
  } while (after !== undefined);
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.accepted < b.accepted || a.accepted === b.accepted && a.id < b.id;
}

/**
 * The messages with recipients in one of the states, oldest first, with those recipients. No more than
 * a page of each state is held, however long the queue is.
 */
export async function* messagesOf(
  reader: StoreReader,
  filter: Filter,
  states: readonly RecipientState[],
): AsyncGenerator<Entry> {
  const chosen = states.filter((state) => filter.state === undefined || filter.state === state);
  const lists = chosen.map((state) => pagesOf(reader, { ...filter, state }));
  const heads = await Promise.all(lists.map((list) => list.next()));
  for (;;) {
    let first: Entry | undefined;
    for (const { done, value } of heads) {
      if (!done && (first === undefined || isBefore(value, first))) first = value;
    }
    if (first === undefined) return;
    const recipients: Entry["recipients"][number][] = [];
    for (const [i, { done, value }] of heads.entries()) {
      if (done || value.id !== first.id) continue;
      recipients.push(...value.recipients);
      heads[i] = await lists[i].next();
    }
    // A recipient whose state has changed between two reads is in both.
    const byIndex = new Map(recipients.map((recipient) => [recipient.index, recipient]));
    yield { ...first, recipients: [...byIndex.values()].sort((a, b) => a.index - b.index) };
  }
}
