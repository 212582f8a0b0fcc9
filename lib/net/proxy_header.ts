/**
 * The header by which a proxy says for whom it connects: the PROXY protocol, versions 1 and 2
 * (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2), without any I/O.
 *
 * @module
 */
import { formatIp, normalizeAddress, parseIp } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";

/** What a header says. */
export type ProxyHeader =
  /** The connection is the proxy's own, or of a kind that has no address: its own ends are those. */
  | { readonly kind: "local" }
  /** The connection is for a client elsewhere. */
  | { readonly kind: "proxied"; readonly remote: Endpoint; readonly local: Endpoint };

/** What the octets that have come amount to. */
export type ProxyHeaderStep =
  /** The header is not whole yet. */
  | { readonly kind: "more" }
  /** These octets begin no header, or one that is malformed. */
  | { readonly kind: "fault"; readonly problem: string }
  /** The header, which is `length` octets long. */
  | { readonly kind: "header"; readonly header: ProxyHeader; readonly length: number };

/** The longest line of version 1, with its CR LF. */
const MAX_LINE = 107;

/** What of a header of version 2 stands before its addresses. */
const FIXED_PART = 16;

/**
 * The longest header of version 2 that is taken. The addresses take 216 octets at most, and what proxies
 * say of TLS and of their cloud some thousand with a client's certificate in it.
 */
export const MAX_PROXY_HEADER: number = FIXED_PART + 16 * 1024;

const PREFIX = new TextEncoder().encode("PROXY ");
const SIGNATURE = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);

const MORE: ProxyHeaderStep = { kind: "more" };
const LOCAL: ProxyHeader = { kind: "local" };

function fault(problem: string): ProxyHeaderStep {
  return { kind: "fault", problem };
}

/** Whether octets are the beginning of `expected`, or begin with it. */
function agrees(octets: Uint8Array, expected: Uint8Array): boolean {
  const length = Math.min(octets.length, expected.length);
  for (let i = 0; i < length; i++) {
    if (octets[i] !== expected[i]) return false;
  }
  return true;
}

/**
 * Reads the header at the beginning of a connection.
 *
 * @param octets everything that has come so far; what stands behind the header is not looked at
 */
export function readProxyHeader(octets: Uint8Array): ProxyHeaderStep {
  if (octets.length === 0) return MORE;
  if (agrees(octets, SIGNATURE)) return readBinary(octets);
  if (agrees(octets, PREFIX)) return readLine(octets);
  return fault("no PROXY header");
}

/**
 * ```abnf
 * header  = "PROXY" SP (unknown / tcp4 / tcp6) CRLF
 * unknown = "UNKNOWN" [SP *(%x00-09 / %x0B-0C / %x0E-FF)]
 * tcp4    = "TCP4" SP IPv4 SP IPv4 SP port SP port
 * tcp6    = "TCP6" SP IPv6 SP IPv6 SP port SP port
 * ```
 */
function readLine(octets: Uint8Array): ProxyHeaderStep {
  // A CR at the last place there can be is no end any more: its LF would come too late.
  const end = octets.subarray(0, MAX_LINE - 1).findIndex((octet) => octet === 13 || octet === 10);
  if (end < 0) return octets.length < MAX_LINE ? MORE : fault("the line is too long");
  if (octets[end] === 13 && end + 1 === octets.length) return MORE;
  if (octets[end] === 10 || octets[end + 1] !== 10) return fault("the line does not end in CR LF");
  const line = String.fromCharCode(...octets.subarray(0, end));
  const header = readWords(line.split(" "));
  if (header === undefined) return fault("the line is malformed");
  return { kind: "header", header, length: end + 2 };
}

