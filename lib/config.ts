/**
 * Everything that can be set, in one table: flags, environment variables, keys of the config file
 * and the help are made from it.
 *
 * @module
 */
import {
  type ByDomain,
  domainCount,
  domainRate,
  domainRoute,
  domainTlsLevel,
  type WrittenRate,
} from "./config/by_domain.ts";
import { type CertificatePair, certificatePair } from "./config/certificate_pair.ts";
import {
  address,
  domain,
  duration,
  fingerprint,
  hostname,
  nameServer,
  oneOf,
  path,
  rate,
  readBy,
  size,
  truth,
  type Value,
  wholeNumber,
} from "./config/values.ts";
import type { LogLevel } from "./net/log.ts";
import { type Cidr, parseCidr } from "./policy/network.ts";
import { DEFAULT_RELAY_FROM } from "./policy/relaying.ts";
import type { Endpoint } from "./policy/session.ts";
import type { Rate } from "./policy/rate.ts";
import type { Route } from "./relay/next_hop.ts";
import { parseRoute } from "./relay/route.ts";
import { TLS_LEVELS, type TlsLevel } from "./relay/tls_policy.ts";

/** What the server is told. Lengths of time are in milliseconds, sizes in octets. */
export interface Config {
  readonly port: number;
  /** Empty for every address, IPv6 and IPv4. */
  readonly host: readonly string[];
  readonly hostname: string;
  readonly localDomain: readonly string[];
  /** The state directory. */
  readonly queue: string;
  readonly maildir: string;
  readonly noQueue: boolean;
  /** The delays between attempts; the last one repeats. */
  readonly retry: readonly number[];
  readonly queueLifetime: number;
  readonly relayFrom: readonly Cidr[];
  readonly route: Route;
  /** The name server to ask, or `undefined` for the system's. */
  readonly dns: Endpoint | undefined;
  readonly mxPort: number;
  readonly allowLocalMx: boolean;
  /** How much TLS is asked of next hops. */
  readonly tlsOut: TlsLevel;
  readonly maxSize: number;
  readonly maxRecipients: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly timeout: number;
  readonly bareNewline: "reject" | "normalize";
  /** PEM files of the certificate that the server shows in TLS, and of its key. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** Where TLS begins before the greeting. */
  readonly tlsPort: number | undefined;
  /** Where mail is submitted, with STARTTLS. */
  readonly submissionPort: number | undefined;
  readonly authWithoutTls: boolean;
  /** The file of accounts, where there is one. */
  readonly users: string | undefined;
  /** Peers whose connections begin with a PROXY header. */
  readonly proxyProtocol: readonly Cidr[];
  readonly config: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  /** How long a client may be silent in mail data. */
  readonly dataTimeout: number;
  readonly sessionTimeout: number;
  /** Octets of mail data a second below which a client is cut off after a minute; 0 for no floor. */
  readonly minDataRate: number;
  readonly maxErrors: number;
  readonly maxConnectionsPerNetwork: number;
  /** What a client network, or an account, may have in a time; `undefined` for no limit. */
  readonly connectionRate: Rate | undefined;
  readonly messageRate: Rate | undefined;
  readonly recipientRate: Rate | undefined;
  readonly failureRate: Rate | undefined;
  readonly accountMessageRate: Rate | undefined;
  readonly accountRecipientRate: Rate | undefined;
  readonly authFailures: Rate | undefined;
  /** How long a network may not log in, the first time. */
  readonly authLockout: number;
  /** How long a client waits for its greeting, or `undefined` for not at all. */
  readonly greetingDelay: number | undefined;
  /** The DNS block lists that clients are looked up in. */
  readonly dnsBlockLists: readonly string[];
  /** Whether clients need a name that leads back to their address. */
  readonly reverseDns: "off" | "require";
  /** Peers that are believed what they say by XCLIENT of the client they speak for. */
  readonly xclient: readonly Cidr[];
  readonly drainTimeout: number;
  /** Deliveries at once, to all next hops and to one. */
  readonly maxDeliveries: number;
  readonly maxDeliveriesPerHop: number;
  /** When the sender is told that a message is delayed, or `undefined` for never. */
  readonly delayNotice: number | undefined;
  /** Routes of domains, before {@linkcode route}. */
  readonly routes: readonly ByDomain<Route>[];
  /** How much TLS is asked of a domain's next hop, before {@linkcode tlsOut}. */
  readonly tlsPolicy: readonly ByDomain<TlsLevel>[];
  /** The file of authorities that are trusted beside the usual ones, where there is one. */
  readonly tlsAuthorities: string | undefined;
  /** Deliveries at once to a domain's next hop. */
  readonly concurrency: readonly ByDomain<number>[];
  /** Messages in a time to a domain's next hop. */
  readonly rate: readonly ByDomain<WrittenRate>[];
  /** How long a message stays in the queue's records once all its recipients are finished. */
  readonly queueHistory: number;
  /** Messages that are not finished; one more is refused. */
  readonly queueMessages: number;
  /** Octets of the queue's disk that are left free. */
  readonly queueReserve: number;
  /** The aliases file, where there is one. */
  readonly aliases: string | undefined;
  /** Whether the MTA-STS policies of domains are kept to. */
  readonly mtaSts: boolean;
  /** Where mail is submitted, and TLS begins before the greeting. */
  readonly submissionTlsPort: number | undefined;
  /** Whether logins may be bound to the certificate of the server. */
  readonly channelBinding: boolean;
  readonly submissionRemoveBcc: boolean;
  readonly submissionHideClient: boolean;
  /** Certificates for other names, beside {@linkcode tlsCert}. */
  readonly certificates: readonly CertificatePair[];
  /** SHA-256 of client certificates whose holders may relay anywhere. */
  readonly relayCertificates: readonly string[];
}

