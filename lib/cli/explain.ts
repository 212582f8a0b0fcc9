/** `smtpd explain`: what would become of mail for an address, found out without sending any. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import type { Maildir } from "../delivery/maildir.ts";
import { invocationOf } from "../delivery/program.ts";
import { type Log, noLog } from "../net/log.ts";
import { formatCidr } from "../policy/network.ts";
import type { Dropped } from "../relay/addresses.ts";
import { newRecipient } from "../queue/new_recipient.ts";
import type { NextHop, ProgramHop, Route } from "../relay/next_hop.ts";
import type { StsPolicies, StsPolicy } from "../relay/mta_sts.ts";
import { type Resolution, resolveNextHop, type ResolverOptions } from "../relay/resolver.ts";
import { nextHopKey, nextHopOf } from "../relay/route.ts";
import { routeOf, tableKey } from "../relay/routing.ts";
import { decideHost } from "../relay/tls_decision.ts";
import type { TlsLevel } from "../relay/tls_policy.ts";
import { parseWholePath } from "../smtp/address.ts";
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import { isTransient, printable, type Reply } from "../smtp/reply.ts";
import { aliasesOf } from "./aliases_file.ts";
import {
  deliveryLimits,
  maildirOf,
  maildirRouteOf,
  resolverOf,
  routeSetBy,
  routingOf,
  rulesOf,
  stsPoliciesOf,
} from "./compose.ts";
import { openQueueReader } from "./open_queue.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import { intendedEndpoints, ourselvesAt } from "./ourselves.ts";
import { shownReply } from "./queue_words.ts";
import { tlsLevelOf } from "./tls_out.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** How many recipients that wait are counted. */
const MOST_COUNTED = 10_000;

/** What becomes of mail by how much TLS there is. */
const TLS_MEANINGS: Readonly<Record<TlsLevel, string>> = {
  opportunistic: "opportunistic, plaintext where there is none",
  require: "required, with any certificate",
  verify: "required, with a certificate that is verified for the name of the host",
};

/** Takes one step of the explanation: what it is about, and what was found. */
type Tell = (topic: string, text: string) => void;

function parseAddress(text: string): Mailbox {
  const path = parseWholePath(text.startsWith("<") ? text : `<${text}>`);
  if ("value" in path && path.value !== null) return path.value;
  const fault = "fault" in path ? path.fault : "it is more or less than one address";
  const wrong = `${printable(text)} is no address (${fault})`;
  throw new Failure(EXIT.badData, wrong, "write it like someone@example.org");
}

function tellRefusal(refusal: Reply, tell: Tell): ExitCode {
  const how = isTransient(refusal) ? "would be put off" : "would be refused";
  tell("outcome", `${how}: ${shownReply(refusal)}`);
  return isTransient(refusal) ? EXIT.temporary : EXIT.unavailable;
}

function tellMaildir(maildir: Maildir, mailbox: Mailbox, tell: Tell): ExitCode {
  const place = maildir.locate(mailbox);
  if (typeof place !== "string") return tellRefusal(place, tell);
  tell("outcome", `would be delivered into ${place}/new`);
  return EXIT.ok;
}

/** Tells what would be run for a recipient; a sender is not known here, so its place stays empty. */
function tellProgram(hop: ProgramHop, mailbox: Mailbox, tell: Tell): ExitCode {
  const invocation = invocationOf(hop, null, mailbox);
  if ("code" in invocation) return tellRefusal(invocation, tell);
  const words = [invocation.path, ...invocation.args].map((word) => printable(word));
  tell("outcome", `would be given to a program: ${words.join(" ")}`);
  return EXIT.ok;
}

function describeRoute(route: Route, domain: string): string {
  if (route.kind === "hold") return "hold";
  if (route.kind !== "mx") return nextHopKey(route);
  if (domain === "") return "mx";
  const how = domain.startsWith("[") ? "to the address" : "by the MX records of";
  return `mx, ${how} ${printable(domain)}`;
}