function readWords(words: readonly string[]): ProxyHeader | undefined {
  const [, protocol, ...rest] = words;
  // Whatever follows means nothing.
  if (protocol === "UNKNOWN") return LOCAL;
  if (rest.length !== 4 || (protocol !== "TCP4" && protocol !== "TCP6")) return undefined;
  const [source, destination, sourcePort, destinationPort] = rest;
  const remote = endpoint(protocol, source, sourcePort);
  const local = endpoint(protocol, destination, destinationPort);
  return remote && local && { kind: "proxied", remote, local };
}

/** IPv6 is hexadecimal digits and colons there; IPv4 at its end is not provided for. */
const IPV6 = /^[0-9A-Fa-f:]*:[0-9A-Fa-f:]*$/;

function endpoint(protocol: "TCP4" | "TCP6", address: string, port: string): Endpoint | undefined {
  if (protocol === "TCP6" ? !IPV6.test(address) : address.includes(":")) return undefined;
  const ip = parseIp(address);
  if (ip === undefined || !/^(?:0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 65_535) {
    return undefined;
  }
  return { address: formatIp(ip), port: Number(port) };
}

/** How long the two addresses and ports of a family are, where they mean something here. */
const INTERNET = new Map<number, { readonly version: 4 | 6; readonly octets: number }>([
  [0x11, { version: 4, octets: 4 }],
  [0x21, { version: 6, octets: 16 }],
]);

/** What the families take: AF_UNSPEC, AF_INET, AF_INET6 and AF_UNIX. */
const ADDRESS_BLOCK = [0, 12, 36, 216];

function readBinary(octets: Uint8Array): ProxyHeaderStep {
  // Each octet is looked at as soon as it is there, so that the wrong end of a connection is told early.
  if (octets.length <= SIGNATURE.length) return MORE;
  const versionAndCommand = octets[12];
  if (versionAndCommand >> 4 !== 2) return fault("the version is not 2");
  const command = versionAndCommand & 15;
  if (command > 1) return fault("the command is neither LOCAL nor PROXY");
  if (octets.length < FIXED_PART) return MORE;
  const family = octets[13];
  const dataLength = octets[14] << 8 | octets[15];
  const length = FIXED_PART + dataLength;
  if (length > MAX_PROXY_HEADER) return fault("the header is too long");
  const isLocal = command === 0;
  const block = isLocal || (family & 15) === 0 ? 0 : ADDRESS_BLOCK[family >> 4];
  // The family of a LOCAL connection means nothing, and its data is skipped whatever it is.
  if (!isLocal) {
    if (family >> 4 > 3) return fault("the address family is unknown");
    if ((family & 15) > 2) return fault("the transport protocol is unknown");
    if (dataLength < block) return fault("the addresses are cut short");
  }
  if (octets.length < length) return MORE;
  if (isLocal) return { kind: "header", header: LOCAL, length };
  const data = octets.subarray(FIXED_PART, length);
  // Without a family, it is not known where the addresses end and the vectors begin.
  if (block > 0 && !areVectors(data.subarray(block))) {
    return fault("what follows the addresses is malformed");
  }
  const internet = INTERNET.get(family);
  // Datagrams and local sockets are no connections of a client with an address, and the specification
  // has them taken as those of the proxy.
  if (internet === undefined) return { kind: "header", header: LOCAL, length };
  const { version, octets: size } = internet;
  const ports = data.subarray(size * 2);
  const address = (from: number) =>
    normalizeAddress(formatIp({ version, octets: data.subarray(from, from + size) }));
  const remote = { address: address(0), port: ports[0] << 8 | ports[1] };
  const local = { address: address(size), port: ports[2] << 8 | ports[3] };
  return { kind: "header", header: { kind: "proxied", remote, local }, length };
}

/** Whether octets are vectors of type (1 octet), length (2 octets) and value, and nothing else. */
function areVectors(octets: Uint8Array): boolean {
  let position = 0;
  while (position + 3 <= octets.length) {
    position += 3 + (octets[position + 1] << 8 | octets[position + 2]);
  }
  return position === octets.length;
}
