/** Where a trusted peer has a message from, by what XFORWARD says of it. @module */
import type { Upstream } from "../policy/session.ts";
import type { ClientAttributes } from "../smtp/client_attributes.ts";
import type { Reply } from "../smtp/reply.ts";
import { addressOf, AttributeReader, portOf, wordOf } from "./attribute_reader.ts";

function sourceOf(text: string): "LOCAL" | "REMOTE" | undefined {
  const source = text.toUpperCase();
  return source === "LOCAL" || source === "REMOTE" ? source : undefined;
}

/**
 * Reads what is said of a message's client, or answers the refusal. The attributes come in as many
 * commands as the peer likes: what one leaves out is as the one before has said.
 */
export function upstreamOf(
  attributes: ClientAttributes<"XFORWARD">,
  before: Upstream | undefined,
): Upstream | Reply {
  const reader = new AttributeReader(attributes);
  const upstream = {
    name: reader.read("NAME", wordOf, before?.name, undefined),
    address: reader.read("ADDR", addressOf, before?.address, undefined),
    port: reader.read("PORT", portOf, before?.port, undefined),
    protocol: reader.read("PROTO", wordOf, before?.protocol, undefined),
    heloName: reader.read("HELO", wordOf, before?.heloName, undefined),
    id: reader.read("IDENT", wordOf, before?.id, undefined),
    source: reader.read("SOURCE", sourceOf, before?.source, undefined),
  };
  return reader.refusal ?? upstream;
}
