/** The routes `smtp://`, `smtps://` and `lmtp://`, as an operator writes them. @module */
import { parseDomain } from "../policy/domain.ts";
import { formatIp, hostAndPort, parseIp } from "../policy/network.ts";
import { type Credentials, Secret, SECRET_PREFIX, type SecretSource } from "./credentials.ts";
import type { HostHop } from "./next_hop.ts";
import { routeFault } from "./route_fault.ts";

/**
 * What to connect to where no port is written. Who logs in hands in mail, for which there is a port of
 * its own (RFC 6409 section 3.1, RFC 8314 section 3.3).
 */
const DEFAULT_PORT = { smtp: 25, smtps: 465, lmtp: 24 } as const;
const SUBMISSION_PORT = 587;

const MISSING =
  "write the password behind the user, like user:password@, or ?password-file=/path or " +
  `?password-env=${SECRET_PREFIX}NAME behind the host`;

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

/** Decodes a part of a URL (RFC 3986 section 2.1). */
function decoded(text: string): string {
  let plain: string;
  try {
    plain = decodeURIComponent(text);
  } catch {
    throw routeFault("write a % in the user and password as %25");
  }
  if (/\p{Cc}/u.test(plain)) throw routeFault("the user and password have no control characters");
  return plain;
}

/** Reads `password-file=/path` and its kin. */
function parseSource(query: string): Pick<Credentials, "kind" | "source"> {
  const [, kind, place, value = ""] = /^(password|token)-(file|env)=([^&]+)$/.exec(query) ?? [];
  if (kind !== "password" && kind !== "token") {
    throw routeFault(
      "what stands behind the host is none of ?password-file=, ?password-env=, ?token-file= and " +
        "?token-env=",
    );
  }
  const named = decoded(value);
  if (place === "file") {
    if (!named.startsWith("/")) throw routeFault(`write the whole path of the ${kind}-file`);
    return { kind, source: { kind: "file", path: named } };
  }
  if (!named.startsWith(SECRET_PREFIX) || !/^[A-Z0-9_]+$/.test(named)) {
    throw routeFault(`write a variable like ${SECRET_PREFIX}RELAY behind ${kind}-env=`);
  }
  return { kind, source: { kind: "environment", variable: named } };
}

function parseCredentials(userInfo: string, query: string | undefined): Credentials {
  const colon = userInfo.indexOf(":");
  const user = decoded(colon < 0 ? userInfo : userInfo.slice(0, colon));
  if (user === "") throw routeFault("write a user before the @");
  if (query !== undefined) {
    if (colon >= 0) throw routeFault("write the password in one place");
    return { user, ...parseSource(query) };
  }
  const password = colon < 0 ? "" : decoded(userInfo.slice(colon + 1));
  if (password === "") throw routeFault(MISSING);
  const source: SecretSource = { kind: "route", secret: new Secret(password) };
  return { user, kind: "password", source };
}

/**
 * Reads what stands behind the scheme and `://`: `[user[:password]@]host[:port]`, and behind it
 * `?password-file=/path`, `?password-env=NAME`, `?token-file=/path` or `?token-env=NAME`.
 *
 * @throws {SyntaxError} if it is no such route
 */
export function parseHostRoute(kind: HostHop["kind"], text: string): HostHop {
  const [, before, query] = /^([^?]*)(?:\?(.*))?$/s.exec(text)!;
  const at = before.lastIndexOf("@");
  const userInfo = at < 0 ? undefined : before.slice(0, at);
  let authority = before.slice(at + 1);
  if (authority.endsWith("/")) authority = authority.slice(0, -1);
  if (/[/#\\]/.test(authority)) throw routeFault("nothing may stand behind the host and port");
  if (userInfo !== undefined && /[/#\\\s]/.test(userInfo)) {
    throw routeFault("write /, #, \\ and spaces in the user and password as %2F, %23, %5C and %20");
  }
  if (kind === "lmtp" && (userInfo !== undefined || query !== undefined)) {
    throw routeFault("there is no authentication at an lmtp:// host");
  }
  if (userInfo === undefined && query !== undefined) {
    throw routeFault("nothing may stand behind the host and port where no user@ is before it");
  }
  const [written, port] = splitAuthority(authority);
  if (written === "") throw routeFault(`a host is missing behind ${kind}://`);
  const ip = parseIp(written);
  const host = ip === undefined ? parseDomain(written) : formatIp(ip);
  if (host === undefined) throw routeFault("the host is neither a host name nor an address");
  const credentials = userInfo === undefined ? undefined : parseCredentials(userInfo, query);
  const usual = kind === "smtp" && credentials !== undefined ? SUBMISSION_PORT : DEFAULT_PORT[kind];
  return {
    kind,
    host,
    port: port === undefined ? usual : parsePort(port),
    ...credentials && { credentials },
  };
}

/** Names a host so that it can be shown: the user tells two ways to it apart, and the secret is left out. */
export function hostKey({ kind, host, port, credentials }: HostHop): string {
  const user = credentials === undefined ? "" : `${encodeURIComponent(credentials.user)}@`;
  return `${kind}://${user}${hostAndPort(host, port)}`;
}
