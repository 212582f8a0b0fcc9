/** Routes as an operator writes them, and the next hop that one gives a recipient. @module */
import { parseDomain } from "../policy/domain.ts";
import { formatAddressLiteral, parseAddressLiteral } from "../policy/network.ts";
import { isLocal, type RelayingRules } from "../policy/relaying.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { hostKey, parseHostRoute } from "./host_route.ts";
import type { HostHop, NextHop, Route } from "./next_hop.ts";
import { parseProgram } from "./program_route.ts";
import { routeFault } from "./route_fault.ts";
import { routeOf, type Routing } from "./routing.ts";
import { maskWeb, parseWeb, webKey } from "./web_route.ts";

const FORMS =
  "mx, smtp://[USER:PASSWORD@]HOST[:PORT], smtps://..., lmtp://HOST[:PORT], maildir:DIR, pipe:PROGRAM, https://URL, hold or discard";

/** What stands in the place of a secret. */
const MASK = "***";

/** `~` and variables are for a shell to expand, and here there is none. */
function parseDirectory(directory: string): Route {
  if (directory === "") throw routeFault("write a directory behind maildir:");
  if (directory.includes("\0")) throw routeFault("a directory has no NUL in its name");
  const plain = directory.replace(/\/+$/, "");
  return { kind: "maildir", directory: plain === "" ? "/" : plain };
}

/**
 * Reads a route: `mx`, `hold`, `discard`, `maildir:DIR`, `pipe:/path/to/program arg ...`, the URL of a web hook,
 * `smtp://[user:password@]host[:port]` (port 25 unless one is written, 587 with a user), `smtps://` with
 * the same behind it (port 465) or `lmtp://host[:port]` (port 24). An IPv6 address stands in brackets; what
 * has a meaning in a URL is written `%HH` in the user and password. The password may be kept elsewhere:
 * `smtp://user@host?password-file=/path` or `?password-env=NAME`; and so may an access token, as
 * `?token-file=/path` or `?token-env=NAME`.
 *
 * @throws {SyntaxError} if the text is no route, or asks for what is not there yet
 */
export function parseRoute(text: string): Route {
  if (text === "mx" || text === "hold" || text === "discard") return { kind: text };
  if (text.startsWith("maildir:")) return parseDirectory(text.slice("maildir:".length));
  if (text.startsWith("pipe:")) return parseProgram(text.slice("pipe:".length));
  const separator = text.indexOf("://");
  if (separator < 0) throw routeFault(`write ${FORMS}`);
  const scheme = text.slice(0, separator).toLowerCase();
  if (scheme !== "http" && scheme !== "https" && !isHostScheme(scheme)) {
    throw routeFault(`write ${FORMS}`);
  }
  if (text.includes(MASK)) throw routeFault(`write what ${MASK} stands for, it was not shown`);
  return isHostScheme(scheme) ? parseHostRoute(scheme, text.slice(separator + 3)) : parseWeb(text);
}

function isHostScheme(scheme: string): scheme is HostHop["kind"] {
  return scheme === "smtp" || scheme === "smtps" || scheme === "lmtp";
}

/**
 * Writes the text of a route, which has to be one, as it may be shown: `***` stands for a password, and
 * for all that is behind the host of a web hook. Such a text is no route any more, so that nobody logs in
 * with it by mistake.
 */
export function maskRoute(text: string): string {
  if (/^https?:/i.test(text)) return maskWeb(text, MASK);
  // The password ends at the last @ before the query, and begins at the first colon.
  return text.replace(/^((?:smtps?|lmtp):\/\/[^:?]*:)[^?]*@/is, `$1${MASK}@`);
}

/**
 * Says where the mail of a recipient goes next. Whether it may go there is for the relaying rules to
 * say, not for this.
 *
 * By MX, the domain of the hop is in the form in which domains are compared, an address literal in
 * its canonical form. What is neither stays as it is, and the resolver will find no host for it.
 */
export function nextHopOf(routing: Routing, rules: RelayingRules, mailbox: Mailbox): NextHop {
  if (isLocal(rules, mailbox)) return { kind: "local" };
  return hopOf(routeOf(routing, mailbox), mailbox);
}

/** Says where the mail of a recipient goes next by a route that was chosen for it. */
export function hopOf(route: Route, mailbox: Mailbox): NextHop {
  // What was held and is released goes out as mail usually does.
  if (route.kind !== "mx" && route.kind !== "hold") return route;
  const { domain } = mailbox;
  const ip = parseAddressLiteral(domain);
  if (ip !== undefined) return { kind: "mx", domain: formatAddressLiteral(ip) };
  return { kind: "mx", domain: parseDomain(domain) ?? domain };
}

/** Writes a next hop so that two hops are the same exactly when their keys are; fit for a log. */
export function nextHopKey(hop: NextHop): string {
  switch (hop.kind) {
    case "local":
    case "discard":
      return hop.kind;
    case "mx":
      return `mx:${hop.domain}`;
    case "maildir":
      return `maildir:${hop.directory}`;
    case "program":
      return `pipe:${[hop.path, ...hop.args].join(" ")}`;
    case "web":
      return webKey(hop);
    case "smtp":
    case "smtps":
    case "lmtp":
      return hostKey(hop);
  }
}
