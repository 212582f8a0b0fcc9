/** What the zones of our domains say: who takes their mail, and who may send it. @module */
import type { Config } from "../../config.ts";
import { cidrContains, formatIp, type Ip, parseCidr } from "../../policy/network.ts";
import type { MxRecord } from "../../relay/dns.ts";
import { printable } from "../../smtp/reply.ts";
import { type Examination, fail, type Finding, ok, skip, warn } from "./finding.ts";
import { addressesOf, answered, isFullName, ownAddresses, sendsByMx } from "./own_names.ts";
import type { World } from "./world.ts";

/** Domains, and hosts of one, that are looked at. */
const MOST_DOMAINS = 20;
const MOST_HOSTS = 10;

/** The addresses that mail for this machine comes to: those of its name, and its own. */
async function ourAddresses(
  { hostname }: Config,
  world: World,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const named = await addressesOf(world.dns, hostname, signal);
  return new Set([...ownAddresses(world), ...named.map(formatIp)]);
}

function hostOf({ exchange }: MxRecord): string {
  return exchange.replace(/\.$/, "").toLowerCase();
}

async function leadsHere(
  hosts: readonly string[],
  config: Config,
  world: World,
  signal: AbortSignal,
): Promise<boolean> {
  const ours = await ourAddresses(config, world, signal);
  const found = await Promise.all(hosts.map((host) => addressesOf(world.dns, host, signal)));
  return found.flat().some((ip) => ours.has(formatIp(ip)));
}

async function examineMx(
  domain: string,
  config: Config,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  const { hostname } = config;
  const records = await answered(world.dns.mx(domain, signal), `which MX records ${domain} has`);
  const name = isFullName(hostname) ? `${hostname}.` : "and the full name of this machine";
  const mend = `write ${domain}. MX 10 ${name} into its zone`;
  if (records.length === 0) {
    const addresses = await addressesOf(world.dns, domain, signal);
    if (addresses.length === 0) {
      return fail(`${domain} has neither MX record nor address, so no mail comes`, mend);
    }
    return await leadsHere([domain], config, world, signal)
      ? warn(`${domain} has no MX record, so mail comes by its address alone`, mend)
      : fail(`${domain} has no MX record, and its address is another machine's`, mend);
  }
  const hosts = records.toSorted((a, b) => a.preference - b.preference).map(hostOf);
  if (hosts.includes("")) return fail(`${domain} says by a null MX that it takes no mail`, mend);
  const some = hosts.slice(0, MOST_HOSTS);
  const has = `mail for ${domain} goes to ${some.map(printable).join(", ")}`;
  if (hosts.includes(hostname)) return ok(has);
  return await leadsHere(some, config, world, signal)
    ? ok(`${has}, which leads to this machine`)
    : fail(`${has}, and none of them is ${hostname} or leads here`, mend);
}

/** A mechanism of SPF, or a modifier, that may stand for a host without naming its address. */
const MAY_COVER = /^\+?(?:mx|a|ptr)(?:[:/]|$)|^\+?(?:include|exists):|^redirect=/;

/** Whether a term of an SPF record names one of the addresses (RFC 7208 section 5.6). */
function namesAddress(term: string, ips: readonly Ip[]): boolean {
  const text = /^\+?ip[46]:(.+)$/.exec(term)?.[1];
  if (text === undefined) return false;
  try {
    const network = parseCidr(text);
    return ips.some((ip) => cidrContains(network, ip));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
}

async function examineSpf(
  domain: string,
  { hostname }: Config,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  const texts = await answered(world.dns.txt(domain, signal), `which TXT records ${domain} has`);
  const records = texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
  const usual = domain === hostname ? "a" : "mx";
  const write = `write ${domain}. TXT "v=spf1 ${usual} -all" into its zone`;
  if (records.length === 0) {
    return warn(`${domain} does not say who may send for it (SPF)`, write);
  }
  if (records.length > 1) {
    const wrong = `${domain} has ${records.length} SPF records, which count as a fault`;
    return warn(wrong, "keep one of them (RFC 7208 section 3.2)");
  }
  const terms = records[0].toLowerCase().split(/ +/).slice(1);
  if (terms.includes("all") || terms.includes("+all")) {
    const wrong = `the SPF record of ${domain} lets everybody send for it`;
    return warn(wrong, "end it with -all or ~all");
  }
  const ips = await addressesOf(world.dns, hostname, signal);
  if (terms.some((term) => MAY_COVER.test(term) || namesAddress(term, ips))) {
    return ok(`the SPF record of ${domain} may cover this machine`);
  }
  const names = ips.map((ip) => `ip${ip.version}:${formatIp(ip)}`).join(" ") || usual;
  return warn(`the SPF record of ${domain} does not name this machine`, `add ${names} to it`);
}

/** Looks at the MX records of local domains, and at the SPF records where we send for them. */
export function domainExaminations(config: Config, world: World): Examination[] {
  const { localDomain, hostname } = config;
  const domains = localDomain.slice(0, MOST_DOMAINS);
  const mx = domains.map((domain): Examination => ({
    topic: `mx ${domain}`,
    examine: (signal) => examineMx(domain, config, world, signal),
  }));
  const names = isFullName(hostname) ? [...domains, hostname] : domains;
  const senders = sendsByMx(config) ? new Set(names) : [];
  const spf = Array.from(senders, (domain): Examination => ({
    topic: `spf ${domain}`,
    examine: (signal) => examineSpf(domain, config, world, signal),
  }));
  const left = localDomain.length - domains.length;
  const more = skip(`${left} more local domains are not looked at`);
  return left > 0 ? [...mx, ...spf, { topic: "domains", examine: () => more }] : [...mx, ...spf];
}
