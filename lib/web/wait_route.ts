/** The route by which a test waits for a message. @module */
import { notArrivedText } from "../inbox/awaited_text.ts";
import { messageJson, summaryJson } from "./json.ts";
import { searchOf, timeoutOf, WAIT_PARAMETERS } from "./query.ts";
import { errorJson, respondJson, WebError } from "./responses.ts";
import type { Call, Route, RouteServices } from "./route.ts";
import { shape } from "./schemas.ts";

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
      error: errorJson(408, notArrivedText(search, timeout, arrived)),
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
