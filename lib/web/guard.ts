/**
 * Who may ask for anything at all. Every request goes through here before anything else is done with it,
 * and what is not let through by one of these rules is refused:
 *
 * - It calls us by a name of ours, else 421 (RFC 9110 section 15.5.20): we are not the server that the
 *   client takes us for, whoever the client is.
 * - If it changes something, it comes from no page but our own, else 403 (cross-site request forgery).
 * - It says who it is, where anybody else than this host could ask, else 401; but for the few paths that tell
 *   nothing.
 *
 * No answer opens anything to other origins: there is no CORS.
 *
 * @module
 */
import type { Log } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import { isLoopback } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import { hostCheck } from "./host_field.ts";
import { type Login, makeLogin, type WebAccess } from "./login.ts";
import { badRequest, WebError } from "./responses.ts";

/** What a guard is made of. */
export interface GuardOptions {
  /** The address where we listen. */
  readonly address: string;
  /** Names that we are called by. */
  readonly names: readonly string[];
  /** Who may come in. Only on loopback it may be left out: then anybody on this host. */
  readonly access: WebAccess | undefined;
  /** Paths whose answer everybody may have who calls us by our name. */
  readonly openPaths: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A request that knocks. */
export interface Visit {
  readonly request: Request;
  /** The host and port that its target names. */
  readonly authority: string;
  /** The path that it names, as it was sent. */
  readonly path: string;
  /** The client's end. */
  readonly client: Endpoint;
  /** Our port. */
  readonly port: number;
}

/** A request that was let through. */
export interface Admitted {
  /** What it calls us by, `name[:port]`, in lower case. */
  readonly host: string;
  /** Who it is, where that was asked. */
  readonly who: string | undefined;
}

/** Lets a request through, or throws the {@linkcode WebError} that refuses it. */
export type Guard = (visit: Visit) => Promise<Admitted>;

function forbidden(what: string): WebError {
  return new WebError(403, `Cannot do this for ${what}`);
}

/** Refuses a request that changes something if another page has made the browser send it. */
function checkOrigin({ method, headers }: Request, host: string): void {
  if (method === "GET" || method === "HEAD") return;
  const origin = headers.get("origin");
  // Something in front of us may have TLS, which we do not see.
  if (origin !== null && !/^https?:\/\//.test(origin)) throw forbidden("a page of no origin");
  if (origin !== null && origin.slice(origin.indexOf("//") + 2) !== host) {
    throw forbidden("a page of another origin");
  }
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") {
    throw forbidden("a page of another site");
  }
}

/**
 * Makes a guard.
 *
 * @throws {RangeError} if others than this host could ask, and nothing says who may
 */
export function makeGuard({ address, names, access, openPaths, clock, log }: GuardOptions): Guard {
  if (access === undefined && !isLoopback(address)) {
    throw new RangeError(
      `Cannot show the inbox at ${address} to everybody: it takes accounts or a token`,
    );
  }
  const login: Login | undefined = access && makeLogin({ access, clock, log });
  const isOurs = hostCheck(address, names);
  return async ({ request, authority, path, client, port }) => {
    const field = request.headers.get("host");
    if (field === null) throw badRequest("Cannot answer without a Host field");
    // A target with a host of its own stands above the field (RFC 9112 section 3.2.2): both must fit.
    if (!isOurs(field, port) || !isOurs(authority, port)) {
      throw new WebError(421, "Cannot answer for this host: it is no name of this server");
    }
    const host = field.toLowerCase();
    checkOrigin(request, host);
    if (openPaths.has(path)) return { host, who: undefined };
    const who = await login?.(request.headers.get("authorization"), client);
    return { host, who };
  };
}
