/** Whether names are answered, and whether next hops can be reached. @module */
import type { Config } from "../../config.ts";
import { hostAndPort } from "../../policy/network.ts";
import type { Endpoint } from "../../policy/session.ts";
import { resolveNextHop } from "../../relay/resolver.ts";
import type { RemoteHop } from "../../relay/resolver.ts";
import { nextHopKey } from "../../relay/route.ts";
import { isTransient, printable } from "../../smtp/reply.ts";
import { allRoutes, resolverOf } from "../compose.ts";
import { intendedEndpoints, ourselvesAt } from "../ourselves.ts";
import { type Examination, fail, type Finding, ok, skip, Unknown, warn } from "./finding.ts";
import { addressesOf, isFullName } from "./own_names.ts";
import type { World } from "./world.ts";

/** Next hops, and addresses of one, that are tried. */
const MOST_HOPS = 5;
const MOST_ADDRESSES = 4;

/** How long a next hop may take to greet, in milliseconds: longer than any that is well. */
const GREETING_TIMEOUT = 5_000;

/** A next hop, what sets it, and what it is called. */
interface Hop {
  readonly hop: RemoteHop;
  readonly topic: string;
  readonly setBy: string;
}

const SMARTHOST = "send through a smarthost with " +
  "--route smtp://USER@HOST?password-file=FILE";

function serverName({ dns }: Config): string {
  if (dns === undefined) return "the system's name server";
  return `the name server ${hostAndPort(dns.address, dns.port)}`;
}

async function examineNameServer(
  config: Config,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  const server = serverName(config);
  const other = "give one that answers to --dns, such as a resolver on this machine";
  // A name that nobody has; below a name that is there no wildcard counts (RFC 4592 section 2.2.1).
  const zone = isFullName(config.hostname) ? config.hostname : "invalid";
  const name = `smtpd-${crypto.randomUUID()}.${zone}`;
  try {
    const answers = await world.dns.a(name, signal);
    if (answers.length === 0) return ok(`${server} answers, and says so where there is no name`);
    return fail(
      `${server} has an address for a name that does not exist (${printable(answers[0])})`,
      "it answers what its owner likes, so mail for misspelt domains goes astray; " +
        "give an honest one to --dns",
    );
  } catch {
    return fail(`${server} does not answer, so no mail can go out`, other);
  }
}

function hopsOf(config: Config, probe: string | undefined): Hop[] {
  const hops = new Map<string, Hop>();
  for (const { route, setBy } of allRoutes(config)) {
    if (route.kind === "mx" && probe !== undefined) {
      hops.set("mx", { hop: { kind: "mx", domain: probe }, topic: "outbound", setBy });
    }
    if (route.kind === "smtp" || route.kind === "smtps" || route.kind === "lmtp") {
      const key = nextHopKey(route);
      if (!hops.has(key)) hops.set(key, { hop: route, topic: `route ${printable(key)}`, setBy });
    }
  }
  return [...hops.values()];
}

/** Says hello to the first address that answers; where none does, what the first one failed by is thrown. */
async function greetFirst(
  servers: readonly Endpoint[],
  greets: boolean,
  world: World,
  signal: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController();
  let isLate = false;
  using _ = world.clock.after(GREETING_TIMEOUT, () => {
    isLate = true;
    over.abort();
  });
  const both = AbortSignal.any([signal, over.signal]);
  try {
    return await Promise.any(servers.map(async (server) => {
      if (greets) return await world.greeting(server, both);
      await world.connect(server, both);
    }));
  } catch (error) {
    if (isLate) throw new Error(`no answer in ${GREETING_TIMEOUT / 1000} seconds`);
    const [first] = error instanceof AggregateError ? error.errors : [error];
    throw first;
  } finally {
    over.abort();
  }
}

function mendOf({ hop, setBy }: Hop): string {
  return hop.kind === "mx"
    ? `many networks block port 25; ask your provider to open it, or ${SMARTHOST}`
    : `look whether that host runs and lets you in, or give another to ${setBy}`;
}

async function examineHop(
  each: Hop,
  config: Config,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  const { hop, setBy } = each;
  const ourselves = ourselvesAt(config, intendedEndpoints(config));
  const options = { ...resolverOf(config, ourselves), dns: world.dns };
  const resolution = await resolveNextHop(hop, options, signal);
  if (resolution.kind === "failure") {
    const why = printable(resolution.reply.lines[0]);
    if (hop.kind !== "mx") {
      // For mail both are a reason to wait: a host that has no address, and one that nobody tells of.
      if (isTransient(resolution.reply)) await addressesOf(world.dns, hop.host, signal);
      return fail(why, `give another host to ${setBy}`);
    }
    if (isTransient(resolution.reply)) throw new Unknown(`the name server says nothing: ${why}`);
    return warn(why, "give another domain to --probe, or a name server that knows it to --dns");
  }
  const servers = resolution.targets
    .flatMap(({ addresses, port }) => addresses.map((address) => ({ address, port })))
    .slice(0, MOST_ADDRESSES);
  const [{ host, port }] = resolution.targets;
  const greets = hop.kind !== "smtps";
  let greeting: string | undefined;
  try {
    greeting = await greetFirst(servers, greets, world, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = printable(error instanceof Error ? error.message : String(error));
    return fail(`cannot connect to ${printable(host)} port ${port} (${why})`, mendOf(each));
  }
  if (!greets) return ok(`${printable(host)} port ${port} can be reached`);
  const line = printable((greeting ?? "").split("\r\n")[0].slice(0, 200));
  if (greeting === undefined) {
    return fail(`${printable(host)} port ${port} does not greet as a mail host`, mendOf(each));
  }
  if (greeting.startsWith("220")) return ok(`${printable(host)} port ${port} says ${line}`);
  const mend = "see why it says so; perhaps the address of this machine is on a block list";
  return warn(`${printable(host)} port ${port} says ${line}`, mend);
}

/** Looks at the name server, and at the hosts that mail is sent to. */
export function networkExaminations(
  config: Config,
  world: World,
  probe: string | undefined,
): Examination[] {
  const hops = hopsOf(config, probe);
  const left = hops.length - MOST_HOPS;
  const more = skip(`${left} more next hops are not looked at`);
  return [
    {
      topic: "name server",
      examine: (signal) => examineNameServer(config, world, signal),
    },
    ...hops.slice(0, MOST_HOPS).map((hop) => ({
      topic: hop.topic,
      examine: (signal: AbortSignal) => examineHop(hop, config, world, signal),
    })),
    ...left > 0 ? [{ topic: "routes", examine: () => more }] : [],
  ];
}
