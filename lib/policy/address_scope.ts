/** How far an address reaches, so that mail cannot be used to knock on doors inside. @module */
import { type Cidr, cidrContains, type Ip, parseCidr } from "./network.ts";

/**
 * How far an address reaches. Everything but `global` leads to this host, to its neighbours, or to
 * nowhere: the owner of a domain who lets an MX host point there wants something other than mail.
 */
export type AddressScope =
  | "global"
  | "loopback"
  | "private"
  | "link-local"
  | "shared"
  | "multicast"
  | "reserved";

/** The special-purpose blocks of RFC 6890 and its registries, the narrower before the wider. */
const BLOCKS: readonly (readonly [Cidr, AddressScope])[] = ([
  // Linux connects 0.0.0.0 and :: to the host itself.
  ["0.0.0.0/8", "loopback"],
  ["127.0.0.0/8", "loopback"],
  ["10.0.0.0/8", "private"],
  ["172.16.0.0/12", "private"],
  ["192.168.0.0/16", "private"],
  ["100.64.0.0/10", "shared"],
  ["169.254.0.0/16", "link-local"],
  ["192.0.0.0/24", "reserved"],
  ["192.88.99.0/24", "reserved"],
  ["198.18.0.0/15", "private"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
  ["::/128", "loopback"],
  ["::1/128", "loopback"],
  // NAT64 under a prefix of the local network's choice (RFC 8215): what it leads to is not known.
  ["64:ff9b:1::/48", "private"],
  ["100::/64", "reserved"],
  // Teredo, ORCHID and the other protocol assignments; documentation stands elsewhere.
  ["2001::/23", "reserved"],
  ["5f00::/16", "reserved"],
  ["fc00::/7", "private"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"],
  ["ff00::/8", "multicast"],
] as const).map(([text, scope]) => [parseCidr(text), scope]);

/** Where IPv6 addresses carry an IPv4 address that a translator or tunnel leads to. */
const EMBEDDINGS: readonly (readonly [Cidr, number])[] = ([
  // IPv4-compatible (RFC 4291 section 2.5.5.1) and IPv4-translated (RFC 2765) addresses.
  ["::/96", 12],
  ["::ffff:0:0:0/96", 12],
  // NAT64 (RFC 6052).
  ["64:ff9b::/96", 12],
  // 6to4 (RFC 3056).
  ["2002::/16", 2],
] as const).map(([text, at]) => [parseCidr(text), at]);

/**
 * Says how far an address reaches. An IPv6 address that carries an IPv4 address reaches as far as
 * that one. The blocks for documentation count as global: nothing answers there.
 */
export function addressScope(ip: Ip): AddressScope {
  for (const [block, scope] of BLOCKS) {
    if (cidrContains(block, ip)) return scope;
  }
  for (const [block, at] of EMBEDDINGS) {
    if (cidrContains(block, ip)) {
      return addressScope({ version: 4, octets: ip.octets.slice(at, at + 4) });
    }
  }
  return "global";
}