function tellDropped(dropped: readonly Dropped[], tell: Tell): void {
  for (const { host, address, reason } of dropped) {
    const what = address === undefined ? host : `${host} ${address}`;
    tell("left out", printable(`${what}: ${reason}`));
  }
}

/** Tells what the domain asks of the TLS of those who send it mail (RFC 8461). */
function tellPolicy(policy: StsPolicy, tell: Tell): void {
  const what = policy.mode === "enforce"
    ? "only over TLS with a verified certificate"
    : "what fails would be logged";
  tell("mta-sts", `${policy.mode}, ${what}; policy ${policy.id} of ${policy.domain}`);
}

/** Tells of a policy that cannot be fetched, which mail would not wait for. */
function policyTeller(tell: Tell): Log {
  return (_level, event, { error }) => {
    if (event === "mta-sts-failed") tell("mta-sts", printable(String(error)));
  };
}

function tellResolution(
  resolution: Resolution,
  level: TlsLevel,
  policy: StsPolicy | undefined,
  tell: Tell,
): ExitCode {
  if (resolution.kind === "failure") {
    tellDropped(resolution.dropped, tell);
    return tellRefusal(resolution.reply, tell);
  }
  tell("tls", TLS_MEANINGS[level]);
  tell("hosts", `from ${resolution.source}, in this order`);
  for (const { host, preference, addresses, port } of resolution.targets) {
    tell("host", `${preference} ${printable(host)} port ${port}: ${addresses.join(", ")}`);
  }
  tellDropped(resolution.dropped, tell);
  if (policy !== undefined) tellPolicy(policy, tell);
  const decisions = resolution.targets.map(({ host }) => decideHost(policy, host));
  for (const decision of decisions) {
    if (decision.kind === "refuse") tell("left out", printable(decision.reply.lines[0]));
    else if (decision.note !== undefined) tell("mta-sts", printable(decision.note));
  }
  const first = resolution.targets.find((_, index) => decisions[index].kind === "go");
  const [decision] = decisions;
  if (first === undefined && decision.kind === "refuse") return tellRefusal(decision.reply, tell);
  const { host, addresses, port } = first ?? resolution.targets[0];
  tell("outcome", `would be sent to ${printable(host)}, ${addresses[0]} port ${port} first`);
  return EXIT.ok;
}

/** Tells what the queue allows the next hop, and how much waits for the domain. */
async function tellQueue(hop: NextHop, config: Config, domain: string, tell: Tell): Promise<void> {
  if (config.noQueue) return;
  const { perHop, perHopOf, rates } = deliveryLimits(config);
  const key = nextHopKey(hop);
  const rate = rates.get(key);
  const inTime = rate === undefined ? "" : `, messages at ${rate.written}`;
  tell("limits", `at most ${perHopOf?.(key) ?? perHop} deliveries at once${inTime}`);
  const { domain: name } = newRecipient({ forwardPath: { localPart: "", domain } }, 0, false);
  await using reader = openQueueReader(config);
  const waiting = await reader?.waiting(name, MOST_COUNTED);
  if (waiting === undefined) return;
  const count = waiting === MOST_COUNTED ? `${waiting} or more` : waiting;
  tell(
    "queued",
    `${count} ${waiting === 1 ? "recipient waits" : "recipients wait"} for ${printable(domain)}`,
  );
}

/**
 * Tells each step that mail for a mailbox would take, and answers the exit code: 0 where it would get
 * on its way, 69 where it would be refused for good, 75 where it would be put off.
 */
