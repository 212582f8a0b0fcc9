/** The routes by which a message may be released other than by that of the server. @module */
import type { Route } from "./next_hop.ts";
import { parseRoute } from "./route.ts";
import { routeFault } from "./route_fault.ts";

/**
 * Reads the route of a release: `mx`, `smtp://host[:port]`, `smtps://...`, `lmtp://...` or `discard`.
 *
 * Who may look at the queue is not thereby one who runs programs here, writes to directories, or has a
 * file sent to a host as a password; and a password in the route would stand in the queue.
 *
 * @throws {SyntaxError} if the text is no such route
 */
export function parseReleaseRoute(text: string): Route {
  const route = parseRoute(text);
  switch (route.kind) {
    case "mx":
    case "discard":
      return route;
    case "smtp":
    case "smtps":
    case "lmtp":
      if (route.credentials === undefined) return route;
      throw routeFault(
        "a message is released to a host without a user; configure routes for others",
      );
    default:
      throw routeFault("a message is released by mx, smtp://, smtps://, lmtp:// or discard");
  }
}

/**
 * Looks at a route that policy has chosen for a message in the queue: that of a release, or `hold`. Other
 * routes are for the configuration alone, since policy may be what somebody has installed.
 *
 * @throws {SyntaxError} if the text is no such route
 */
export function checkChosenRoute(text: string): void {
  if (text !== "hold") parseReleaseRoute(text);
}
