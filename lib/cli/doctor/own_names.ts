/** What the world knows this machine by: its name, its addresses, and the way back from these. @module */
import type { Config } from "../../config.ts";
import { addressScope } from "../../policy/address_scope.ts";
import { formatIp, type Ip, isLoopback, parseIp } from "../../policy/network.ts";
import { reverseName } from "../../policy/reverse_dns.ts";
import { lookUpAddresses } from "../../relay/addresses.ts";
import type { Dns } from "../../relay/dns.ts";
import { printable } from "../../smtp/reply.ts";
import { allRoutes } from "../compose.ts";
import { type Examination, fail, type Finding, ok, skip, Unknown, warn } from "./finding.ts";
import type { World } from "./world.ts";

/** Addresses, and names of one, that are looked at; whoever has more has made them up. */
const MOST = 10;

/** Endings that no name of the public tree has (RFC 6761, RFC 6762, RFC 8375, RFC 9476). */
const PRIVATE_ENDING = /(?:^|\.)(?:localhost|local|localdomain|internal|lan|home\.arpa|alt)$/;

/** Whether mail goes out to the mail hosts of whatever domain it is for. */
export function sendsByMx(config: Config): boolean {
  return allRoutes(config).some(({ route }) => route.kind === "mx");
}

/** Whether other machines can connect. */
export function isOpenToOthers({ host }: Config): boolean {
  return host.length === 0 || host.some((address) => !isLoopback(address));
}

/**
 * The addresses of a host.
 *
 * @throws {Unknown} if that could not be found out
 */
export async function addressesOf(dns: Dns, host: string, signal: AbortSignal): Promise<Ip[]> {
  const { addresses, isUncertain } = await lookUpAddresses(dns, host, () => 0, signal);
  if (addresses.length === 0 && isUncertain) {
    throw new Unknown(`the name server does not say which addresses ${host} has`);
  }
  return addresses.slice(0, MOST);
}

/**
 * What a name server answers, with its failures told as what is not known.
 *
 * @throws {Unknown} if it has no answer
 */
export async function answered<T>(answer: Promise<T>, what: string): Promise<T> {
  try {
    return await answer;
  } catch {
    throw new Unknown(`the name server does not say ${what}`);
  }
}

/** The addresses of this machine that others could know it by. */
export function ownAddresses(world: World): readonly string[] {
  return world.addresses().filter((address) => {
    const ip = parseIp(address);
    return ip !== undefined && !["loopback", "link-local"].includes(addressScope(ip));
  });
}

function isGlobal(ip: Ip): boolean {
  return addressScope(ip) === "global";
}

/** Whether this machine has a public address of its own of the same version. */
function hasGlobal(own: readonly string[], version: Ip["version"]): boolean {
  return own.some((address) => {
    const ip = parseIp(address);
    return ip?.version === version && isGlobal(ip);
  });
}

/** Whether a name is one that others could look up. */
export function isFullName(hostname: string): boolean {
  return hostname.includes(".") && !PRIVATE_ENDING.test(hostname);
}

async function examineHostname(
  { hostname }: Config,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  if (!isFullName(hostname)) {
    return fail(
      `${hostname} is no name that others could look up`,
      "give the full name of this machine, such as --hostname mail.example.org",
    );
  }
  const ips = await addressesOf(world.dns, hostname, signal);
  if (ips.length === 0) {
    return fail(
      `${hostname} has no address`,
      "write an A record for it into its zone, or give the right name to --hostname",
    );
  }
  const texts = ips.map(formatIp);
  const leads = `${hostname} leads to ${texts.join(", ")}`;
  const own = ownAddresses(world);
  const here = texts.filter((text) => own.includes(text));
  const mend = "let its A record have the public address of this machine";
  if (!ips.some(isGlobal)) return warn(`${leads}, where nobody outside comes`, mend);
  if (here.length > 0) return ok(`${leads}, and this machine has ${here.join(", ")}`);
  if (ips.every(({ version }) => hasGlobal(own, version))) {
    const found = `${leads}, and this machine has ${own.join(", ")}`;
    return fail(found, `${mend}, or give the right name to --hostname`);
  }
  return ok(`${leads}, which a router in front of this machine should have`);
}

/** How an address leads back to the name. */
async function examineReverse(
  ip: Ip,
  config: Config,
  { dns }: World,
  signal: AbortSignal,
): Promise<Finding> {
  const { hostname } = config;
  const address = formatIp(ip);
  const what = `which name ${address} has`;
  const names = (await answered(dns.ptr(reverseName(ip), signal), what))
    .slice(0, MOST)
    .map((name) => name.replace(/\.$/, "").toLowerCase());
  const mend = `let whoever gave you ${address} set its PTR record to ${hostname}`;
  // Large providers refuse mail from who has none, which matters to who sends it.
  const bad = sendsByMx(config) ? fail : warn;
  if (names.length === 0) return bad(`${address} has no name (PTR record)`, mend);
  if (names.includes(hostname)) return ok(`${address} has the name ${hostname}, which leads back`);
  const has = `${address} has the name ${names.map(printable).join(", ")}`;
  for (const name of names) {
    // A name of a zone below arpa may hold any octets.
    if (!/^[a-z0-9_.-]{1,253}$/.test(name) || !name.includes(".")) continue;
    const back = await addressesOf(dns, name, signal);
    if (back.some((each) => formatIp(each) === address)) {
      return warn(`${has} and not ${hostname}`, `${mend}, or give that name to --hostname`);
    }
  }
  return bad(`${has}, which does not lead back to it`, mend);
}

/** Looks at the name of this machine, and at the names of its addresses. */
export function ownNameExaminations(config: Config, world: World): Examination[] {
  if (!isOpenToOthers(config) && !sendsByMx(config)) {
    const nobody = skip("nobody else connects, and no mail goes out by MX");
    return ["hostname", "reverse dns"].map((topic) => ({ topic, examine: () => nobody }));
  }
  return [
    { topic: "hostname", examine: (signal) => examineHostname(config, world, signal) },
    {
      topic: "reverse dns",
      async examine(signal) {
        if (!isFullName(config.hostname)) return skip(`${config.hostname} is no full name`);
        const ips = (await addressesOf(world.dns, config.hostname, signal)).filter(isGlobal);
        if (ips.length === 0) return skip(`${config.hostname} has no public address`);
        return await Promise.all(ips.map((ip) => examineReverse(ip, config, world, signal)));
      },
    },
  ];
}