export async function explainMailbox(
  mailbox: Mailbox,
  config: Config,
  resolver: ResolverOptions,
  tell: Tell,
  policies?: StsPolicies,
): Promise<ExitCode> {
  const domain = mailbox.domain;
  tell("address", printable(formatMailbox(mailbox)));
  const routing = routingOf(config);
  const route = routeOf(routing, mailbox);
  const rules = rulesOf(config);
  const hop = nextHopOf(routing, rules, mailbox);
  if (hop.kind === "local") {
    tell("local", "yes, from every client");
    return tellMaildir(maildirOf(config), mailbox, tell);
  }
  tell("local", `no, ${printable(domain) || "a bare postmaster"} is not a local domain`);
  const networks = config.relayFrom.map(formatCidr).join(", ") || "no network";
  tell("relaying", `for clients in ${networks}; 550 5.7.1 for all others`);
  const setBy = routeSetBy(tableKey(routing, mailbox));
  tell("route", `${describeRoute(route, domain)} (${setBy})`);
  await tellQueue(hop, config, domain, tell);
  if (route.kind === "hold") {
    tell("outcome", "would be held in the queue until it is released, and then go by MX");
    return EXIT.ok;
  }
  if (hop.kind === "discard") {
    tell("outcome", "would be accepted and dropped");
    return EXIT.ok;
  }
  if (hop.kind === "maildir") {
    return tellMaildir(maildirRouteOf(config, hop.directory), mailbox, tell);
  }
  if (hop.kind === "program") return tellProgram(hop, mailbox, tell);
  if (hop.kind === "web") {
    tell("outcome", `would be posted to ${nextHopKey(hop)}`);
    return EXIT.ok;
  }
  const level = tlsLevelOf(config, routing, rules)(hop);
  const resolution = await resolveNextHop(hop, resolver);
  const policy = hop.kind === "mx" && resolution.kind === "hosts"
    ? await policies?.policyFor(hop.domain, new AbortController().signal)
    : undefined;
  return tellResolution(resolution, level, policy, tell);
}

/** Tells what a server would ask or do besides: it depends on the client and the message, too. */
function tellBeside({ hooks, fault }: Config, tell: Tell): void {
  if (hooks !== undefined) {
    tell("hooks", `not asked; those of ${shown(hooks)} may refuse the mail or send it elsewhere`);
  }
  const rules = fault.filter((rule) => rule !== "none").length;
  if (rules === 0) return;
  const failures = rules === 1 ? "1 rule makes mail fail" : `${rules} rules make mail fail`;
  tell("faults", `left out; ${failures} on purpose`);
}

/** As {@linkcode explainMailbox}, for each of those that an alias stands for; answers the highest exit code. */
async function explainRecipient(
  mailbox: Mailbox,
  config: Config,
  resolver: ResolverOptions,
  tell: Tell,
  policies?: StsPolicies,
): Promise<ExitCode> {
  const found = aliasesOf(config, noLog)?.expand(mailbox);
  if (found === undefined) return await explainMailbox(mailbox, config, resolver, tell, policies);
  if ("code" in found) return tellRefusal(found, tell);
  const names = found.map(formatMailbox).join(", ");
  tell("alias", printable(`${formatMailbox(mailbox)} stands for ${names}`));
  let worst: ExitCode = EXIT.ok;
  for (const each of found) {
    const code = await explainMailbox(each, config, resolver, tell, policies);
    if (code > worst) worst = code;
  }
  return worst;
}

/** The command. */
export const explain: Verb = {
  usage: "explain ADDRESS",
  summary: "tell what would happen to mail for ADDRESS",
  takesSettings: true,
  details: () =>
    "It tells each step, and sends nothing. It takes the flags of serve. It exits\n" +
    "with 0 where the mail would be accepted, 65 where ADDRESS is none, 69 where the\n" +
    "mail would be refused, 75 where it would be put off.",
  examples: [{
    purpose: "before a domain is moved",
    line: "smtpd explain someone@example.org --local-domain example.net",
  }],
  async run(call) {
    checkOperands(call, 1, 1, explain.usage);
    const mailbox = parseAddress(call.operands[0]);
    const config = call.config();
    const resolver = resolverOf(config, ourselvesAt(config, intendedEndpoints(config)));
    const tell: Tell = (topic, text) => call.around.out(`${topic.padEnd(8)}  ${text}`);
    // The server keeps its policies, and may be another user.
    using policies = stsPoliciesOf(config, policyTeller(tell), true);
    tellBeside(config, tell);
    return await explainRecipient(mailbox, config, resolver, tell, policies);
  },
};
