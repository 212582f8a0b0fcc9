/** Why a wait was in vain, in words: what was waited for, and what came instead. @module */
import { formatDuration } from "../policy/quantity.ts";
import type { Search, Summary } from "./message_index.ts";
import { quoted } from "./quoted.ts";

/** How many of those that did arrive are told. */
const MOST_TOLD = 5;

function wanted({ from, to, subject, text }: Search): string {
  return [
    "no message",
    from !== undefined && `from ${from || "<>"}`,
    to !== undefined && `to ${to}`,
    subject !== undefined && `with ${quoted(subject)} in its subject`,
    text !== undefined && `with ${quoted(text)} in its text`,
  ].filter(Boolean).join(" ");
}

function told({ subject, to, recipients }: Summary): string {
  const others = recipients > 1 ? ` and ${recipients - 1} more` : "";
  return `${quoted(subject)} to ${to[0] ?? "nobody"}${others}`;
}

/** Says what did not come within a time in milliseconds, and what did. */
export function notArrivedText(
  search: Search,
  timeout: number,
  arrived: readonly Summary[],
): string {
  const within = timeout === 0 ? "by now" : `within ${formatDuration(timeout)}`;
  if (arrived.length === 0) return `${wanted(search)} ${within}; nothing arrived meanwhile`;
  const more = arrived.length > MOST_TOLD ? ", ..." : "";
  const list = arrived.slice(0, MOST_TOLD).map(told).join(", ");
  return `${wanted(search)} ${within}; ${arrived.length} arrived meanwhile: ${list}${more}`;
}
