/** The client that a trusted peer speaks for, by what XCLIENT says of it. @module */
import type { Endpoint } from "../policy/session.ts";
import type { ClientAttributes } from "../smtp/client_attributes.ts";
import type { Reply } from "../smtp/reply.ts";
import { addressOf, AttributeReader, portOf, wordOf } from "./attribute_reader.ts";

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

function protocolOf(text: string): "SMTP" | "ESMTP" | undefined {
  const name = text.toUpperCase();
  return name === "SMTP" || name === "ESMTP" ? name : undefined;
}

/**
 * Reads what is said of a client, or answers the refusal. What is left out is as the connection is, or as
 * the last XCLIENT has said; greeting and account begin anew.
 */
export function clientFacts(
  attributes: ClientAttributes<"XCLIENT">,
  ends: Ends,
): ClientFacts | Reply {
  const reader = new AttributeReader(attributes);
  function end(address: "ADDR" | "DESTADDR", port: "PORT" | "DESTPORT", before: Endpoint) {
    // The port of one address says nothing of another.
    const known = attributes.has(address) ? 0 : before.port;
    return {
      address: reader.read(address, addressOf, before.address, NOWHERE),
      port: reader.read(port, portOf, known, 0),
    };
  }
  const facts = {
    remote: end("ADDR", "PORT", ends.remote),
    local: end("DESTADDR", "DESTPORT", ends.local),
    protocol: reader.read("PROTO", protocolOf, undefined, undefined),
    heloName: reader.read("HELO", wordOf, undefined, undefined),
    account: reader.read("LOGIN", (text) => text, undefined, undefined),
  };
  // It is of no use here but in the log, and has to be a name all the same.
  reader.read("NAME", wordOf, undefined, undefined);
  return reader.refusal ?? facts;
}
