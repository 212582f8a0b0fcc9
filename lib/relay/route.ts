/** Routes as an operator writes them, and the next hop that one gives a recipient. @module */
import { parseDomain } from "../policy/domain.ts";
import { formatAddressLiteral, formatIp, parseAddressLiteral, parseIp } from "../policy/network.ts";
import { isLocal, type RelayingRules } from "../policy/relaying.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import type { NextHop, Route } from "./next_hop.ts";
import { parseProgram } from "./program_route.ts";
import { routeFault } from "./route_fault.ts";
import { routeOf, type Routing } from "./routing.ts";
import { parseWeb, webKey } from "./web_route.ts";

/** What to connect to where no port is written. */
const DEFAULT_PORT = { smtp: 25, lmtp: 24 } as const;

const FORMS =
  "mx, smtp://HOST[:PORT], lmtp://HOST[:PORT], maildir:DIR, pipe:PROGRAM, https://URL, hold or discard";

function parsePort(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw routeFault("the port must be a number from 1 to 65535");
  return port;
}

/** Cuts `host`, `host:port`, `[IPv6]` and `[IPv6]:port` into host and port. */
function splitAuthority(authority: string): [host: string, port: string | undefined] {
  if (authority.startsWith("[")) {
    const end = authority.indexOf("]");
    const behind = authority.slice(end + 1);
    if (end < 0 || (behind !== "" && !behind.startsWith(":"))) {
      throw routeFault("an IPv6 address stands in brackets, like smtp://[2001:db8::1]:25");
    }
    const ip = parseIp(authority.slice(1, end));
    if (ip === undefined) throw routeFault("what stands in the brackets is no IPv6 address");
    return [formatIp(ip), behind === "" ? undefined : behind.slice(1)];
  }
  const colon = authority.indexOf(":");
  if (colon !== authority.lastIndexOf(":")) {
    throw routeFault("an IPv6 address stands in brackets, like smtp://[2001:db8::1]:25");
  }
  if (colon < 0) return [authority, undefined];
  return [authority.slice(0, colon), authority.slice(colon + 1)];
}

/** `~` and variables are for a shell to expand, and here there is none. */
function parseDirectory(directory: string): Route {
  if (directory === "") throw routeFault("write a directory behind maildir:");
  if (directory.includes("\0")) throw routeFault("a directory has no NUL in its name");
  const plain = directory.replace(/\/+$/, "");
  return { kind: "maildir", directory: plain === "" ? "/" : plain };
}

/**
 * Reads a route: `mx`, `hold`, `discard`, `maildir:DIR`, `pipe:/path/to/program arg ...`, the URL of a web hook,
 * `smtp://host[:port]` (port 25 unless one is written) or `lmtp://host[:port]` (port 24). An IPv6 address stands in brackets.
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
  if (scheme === "http" || scheme === "https") return parseWeb(text);
  if (scheme === "smtps") throw routeFault("smtps:// is not there yet; smtp:// is");
  if (scheme !== "smtp" && scheme !== "lmtp") throw routeFault(`write ${FORMS}`);

  let authority = text.slice(separator + 3);
  if (authority.includes("@")) throw routeFault("authentication at the next hop is not there yet");
  if (authority.endsWith("/")) authority = authority.slice(0, -1);
  if (/[/?#\\]/.test(authority)) throw routeFault("nothing may stand behind the host and port");
  const [written, port] = splitAuthority(authority);
  if (written === "") throw routeFault(`a host is missing behind ${scheme}://`);
  const ip = parseIp(written);
  const host = ip === undefined ? parseDomain(written) : formatIp(ip);
  if (host === undefined) throw routeFault("the host is neither a host name nor an address");
  return {
    kind: scheme,
    host,
    port: port === undefined ? DEFAULT_PORT[scheme] : parsePort(port),
  };
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
  const route = routeOf(routing, mailbox);
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
    case "lmtp": {
      const host = hop.host.includes(":") ? `[${hop.host}]` : hop.host;
      return `${hop.kind}://${host}:${hop.port}`;
    }
  }
}
