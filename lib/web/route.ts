/** What a route is: enough to serve it, and to describe it. @module */
import type { Monitoring } from "../metrics/monitoring.ts";
import type { Log } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import type { Faults } from "../policy/faults/faults.ts";
import type { Inbox } from "../inbox/inbox.ts";
import type { EventStreams } from "./events.ts";
import type { Query, QueryParameter } from "./query.ts";
import { COUNT, type Schema } from "./schema.ts";
import { ID } from "./schemas.ts";

/** What routes are served with. */
export interface RouteServices extends Monitoring {
  readonly inbox: Inbox;
  readonly streams: EventStreams;
  readonly clock: Clock;
  readonly log: Log;
  /** The failures that a test may script; nobody can where there are none. */
  readonly faults?: Faults;
}

/** A request that is to be answered. */
export interface Call {
  /** The variable segments of the path. */
  readonly path: ReadonlyMap<PathParameter, string>;
  readonly query: Query;
  /** The body, if there is one; nothing is known of it but that it is JSON. */
  readonly body: unknown;
  /** The Accept field, if there is one. */
  readonly accept: string | null;
  /** What we are called, `name[:port]`; it was checked. */
  readonly host: string;
  /** Who asks, for the log. */
  readonly client: string;
  readonly who: string | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** What a route answers with a status. */
export interface Answer {
  readonly description: string;
  /** The shape of its JSON, or the media type of what is no JSON. */
  readonly content?: Schema | string;
}

/** What a request is counted with while it is under way. */
export type Share = "request" | "wait" | "stream";

/** One route. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** The path, with `{id}` and the like for the segments that vary. */
  readonly path: string;
  /** Another path of the same, for clients that write it so; it is not described. */
  readonly alias?: string;
  readonly summary: string;
  readonly query: readonly QueryParameter[];
  /** The shape of the body, where one may be sent. */
  readonly body?: Schema;
  /** The answers of its own; those for bad requests and troubles are the same everywhere. */
  readonly answers: Readonly<Record<number, Answer>>;
  readonly share: Share;
  /** Whether anybody may ask who reaches us, without saying who it is. */
  readonly isOpen?: boolean;
  /** How errors are told, but for those of the guard; by our own JSON if left out. */
  readonly errors?: "text";
  readonly handle: (call: Call) => Promise<Response>;
}

/** What a segment may be called. */
export type PathParameter = "id" | "index" | "message";

/** The segments that vary, and what stands in them. */
export const PATH_PARAMETERS: Readonly<
  Record<PathParameter, { readonly pattern: string; readonly schema: Schema }>
> = {
  id: { pattern: "[0-9a-z]{16}", schema: ID },
  index: { pattern: "0|[1-9][0-9]{0,4}", schema: { ...COUNT, maximum: 99_999 } },
  message: {
    pattern: "latest|[0-9a-z]{16}",
    schema: { type: "string", pattern: "^(latest|[0-9a-z]{16})$" },
  },
};

const SEGMENT = new RegExp(`\\{(${Object.keys(PATH_PARAMETERS).join("|")})\\}`, "g");

/** The id that the path of a call names. */
export function idOf({ path }: Call): string {
  return path.get("id")!;
}

/** The names of the variable segments of a path, in order. */
export function pathParametersOf(path: string): PathParameter[] {
  return [...path.matchAll(SEGMENT)].map(([, name]) => name as PathParameter);
}

/** What a path leads to. */
export type Match =
  | { readonly kind: "route"; readonly route: Route; readonly path: Call["path"] }
  /** There is something, for these methods only. */
  | { readonly kind: "method"; readonly allowed: readonly string[] }
  | { readonly kind: "nothing" };

/**
 * Makes the search for routes. Paths are compared as they were sent: nothing is decoded, and no `.` or
 * `..` has a meaning.
 */
export function routeFinder(routes: readonly Route[]): (method: string, path: string) => Match {
  const patterns = routes.flatMap((route) =>
    [route.path, route.alias].filter((path) => path !== undefined).map((path) => {
      const pattern = path.replace(
        SEGMENT,
        (_, name: PathParameter) => `(${PATH_PARAMETERS[name].pattern})`,
      );
      return {
        route,
        names: pathParametersOf(path),
        pattern: new RegExp(`^${pattern.replaceAll(".", "\\.")}$`),
      };
    })
  );
  return (method, path) => {
    const allowed: string[] = [];
    for (const { route, names, pattern } of patterns) {
      const match = pattern.exec(path);
      if (match === null) continue;
      // HEAD is GET without the octets (RFC 9110 section 9.3.2).
      if (route.method === method || route.method === "GET" && method === "HEAD") {
        return {
          kind: "route",
          route,
          path: new Map(names.map((name, i) => [name, match[i + 1]])),
        };
      }
      allowed.push(...route.method === "GET" ? ["GET", "HEAD"] : [route.method]);
    }
    return allowed.length === 0 ? { kind: "nothing" } : { kind: "method", allowed };
  };
}
