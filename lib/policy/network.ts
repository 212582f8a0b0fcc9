/**
 * IP addresses and networks: whether a client is in a network, and whether an address that a remote
 * named for itself leads back inside.
 *
 * @module
 */

/** An IP address by its octets. An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) is IPv4 here. */
export interface Ip {
  /** 4 or 6. */
  readonly version: 4 | 6;
  /** 4 or 16 octets in network order. */
  readonly octets: Uint8Array;
}

/** A network: the addresses that begin with the same bits. */
export interface Cidr {
  /** The first address of the network. */
  readonly base: Ip;
  /** How many leading bits are the same, 0 to 32 or 0 to 128. */
  readonly prefixLength: number;
}

/** The longest text of an address: eight groups, the last two written as IPv4. */
const MAX_ADDRESS_LENGTH = 45;

/**
 * Reads four octets:
 *
 * ```abnf
 * IPv4-address-literal = Snum 3("." Snum)
 * Snum                 = 1*3DIGIT ; 0 to 255
 * ```
 *
 * A leading zero is refused: some systems read it as octal (RFC 6943 section 3.1.1).
 */
function parseIpv4(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const octets: number[] = [];
  for (const part of parts) {
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part)) return undefined;
    const octet = Number(part);
    if (octet > 255) return undefined;
    octets.push(octet);
  }
  return octets;
}

/** Reads groups of 16 bits between colons; the last may be IPv4 where `ipv4` says so. */
function parseGroups(text: string, ipv4: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const octets: number[] = [];
  for (const [i, part] of parts.entries()) {
    if (ipv4 && i === parts.length - 1 && part.includes(".")) {
      const last = parseIpv4(part);
      if (last === undefined) return undefined;
      octets.push(...last);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return undefined;
      const group = parseInt(part, 16);
      octets.push(group >> 8, group & 0xff);
    }
  }
  return octets;
}