/** What defaults are taken from where nothing is set. */
export interface System {
  /** The name of this host, or `localhost` where it has none that could be used. */
  hostname(): string;
  /** Where state is kept. */
  stateDirectory(): string;
  /** Whether standard error is a terminal. */
  isTerminal(): boolean;
}

/** One setting. */
export interface Option<T = unknown> {
  /** What it is for, in one line of the help. */
  readonly meaning: string;
  /** What stands for the value in the help; none for a setting that is on or off. */
  readonly placeholder?: string;
  /** The flag of one letter. */
  readonly short?: string;
  /** Whether it can be given more than once. */
  readonly repeatable: boolean;
  /** Whether only the config file can set it. */
  readonly fileOnly: boolean;
  /** How one value is written. */
  readonly value: Value<unknown>;
  /** The default as the help shows it. */
  readonly shownDefault: string;
  /** The values to take where none is given. */
  fallback(system: System, settled: Partial<Config>): readonly string[];
  /** Makes the setting of its values; `parse` reads one of them. */
  read(texts: readonly string[], parse: <V>(value: Value<V>, text: string) => V): T;
}

interface Description {
  readonly meaning: string;
  readonly placeholder?: string;
  readonly short?: string;
  readonly fileOnly?: boolean;
  readonly shownDefault?: string;
  readonly byDefault: string | readonly string[] | Option["fallback"];
}

function describe<T>(
  value: Value<unknown>,
  repeatable: boolean,
  { byDefault, ...rest }: Description,
  read: Option<T>["read"],
): Option<T> {
  const texts = typeof byDefault === "string" ? [byDefault] : byDefault;
  return {
    fileOnly: false,
    shownDefault: typeof texts === "function" ? "" : texts.join(", ") || "none",
    ...rest,
    value,
    repeatable,
    fallback: typeof texts === "function" ? texts : () => texts,
    read,
  };
}

function one<T>(value: Value<T>, description: Description): Option<T> {
  return describe(value, false, description, ([text], parse) => parse(value, text));
}

function perhaps<T>(value: Value<T>, description: Description): Option<T | undefined> {
  return describe(
    value,
    false,
    description,
    ([text], parse) => text === undefined ? undefined : parse(value, text),
  );
}

function several<T>(value: Value<T>, description: Description): Option<readonly T[]> {
  return describe(
    value,
    true,
    description,
    (texts, parse) => texts.map((text) => parse(value, text)),
  );
}

/** Several values of which each text may hold some, with commas between them. */
function list<T>(value: Value<T>, description: Description): Option<readonly T[]> {
  return describe(
    value,
    true,
    description,
    (texts, parse) =>
      texts.flatMap((text) => text.split(",").map((part) => parse(value, part.trim()))),
  );
}

/** One value, or a word for none. */
function oneOrNone<T>(
  value: Value<T>,
  none: string,
  description: Description,
): Option<T | undefined> {
  const either: Value<{ readonly value: T | undefined }> = {
    type: value.type,
    expects: `${value.expects}, or ${none}`,
    parse(text) {
      if (text === none) return { value: undefined };
      const parsed = value.parse(text);
      return parsed === undefined ? undefined : { value: parsed };
    },
  };
  return describe(either, false, description, ([text], parse) => parse(either, text).value);
}

