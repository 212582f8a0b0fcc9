/** One request, from the guard to the answer. @module */
import { ReaderBusyError } from "../inbox/content_reader.ts";
import type { Log } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import { normalizeAddress } from "../policy/network.ts";
import { StoreFullError } from "../queue/store.ts";
import { StoreError } from "../queue/store_error.ts";
import type { Guard } from "./guard.ts";
import type { PageSource } from "./page_source.ts";
import { parseQuery } from "./query.ts";
import { readJsonBody } from "./request_body.ts";
import { badRequest, respond, respondError, respondErrorText, WebError } from "./responses.ts";
import { type Match, type Route, routeFinder, type Share } from "./route.ts";

/** What requests are handled with. */
export interface RequestHandlerOptions {
  readonly guard: Guard;
  readonly routes: readonly Route[];
  readonly page: PageSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when the server goes. */
  readonly stopping: AbortSignal;
}

/** A request as it came in. */
export interface Incoming {
  readonly request: Request;
  readonly remote: Deno.NetAddr;
  /** Settles when the answer was sent, or could not be. */
  readonly completed: Promise<void>;
  /** Our port. */
  readonly port: number;
}

/** Answers a request; never rejects. */
export type RequestHandler = (incoming: Incoming) => Promise<Response>;

/** How much may be under way at once. A wait costs next to nothing, an event stream its buffer. */
const MOST: Readonly<Record<Share, number>> = { request: 1000, wait: 10_000, stream: 100 };

/** The longest path and the longest query, in characters. */
const MAX_TARGET = 8 * 1024;

/** What a target is made of, as it was sent: the host, the path and the query. */
const TARGET = /^https?:\/\/([^/?#]*)(\/[^?#]*)(?:\?([^]*))?$/;

/** A path that a file of the page can have; no segment of it begins with a dot. */
const PAGE_PATH = /^\/$|^(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+$/;

const READING: ReadonlySet<string> = new Set(["GET", "HEAD"]);

function notFound(): WebError {
  return new WebError(404, "There is nothing at this path: /api/openapi.json says what there is");
}

function notAllowed(method: string, allowed: readonly string[]): WebError {
  const allow = allowed.join(", ");
  return new WebError(405, `Cannot do this with ${method}: give ${allow}`, { allow });
}

/** Makes the handler. */
export function requestHandler(options: RequestHandlerOptions): RequestHandler {
  const { guard, page, clock, log, stopping } = options;
  const find = routeFinder(options.routes);
  const underWay: Record<Share, number> = { request: 0, wait: 0, stream: 0 };

  /** Counts a request until it is over. */
  function enter(share: Share, completed: Promise<void>): void {
    if (stopping.aborted) {
      throw new WebError(503, "Cannot answer: the server stops", { connection: "close" });
    }
    if (underWay[share] >= MOST[share]) {
      throw new WebError(503, "Cannot answer: too many requests are under way, try again later");
    }
    underWay[share]++;
    const leave = () => void underWay[share]--;
    completed.then(leave, leave);
  }

  async function pageFile(path: string, method: string): Promise<Response> {
    const asset = PAGE_PATH.test(path) ? await page(path) : undefined;
    if (asset === undefined) throw notFound();
    if (!READING.has(method)) throw notAllowed(method, [...READING]);
    const { type, body, headers } = asset;
    return respond(200, body, { ...headers, "content-type": type });
  }

  async function answer({ request, remote, completed, port }: Incoming): Promise<Response> {
    const { method, url } = request;
    const [, authority, path, query = ""] = TARGET.exec(url) ?? [];
    if (authority === undefined) throw badRequest("Cannot read the target of the request");
    const client = { address: normalizeAddress(remote.hostname), port: remote.port };
    const { host, who } = await guard({ request, authority, path, client, port });
    if (path.length > MAX_TARGET || query.length > MAX_TARGET) {
      throw new WebError(
        414,
        `Cannot take a path or a query of more than ${MAX_TARGET} characters`,
      );
    }
    const match: Match = find(method, path);
    if (match.kind === "method") throw notAllowed(method, match.allowed);
    if (match.kind === "nothing") {
      enter("request", completed);
      return await pageFile(path, method);
    }
    const { route } = match;
    try {
      enter(route.share, completed);
      return await route.handle({
        path: match.path,
        query: parseQuery(query, route.query),
        body: route.body && await readJsonBody(request, clock),
        accept: request.headers.get("accept"),
        host,
        client: client.address,
        who,
        // Made only for those who ask: few routes wait.
        get signal() {
          return AbortSignal.any([request.signal, stopping]);
        },
      });
    } catch (error) {
      if (route.errors !== "text") throw error;
      return respondErrorText(errorOf(error, request));
    }
  }

  /** What is answered to what was thrown. Only what was meant for the client is told to it. */
  function errorOf(error: unknown, { method, url }: Request): WebError {
    // What is looked for is nobody's business who reads the log.
    const [target] = url.split("?", 1);
    if (error instanceof WebError) return error;
    if (error instanceof StoreError && error.kind === "missing") {
      return new WebError(404, "The message is not there any more");
    }
    if (error instanceof ReaderBusyError) {
      return new WebError(503, "Cannot read the message now: too many others are being read");
    }
    if (error instanceof StoreFullError || error instanceof StoreError) {
      log("warn", "web-failed", { method, target, error: error.message });
      return new WebError(503, "Cannot reach the queue now, try again later");
    }
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    log("error", "bug", { step: "web", method, target, error: text });
    return new WebError(500, "Something went wrong here: the log says what");
  }

  return async (incoming) => {
    const { request } = incoming;
    const response = await answer(incoming).catch((error) => respondError(errorOf(error, request)));
    if (request.method !== "HEAD") return response;
    await response.body?.cancel();
    return new Response(null, response);
  };
}
