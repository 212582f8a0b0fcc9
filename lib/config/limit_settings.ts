/** What clients may ask for. @module */
import { domain, duration, oneOf, rate, size, type Value, wholeNumber } from "./values.ts";
import type { Rate } from "../policy/rate.ts";
import { one, oneOrNone, type Options, several } from "./option.ts";

/** What clients may ask for. */
export interface LimitSettings {
  readonly maxSize: number;
  readonly maxRecipients: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly maxConnectionsPerNetwork: number;
  readonly timeout: number;
  /** How long a client may be silent in mail data. */
  readonly dataTimeout: number;
  readonly sessionTimeout: number;
  /** Octets of mail data a second below which a client is cut off after a minute; 0 for no floor. */
  readonly minDataRate: number;
  readonly maxErrors: number;
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

/** These settings by their keys, in the order of the help. */
export const LIMIT_OPTIONS: Options<LimitSettings> = {
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
  maxConnectionsPerNetwork: one(wholeNumber(1), {
    meaning: "connections at once from one client network (/24, /56 for IPv6)",
    placeholder: "N",
    fileOnly: true,
    shownDefault: "twice maxConnectionsPerIp",
    byDefault: (_, settled) => [`${(settled.maxConnectionsPerIp ?? 1) * 2}`],
  }),
  timeout: one(duration, {
    meaning: "how long a client may be silent in a command",
    placeholder: "DURATION",
    byDefault: "5m",
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
};
