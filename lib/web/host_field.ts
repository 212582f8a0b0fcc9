/** Which names a request may call us by. @module */
import { formatIp, isLoopback, parseIp } from "../policy/network.ts";

/** What a Host field names. */
interface Host {
  /** In lower case; an address without brackets, as addresses are compared. */
  readonly name: string;
  readonly port: number;
  readonly isAddress: boolean;
}

/**
 * Reads a Host field (RFC 9110 section 7.2):
 *
 * ```abnf
 * Host = uri-host [ ":" port ]
 * ```
 *
 * Of `uri-host` there are host names and addresses, and nothing that is percent-encoded.
 */
function parseHost(text: string): Host | undefined {
  const match = /^(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9_.-]{1,253}))(?::([0-9]{1,5}))?$/i.exec(text);
  if (match === null) return undefined;
  const [, inBrackets, bare, port = "80"] = match;
  const ip = parseIp(inBrackets ?? bare);
  if (inBrackets !== undefined && ip === undefined) return undefined;
  const name = ip === undefined ? bare.toLowerCase() : formatIp(ip);
  return { name, port: Number(port), isAddress: ip !== undefined };
}

/**
 * Makes the check of what a request calls us by. A page of somebody else whose name was made to lead to our
 * address (DNS rebinding) calls us by that name, so nothing but these is taken:
 *
 * - names that were given, at any port: there is something in front of us that has the port;
 * - on loopback `localhost`, its addresses and the one that is bound, at the port that we have;
 * - elsewhere `localhost` and any address, at any port: an address cannot be made to lead elsewhere, and
 *   that of a host in front of us is not known here.
 */
export function hostCheck(
  address: string,
  names: readonly string[],
): (host: string, port: number) => boolean {
  const given = new Set(names.map((name) => name.toLowerCase()));
  const local = new Set(["localhost", "127.0.0.1", "::1", address]);
  const isLocal = isLoopback(address);
  return (text, port) => {
    const host = parseHost(text);
    if (host === undefined) return false;
    if (given.has(host.name)) return true;
    if (isLocal) return local.has(host.name) && host.port === port;
    return host.isAddress || host.name === "localhost";
  };
}
