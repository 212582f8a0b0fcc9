/** A name system made of a table, for tests. */
import type { Dns, MxRecord } from "../../lib/relay/dns.ts";

/** What the table says of a name; `"fails"` is a question that could not be answered. */
export interface Records {
  readonly mx?: readonly (readonly [preference: number, exchange: string])[] | "fails";
  readonly a?: readonly string[] | "fails";
  readonly aaaa?: readonly string[] | "fails";
  readonly txt?: readonly string[] | "fails";
  readonly ptr?: readonly string[] | "fails";
}

/** Answers from the table; `asked` grows by each question. */
export function dnsTable(table: Record<string, Records>, asked: string[] = []): Dns {
  function look<T>(name: string, type: keyof Records): readonly T[] {
    asked.push(`${name} ${type}`);
    const answer = Object.hasOwn(table, name) ? table[name][type] ?? [] : [];
    if (answer === "fails") throw new Error("Cannot ask: SERVFAIL");
    return answer as readonly T[];
  }
  return {
    mx: (name) =>
      Promise.try(() =>
        look<[number, string]>(name, "mx").map(([preference, exchange]): MxRecord => ({
          preference,
          exchange,
        }))
      ),
    a: (name) => Promise.try(() => look<string>(name, "a")),
    aaaa: (name) => Promise.try(() => look<string>(name, "aaaa")),
    txt: (name) => Promise.try(() => look<string>(name, "txt")),
    ptr: (name) => Promise.try(() => look<string>(name, "ptr")),
  };
}

/** Numbers that leave every shuffled order as it was. */
export const noShuffle = (): number => 1 - Number.EPSILON;
