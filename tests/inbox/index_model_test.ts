/** Random messages and searches: the index must find what a plain list has that fits. */
import { assert, assertEquals } from "@std/assert";
import type {
  IndexedMessage,
  MessageIndex,
  MessageState,
  Search,
} from "../../lib/inbox/message_index.ts";
import { memoryIndex } from "../../lib/inbox/sqlite_index.ts";
import { foldedMessage, searchFits, summaryOf } from "../../lib/inbox/summary.ts";
import { NOON } from "../queue/fixture.ts";
import { findAll, message } from "./index_messages.ts";

const STATES: readonly MessageState[] = ["held", "queued", "failed", "delivered", "removed"];
const ADDRESSES = [
  "joe@a.test",
  "Joe@A.test",
  "JÜRGEN@ä.test",
  "jürgen@Ä.test",
  '"a b"@b.test',
  "x@b.test",
  "",
];
/** Few, so that parts are found; those which are folded, or taken for something else by SQLite. */
const CHARACTERS = [
  ..."aAbBcäÄßẞςσΣİıiKk\u212a\"*%_'\\-^:(){}+~ \n\0\u0307\u{1f600}\u{10400}\u{10428}ᲐაᎠꭰ字",
];

/** A small generator, so that a failure can be repeated by its seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** A message of the list, with what only the index keeps. */
interface Kept {
  message: IndexedMessage;
  seen: boolean;
  /** When it came. */
  readonly turn: number;
}

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`index finds what fits, after 300 random changes, seed ${seed}`, async () => {
    await using index = memoryIndex();
    await compare(index, random(seed));
  });
}

async function compare(index: MessageIndex, below: (limit: number) => number): Promise<void> {
  const pick = <T>(values: readonly T[]): T => values[below(values.length)];
  const text = (most: number) =>
    Array.from({ length: below(most + 1) }, () => pick(CHARACTERS)).join("");
  const kept = new Map<string, Kept>();
  let turn = 0;
  const someIds = () => Array.from({ length: below(8) }, () => `m${below(120)}`);

  const fresh = (id: string): IndexedMessage =>
    message(id, {
      state: pick(STATES),
      from: pick(ADDRESSES),
      to: Array.from({ length: below(4) }, () => pick(ADDRESSES)),
      // What is shown of it has no NUL: `indexedMessage` leaves none.
      subject: text(12).replaceAll("\0", ""),
      size: below(5),
      received: kept.get(id)?.message.received ?? NOON + below(20),
      attachments: below(3),
      text: text(80),
    });

  const changes: (() => Promise<void>)[] = [
    async () => {
      const messages = [...new Set(someIds())].map(fresh);
      await index.put(messages);
      for (const message of messages) {
        const known = kept.get(message.id);
        if (known === undefined) kept.set(message.id, { message, seen: false, turn: turn++ });
        else known.message = message;
      }
    },
    async () => {
      const states = new Map(someIds().map((id) => [id, pick(STATES)]));
      await index.setStates(states);
      for (const [id, state] of states) {
        const known = kept.get(id);
        if (known !== undefined) known.message = { ...known.message, state };
      }
    },
    async () => {
      const ids = someIds();
      const seen = below(2) === 0;
      const others = new Set(ids.filter((id) => kept.has(id) && kept.get(id)!.seen !== seen));
      assertEquals(await index.setSeen(ids, seen), others.size);
      for (const id of others) kept.get(id)!.seen = seen;
    },
    async () => {
      if (below(3) > 0) return;
      const ids = someIds();
      await index.remove(ids);
      for (const id of ids) kept.delete(id);
    },
  ];

  /** A part that is there, often: random ones seldom are. */
  const part = (of: (message: IndexedMessage) => string): string => {
    const all = [...kept.values()];
    if (below(3) === 0 || all.length === 0) return text(5);
    const whole = [...of(pick(all).message)];
    const from = below(whole.length + 1);
    const found = whole.slice(from, from + pick([1, 2, 3, 4, 8, 70])).join("");
    return pick([found, found.toUpperCase(), found.toLowerCase()]);
  };
  const sometimes = <T extends Search>(often: number, give: () => T): T | undefined =>
    below(often) === 0 ? give() : undefined;
  const search = (): Search => ({
    ...sometimes(6, () => ({ ids: someIds().concat(someIds(), someIds()) })),
    ...sometimes(5, () => ({ from: pick(ADDRESSES) })),
    ...sometimes(4, () => ({ to: pick(ADDRESSES) })),
    ...sometimes(4, () => ({ subject: part(({ subject }) => subject) })),
    ...sometimes(
      3,
      () => ({ text: part((of) => pick([of.subject, of.text, of.from, `${of.to}`])) }),
    ),
    ...sometimes(5, () => ({ state: pick(STATES) })),
    ...sometimes(5, () => ({ since: NOON + below(22) - 1 })),
    ...sometimes(5, () => ({ before: NOON + below(22) - 1 })),
    ...sometimes(8, () => ({ minSize: below(6) })),
    ...sometimes(8, () => ({ maxSize: below(6) })),
    ...sometimes(6, () => ({ hasAttachment: below(2) === 0 })),
    ...sometimes(6, () => ({ seen: below(2) === 0 })),
  });

  let found = 0;
  for (let i = 0; i < 300; i++) {
    await pick(changes)();
    for (let j = 0; j < 5; j++) {
      const wanted = search();
      const { seen, ...rest } = wanted;
      const fits = searchFits(rest);
      const expected = [...kept.values()]
        .filter((one) => fits(foldedMessage(one.message)))
        .filter((one) => seen === undefined || one.seen === seen)
        .sort((a, b) => b.message.received - a.message.received || b.turn - a.turn)
        .map((one) => summaryOf(one.message, one.seen));
      const limit = pick([1, 3, 1000]);
      assertEquals(await findAll(index, wanted, limit), expected, JSON.stringify(wanted));
      found += expected.length;
    }
    const shown = [...kept.values()].filter(({ message }) => message.state !== "removed");
    const { total, unseen } = await index.counts();
    assertEquals([total, unseen], [shown.length, shown.filter(({ seen }) => !seen).length]);
  }
  // A generator that finds nothing would prove nothing.
  assert(found > 3000, `${found}`);
}
