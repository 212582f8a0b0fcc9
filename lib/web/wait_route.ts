/** The route by which a test waits for a message. @module */
import type { Summary } from "../inbox/message_index.ts";
import { formatDuration } from "../policy/quantity.ts";
import { messageJson, summaryJson } from "./json.ts";
import { type Query, searchOf, timeoutOf, WAIT_PARAMETERS } from "./query.ts";
import { errorJson, quoted, respondJson, WebError } from "./responses.ts";
import type { Call, Route, RouteServices } from "./route.ts";
import { shape } from "./schemas.ts";

/** How many of those that did arrive are told in words. */
const MOST_TOLD = 5;

/** What was waited for, in words. */
function wanted(query: Query): string {
  const from = query.get("from");
  const to = query.get("to");
  const subject = query.get("subject");
  const text = query.get("text");
  return [
    "no message",
    from !== undefined && `from ${from || "<>"}`,
    to !== undefined && `to ${to}`,
    subject !== undefined && `with ${quoted(subject)} in its subject`,
    text !== undefined && `with ${quoted(text)} in its text`,
  ].filter(Boolean).join(" ");
}

/** What came instead, in words. */
function told({ subject, to, recipients }: Summary): string {
  const others = recipients > 1 ? ` and ${recipients - 1} more` : "";
  return `${quoted(subject)} to ${to[0] ?? "nobody"}${others}`;
}

/** Says what did not come, and what did. */
function explain(query: Query, timeout: number, arrived: readonly Summary[]): string {
  const within = timeout === 0 ? "by now" : `within ${formatDuration(timeout)}`;
  if (arrived.length === 0) return `${wanted(query)} ${within}; nothing arrived meanwhile`;
  const more = arrived.length > MOST_TOLD ? ", ..." : "";
  const list = arrived.slice(0, MOST_TOLD).map(told).join(", ");
  return `${wanted(query)} ${within}; ${arrived.length} arrived meanwhile: ${list}${more}`;
}

/** The route. */
export function waitRoute({ inbox, clock }: RouteServices): Route {
  async function wait({ query, signal }: Call): Promise<Response> {
    const search = searchOf(query, clock.now());
    const timeout = timeoutOf(query);
    const awaited = await inbox.wait(search, { timeout, signal }).catch((error) => {
      // A client that has left does not read this; the others are told that the server goes.
      if (signal.aborted) throw new WebError(503, "Cannot wait any longer: the server stops");
      throw error;
    });
    if (awaited.kind === "found") return respondJson(200, messageJson(awaited.message));
    const { arrived } = awaited;
    return respondJson(408, {
      error: errorJson(408, explain(query, timeout, arrived)),
      arrived: arrived.map((summary) => summaryJson(summary)),
    });
  }

  return {
    method: "GET",
    path: "/api/wait",
    summary: "Waits for the first message that fits: from now on, or since a time",
    query: WAIT_PARAMETERS,
    answers: {
      200: { description: "The message.", content: shape("Message") },
      408: { description: "None came in time; what did arrive.", content: shape("NotArrived") },
    },
    share: "wait",
    handle: wait,
  };
}
