/** The client that a trusted peer speaks for, by what XCLIENT says of it. @module */
import { formatIp, parseAddressLiteral, parseIp } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import type { ClientAttributes } from "../smtp/client_attributes.ts";
import { type Reply, reply } from "../smtp/reply.ts";

/** What XCLIENT changes of a session. */
export interface ClientFacts {
  /** The client's end. */
  readonly remote: Endpoint;
  /** The end that the client has connected to. */
  readonly local: Endpoint;
  /** The protocol that it has greeted with. */
  readonly protocol: "SMTP" | "ESMTP" | undefined;
  /** What it calls itself. */
  readonly heloName: string | undefined;
  /** Whom it has authenticated as. */
  readonly account: string | undefined;
}

/** The ends of a connection. */
export interface Ends {
  /** The client's. */
  readonly remote: Endpoint;
  /** Ours. */
  readonly local: Endpoint;
}

/** Where a client is whose address the peer does not know: nowhere that a rule could be for. */
const NOWHERE = "0.0.0.0";

/** An address alone or, for IPv6, behind `IPV6:`; XCLIENT_README of Postfix has both. */
function addressOf(text: string): string | undefined {
  const ip = /^IPv6:/i.test(text) ? parseAddressLiteral(`[${text}]`) : parseIp(text);
  return ip && formatIp(ip);
}

function portOf(text: string): number | undefined {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined;
}

function protocolOf(text: string): "SMTP" | "ESMTP" | undefined {
  const name = text.toUpperCase();
  return name === "SMTP" || name === "ESMTP" ? name : undefined;
}

/** The same as is taken in EHLO: one word, because it comes into a header field. */
function heloNameOf(text: string): string | undefined {
  return /^[!-~]{1,255}$/.test(text) ? text : undefined;
}

/**
 * Reads what is said of a client, or answers the refusal. What is left out is as the connection is, or as
 * the last XCLIENT has said; greeting and account begin anew.
 */
export function clientFacts(attributes: ClientAttributes, ends: Ends): ClientFacts | Reply {
  let bad: string | undefined;
  /** `before` where the attribute is left out, `absent` where the peer says that it has none. */
  function read<T>(
    name: Parameters<ClientAttributes["get"]>[0],
    parse: (text: string) => T | undefined,
    before: T,
    absent: T,
  ): T {
    const text = attributes.get(name);
    if (text === undefined) return before;
    if (text === null) return absent;
    const value = parse(text);
    if (value === undefined) bad ??= name;
    return value ?? before;
  }
  function end(address: "ADDR" | "DESTADDR", port: "PORT" | "DESTPORT", before: Endpoint) {
    // The port of one address says nothing of another.
    const known = attributes.has(address) ? 0 : before.port;
    return {
      address: read(address, addressOf, before.address, NOWHERE),
      port: read(port, portOf, known, 0),
    };
  }
  const facts = {
    remote: end("ADDR", "PORT", ends.remote),
    local: end("DESTADDR", "DESTPORT", ends.local),
    protocol: read("PROTO", protocolOf, undefined, undefined),
    heloName: read("HELO", heloNameOf, undefined, undefined),
    account: read("LOGIN", (text) => text, undefined, undefined),
  };
  // It is of no use here but in the log, and has to be a name all the same.
  read("NAME", heloNameOf, undefined, undefined);
  return bad === undefined ? facts : reply(501, "5.5.4", `Bad value of ${bad}`);
}