/** A wait that no client takes for a server that is down. */
const shortDuration: Value<number> = {
  ...duration,
  expects: "give a duration of 1m at most, such as 5s",
  parse(text) {
    const milliseconds = duration.parse(text);
    return milliseconds === undefined || milliseconds > 60_000 ? undefined : milliseconds;
  },
};

/** A network. */
const network = readBy(parseCidr, "write a network such as 192.0.2.0/24 or 2001:db8::/32");

/** Every setting by its key, in the order of the help. */
export const OPTIONS: { readonly [K in keyof Config]: Option<Config[K]> } = {
  port: one(wholeNumber(0, 65_535), {
    meaning: "port of the SMTP listener; 0 picks a free one",
    placeholder: "N",
    short: "p",
    byDefault: "25",
  }),
  host: several(address, {
    meaning: "address to bind",
    placeholder: "ADDR",
    shownDefault: "every address, IPv6 and IPv4",
    byDefault: [],
  }),
  hostname: one(hostname, {
    meaning: "name in 220, EHLO and Received",
    placeholder: "NAME",
    shownDefault: "the system's",
    byDefault: (system) => [system.hostname()],
  }),
  localDomain: several(domain, {
    meaning: "a domain whose mail is delivered here",
    placeholder: "D",
    byDefault: [],
  }),
  queue: one(path, {
    meaning: "the state directory, with the queue and the Maildirs",
    placeholder: "DIR",
    shownDefault: "/var/spool/smtpd for root, else $XDG_STATE_HOME/smtpd",
    byDefault: (system) => [system.stateDirectory()],
  }),
  maildir: one(path, {
    meaning: "where local mail goes: DIR/<domain>/<local-part>",
    placeholder: "DIR",
    shownDefault: "mail in the state directory",
    byDefault: (_, settled) => [`${settled.queue}/mail`],
  }),
  noQueue: one(truth, {
    meaning: "pass-through: answer 250 only after the next hop has, store nothing",
    shownDefault: "off",
    byDefault: "false",
  }),
  retry: list(duration, {
    meaning: "delays between attempts to deliver; the last one repeats",
    placeholder: "LIST",
    shownDefault: "5m,15m,30m,1h,2h,4h,8h",
    byDefault: ["5m", "15m", "30m", "1h", "2h", "4h", "8h"],
  }),
  queueLifetime: one(duration, {
    meaning: "how long a message is tried; then its sender is told that it failed",
    placeholder: "DURATION",
    byDefault: "5d",
  }),
  relayFrom: several(network, {
    meaning: "clients that may relay anywhere",
    placeholder: "CIDR",
    byDefault: DEFAULT_RELAY_FROM,
  }),
  route: one(
    readBy(
      parseRoute,
      "give mx, smtp://[user:password@]host[:port], smtps://..., lmtp://host[:port], maildir:DIR, " +
        "pipe:PROGRAM, https://URL, hold or discard",
    ),
    {
      meaning: "where mail for other domains goes: mx, smtp(s)://[user:password@]host[:port], " +
        "smtp(s)://user@host?password-file=FILE, lmtp://host[:port], maildir:DIR, pipe:PROGRAM, " +
        "http(s)://URL, hold, discard",
      placeholder: "TARGET",
      byDefault: "mx",
    },
  ),
  dns: perhaps(nameServer, {
    meaning: "ask this name server",
    placeholder: "ADDR[:PORT]",
    shownDefault: "the system's",
    byDefault: [],
  }),
  mxPort: one(wholeNumber(1, 65_535), {
    meaning: "port on which MX hosts are contacted",
    placeholder: "N",
    byDefault: "25",
  }),
  allowLocalMx: one(truth, {
    meaning: "deliver to MX hosts that resolve to loopback or private addresses",
    shownDefault: "off",
    byDefault: "false",
  }),
  tlsOut: one(oneOf(...TLS_LEVELS), {
    meaning: "TLS to next hops: opportunistic (as it is offered), require, or verify the name",
    placeholder: "LEVEL",
    byDefault: "opportunistic",
  }),
  maxSize: one(size, { meaning: "largest message", placeholder: "SIZE", byDefault: "25MiB" }),
  maxRecipients: one(wholeNumber(1), {
    meaning: "recipients in one transaction",
    placeholder: "N",
    byDefault: "1000",
  }),
  maxConnections: one(wholeNumber(1), {
    meaning: "connections at once; one more gets 421",
    placeholder: "N",
    byDefault: "1000",
  }),
  maxConnectionsPerIp: one(wholeNumber(1), {
    meaning: "connections at once from one client address",
    placeholder: "N",
    byDefault: "50",
  }),
  timeout: one(duration, {
    meaning: "how long a client may be silent in a command",
    placeholder: "DURATION",
    byDefault: "5m",
  }),
  bareNewline: one(oneOf("reject", "normalize"), {
    meaning: "a bare CR or LF from a client: reject or normalize",
    placeholder: "MODE",
    byDefault: "reject",
  }),
  tlsCert: perhaps(path, {
    meaning: "offer STARTTLS with this certificate, PEM with those that issued it behind it",
    placeholder: "FILE",
    byDefault: [],
  }),
  tlsKey: perhaps(path, {
    meaning: "the key of that certificate, PEM that is not encrypted",
    placeholder: "FILE",
    byDefault: [],
  }),
  tlsPort: perhaps(wholeNumber(0, 65_535), {
    meaning: "port of a listener where TLS begins at once; 0 picks a free one",
    placeholder: "N",
    byDefault: [],
  }),
  submissionPort: perhaps(wholeNumber(0, 65_535), {
    meaning: "port of the submission listener: AUTH needed, headers completed",
    placeholder: "N",
    byDefault: [],
  }),
  authWithoutTls: one(truth, {
    meaning: "offer AUTH in plaintext as well, where everybody on the way can read passwords",
    shownDefault: "off",
    byDefault: "false",
  }),
  users: perhaps(path, {
    meaning: "file of accounts for AUTH, with no password in it; see smtpd help users",
    placeholder: "FILE",
    byDefault: [],
  }),
  proxyProtocol: several(network, {
    meaning: "peers whose connections must begin with a PROXY header, which is believed",
    placeholder: "CIDR",
    byDefault: [],
  }),
  config: perhaps(path, {
    meaning: "JSON file with the same settings",
    placeholder: "FILE",
    byDefault: [],
  }),
  logLevel: one(oneOf("debug", "info", "warn", "error"), {
    meaning: "debug, info, warn or error",
    placeholder: "LEVEL",
    byDefault: "info",
  }),
  logFormat: one(oneOf("text", "json"), {
    meaning: "text or json",
    placeholder: "FORMAT",
    shownDefault: "text on a terminal, else json",
    byDefault: (system) => [system.isTerminal() ? "text" : "json"],
  }),
  dataTimeout: one(duration, {
    meaning: "how long a client may be silent in mail data",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "10m",
  }),
  sessionTimeout: one(duration, {
    meaning: "how long a session may last",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "1h",
  }),
  minDataRate: one(wholeNumber(0), {
    meaning: "octets of mail data a second, after the first minute; 0 for no floor",
    placeholder: "N",
    fileOnly: true,
    byDefault: "100",
  }),
  maxErrors: one(wholeNumber(1), {
    meaning: "permanent refusals in one session; then 421",
    placeholder: "N",
    fileOnly: true,
    byDefault: "20",
  }),
  maxConnectionsPerNetwork: one(wholeNumber(1), {
    meaning: "connections at once from one client network (/24, /56 for IPv6)",
    placeholder: "N",
    fileOnly: true,
    shownDefault: "twice maxConnectionsPerIp",
    byDefault: (_, settled) => [`${(settled.maxConnectionsPerIp ?? 1) * 2}`],
  }),
  connectionRate: oneOrNone(rate, "off", {
    meaning: "connections of a client network in a time; one more gets 421; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "300/1m",
  }),
  messageRate: oneOrNone(rate, "off", {
    meaning: "messages of a client network in a time; one more gets 450; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "600/1m",
  }),
  recipientRate: oneOrNone(rate, "off", {
    meaning: "recipients of a client network in a time; one more gets 450; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "3000/1m",
  }),
  failureRate: oneOrNone(rate, "off", {
    meaning: "permanent refusals to a client network in a time; then it gets 421; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "100/10m",
  }),
  accountMessageRate: oneOrNone(rate, "off", {
    meaning: "messages of an account in a time, in place of its network's; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "500/1h",
  }),
  accountRecipientRate: oneOrNone(rate, "off", {
    meaning: "recipients of an account in a time, in place of its network's; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "3000/1h",
  }),
  authFailures: oneOrNone(rate, "off", {
    meaning: "failed logins of a client network in a time; then it is locked out; or off",
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: "10/10m",
  }),
  authLockout: one(duration, {
    meaning: "how long that is at first; each time twice as long, up to a day",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "10m",
  }),
  greetingDelay: oneOrNone(shortDuration, "off", {
    meaning: "how long clients wait for the greeting; one that talks before gets 554; or off",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "off",
  }),
  dnsBlockLists: several(domain, {
    meaning: "DNS block lists; no mail from clients that one of them has",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  reverseDns: one(oneOf("off", "require"), {
    meaning: "require: no mail from clients whose address has no name that leads back",
    placeholder: "HOW",
    fileOnly: true,
    byDefault: "off",
  }),
  xclient: several(network, {
    meaning: "peers that may say by XCLIENT for whom they speak, and are believed",
    placeholder: "CIDR",
    fileOnly: true,
    byDefault: [],
  }),
  maxDeliveries: one(wholeNumber(1), {
    meaning: "deliveries from the queue at once",
    placeholder: "N",
    fileOnly: true,
    byDefault: "200",
  }),
  maxDeliveriesPerHop: one(wholeNumber(1), {
    meaning: "deliveries from the queue at once to one next hop, at most",
    placeholder: "N",
    fileOnly: true,
    byDefault: "20",
  }),
  drainTimeout: one(duration, {
    meaning: "how long transactions under way may take when the server stops",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "30s",
  }),
  delayNotice: oneOrNone(duration, "never", {
    meaning: "when the sender is told, once, that a message is delayed; or never",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "4h",
  }),
  routes: several(domainRoute, {
    meaning: "routes of some domains: DOMAIN TARGET, or .DOMAIN TARGET for all below it",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  tlsPolicy: several(domainTlsLevel, {
    meaning: "TLS to the next hop of some domains: DOMAIN LEVEL, or .DOMAIN LEVEL for all below it",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  tlsAuthorities: perhaps(path, {
    meaning: "PEM file of authorities that vouch for next hops, beside the usual ones",
    placeholder: "FILE",
    fileOnly: true,
    byDefault: [],
  }),
  concurrency: several(domainCount, {
    meaning: "deliveries at once to the next hop of some domains: DOMAIN N",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  rate: several(domainRate, {
    meaning: "messages in a time to the next hop of some domains: DOMAIN N/DURATION",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  queueHistory: one(duration, {
    meaning: "how long the queue knows of a message that is finished",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "1h",
  }),
  queueMessages: one(wholeNumber(1), {
    meaning: "unfinished messages in the queue; one more gets 452",
    placeholder: "N",
    fileOnly: true,
    byDefault: "10000000",
  }),
  queueReserve: one(size, {
    meaning: "room on the queue's disk that is left free; below it mail gets 452",
    placeholder: "SIZE",
    fileOnly: true,
    byDefault: "64MiB",
  }),
  aliases: perhaps(path, {
    meaning: "file of aliases: whom the names at local domains stand for",
    placeholder: "FILE",
    fileOnly: true,
    byDefault: [],
  }),
  mtaSts: one(truth, {
    meaning: "keep to the MTA-STS policies of the domains that mail goes to",
    fileOnly: true,
    shownDefault: "on",
    byDefault: "true",
  }),
  submissionTlsPort: perhaps(wholeNumber(0, 65_535), {
    meaning: "port of a submission listener where TLS begins at once (465)",
    placeholder: "N",
    fileOnly: true,
    byDefault: [],
  }),
  channelBinding: one(truth, {
    meaning: "offer SCRAM-SHA-256-PLUS, by tls-server-end-point; clients of GNU SASL fail then",
    shownDefault: "off",
    fileOnly: true,
    byDefault: "false",
  }),
  submissionRemoveBcc: one(truth, {
    meaning: "take Bcc fields out of what is submitted",
    shownDefault: "off",
    fileOnly: true,
    byDefault: "false",
  }),
  submissionHideClient: one(truth, {
    meaning: "say nothing of who submitted a message in its Received field",
    shownDefault: "off",
    fileOnly: true,
    byDefault: "false",
  }),
  certificates: several(certificatePair, {
    meaning: "certificates and keys for clients that ask for another name: CERTFILE KEYFILE",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  relayCertificates: several(fingerprint, {
    meaning: "SHA-256 of client certificates whose holders may relay anywhere",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
};