/** Reads the text forms of RFC 4291 section 2.2. */
function parseIpv6(text: string): number[] | undefined {
  const gap = text.indexOf("::");
  if (gap < 0) {
    const octets = parseGroups(text, true);
    return octets?.length === 16 ? octets : undefined;
  }
  const head = parseGroups(text.slice(0, gap), false);
  const tail = parseGroups(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const zeros = 16 - head.length - tail.length;
  // RFC 5321 section 4.1.3: the "::" stands for at least one group.
  if (zeros < 2) return undefined;
  return [...head, ...new Array<number>(zeros).fill(0), ...tail];
}

function startsWith(octets: ArrayLike<number>, prefix: readonly number[]): boolean {
  return prefix.every((octet, i) => octets[i] === octet);
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Reads an IPv4 or IPv6 address, without brackets. `::ffff:192.0.2.1` is read as the IPv4 address
 * it stands for. A zone (`fe80::1%eth0`), a shortened IPv4 address (`127.1`) and any other number
 * are refused.
 *
 * @returns the address, or `undefined` where the text is none
 */
export function parseIp(text: string): Ip | undefined {
  if (text.length > MAX_ADDRESS_LENGTH) return undefined;
  if (!text.includes(":")) {
    const octets = parseIpv4(text);
    return octets && { version: 4, octets: Uint8Array.from(octets) };
  }
  const octets = parseIpv6(text);
  if (octets === undefined) return undefined;
  if (startsWith(octets, MAPPED)) return { version: 4, octets: Uint8Array.from(octets.slice(12)) };
  return { version: 6, octets: Uint8Array.from(octets) };
}

/**
 * The labels by which an address is found in the domain name system, the last part first: the octets of
 * IPv4, the hexadecimal digits of IPv6 (RFC 1035 section 3.5, RFC 3596 section 2.5).
 */
export function reversedLabels({ version, octets }: Ip): string {
  const labels = [...octets].flatMap((octet) =>
    version === 4 ? [`${octet}`] : [...octet.toString(16).padStart(2, "0")]
  );
  return labels.reverse().join(".");
}

/** Writes a host, which may be an IPv6 address, and a port as URLs have them (RFC 3986 section 3.2.2). */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Writes an address as RFC 5952 asks: lower case, the longest run of zero groups as `::`. */
export function formatIp(ip: Ip): string {
  if (ip.version === 4) return ip.octets.join(".");
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(ip.octets[i] << 8 | ip.octets[i + 1]);
  let start = 0;
  let length = 0;
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  const hex = groups.map((group) => group.toString(16));
  // RFC 5952 section 4.2.2: one group alone is not shortened.
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/**
 * Writes an address in the one way in which addresses are compared: an IPv4-mapped address as IPv4
 * (a listener on `::` shows IPv4 clients so), IPv6 as RFC 5952 asks. What is no address stays as it is.
 */
export function normalizeAddress(text: string): string {
  const ip = parseIp(text);
  return ip === undefined ? text : formatIp(ip);
}

/**
 * Reads an address literal with its brackets:
 *
 * ```abnf
 * address-literal      = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
 * IPv6-address-literal = "IPv6:" IPv6-addr
 * ```
 *
 * @returns the address, or `undefined` where the text is none; no General-address-literal has a meaning
 */
export function parseAddressLiteral(text: string): Ip | undefined {
  if (!text.startsWith("[") || !text.endsWith("]")) return undefined;
  const inside = text.slice(1, -1);
  const isIpv6 = inside.slice(0, 5).toLowerCase() === "ipv6:";
  const address = isIpv6 ? inside.slice(5) : inside;
  return address.includes(":") === isIpv6 ? parseIp(address) : undefined;
}

/** Writes an address as the address literal of RFC 5321 section 4.1.3, with its brackets. */
export function formatAddressLiteral(ip: Ip): string {
  return ip.version === 6 ? `[IPv6:${formatIp(ip)}]` : `[${formatIp(ip)}]`;
}

/** The octets with every bit behind the first `length` cleared. */
function masked(octets: Uint8Array, length: number): Uint8Array {
  return octets.map((octet, i) => {
    const bits = Math.min(8, Math.max(0, length - i * 8));
    return octet & (0xff << (8 - bits));
  });
}

/**
 * Reads a network: `192.0.2.0/24`, `2001:db8::/32`, or a bare address, which is a network of one.
 *
 * @throws {SyntaxError} if the text is no network, or names an address inside one
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const ip = parseIp(address);
  if (ip === undefined) {
    throw new SyntaxError(
      `Cannot read ${
        JSON.stringify(text)
      } as a network: write it like 192.0.2.0/24 or 2001:db8::/32`,
    );
  }
  const bits = ip.octets.length * 8;
  if (slash < 0) return { base: ip, prefixLength: bits };
  const written = text.slice(slash + 1);
  // The prefix of an IPv4-mapped network counts the 96 bits of the mapping too.
  const mapping = ip.version === 4 && address.includes(":") ? 96 : 0;
  const prefixLength = /^(?:0|[1-9][0-9]{0,2})$/.test(written) ? Number(written) - mapping : -1;
  if (prefixLength < 0 || prefixLength > bits) {
    throw new SyntaxError(
      `Cannot read ${JSON.stringify(text)} as a network: behind the slash stands a number from ` +
        `${mapping} to ${bits + mapping}`,
    );
  }
  const base: Ip = { version: ip.version, octets: masked(ip.octets, prefixLength) };
  if (base.octets.some((octet, i) => octet !== ip.octets[i])) {
    throw new SyntaxError(
      `Cannot use ${JSON.stringify(text)} as a network: it names an address inside one; ` +
        `write ${formatIp(base)}/${prefixLength}, or ${
          formatIp(ip)
        }/${bits} for this address alone`,
    );
  }
  return { base, prefixLength };
}

/** Writes a network with its prefix length. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.base)}/${cidr.prefixLength}`;
}

/** Whether an address lies in a network. IPv4 lies in no IPv6 network, and the reverse. */
export function cidrContains({ base, prefixLength }: Cidr, ip: Ip): boolean {
  if (base.version !== ip.version) return false;
  const whole = prefixLength >> 3;
  for (let i = 0; i < whole; i++) {
    if (ip.octets[i] !== base.octets[i]) return false;
  }
  const rest = prefixLength & 7;
  return rest === 0 ||
    ((ip.octets[whole] ^ base.octets[whole]) & (0xff << (8 - rest)) & 0xff) === 0;
}

/**
 * The network that an address is counted with where clients are counted: what one customer of a
 * provider is given at least, which is a /24 of IPv4 at most, and a /56 of IPv6 (RFC 6177 section 2).
 */
export function clientNetwork(ip: Ip): Cidr {
  const prefixLength = ip.version === 4 ? 24 : 56;
  return { base: { version: ip.version, octets: masked(ip.octets, prefixLength) }, prefixLength };
}

const LOOPBACK = [parseCidr("127.0.0.0/8"), parseCidr("::1/128")];

/**
 * Whether an address is one that only this host can connect from and to. `0.0.0.0` and `::` are not: who
 * listens there listens everywhere.
 */
export function isLoopback(address: string): boolean {
  const ip = parseIp(address);
  return ip !== undefined && LOOPBACK.some((network) => cidrContains(network, ip));
}
