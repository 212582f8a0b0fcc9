/** What clients may ask for. @module */
import type { ServerLimits } from "../net/server_options.ts";
import { DEFAULT_RATES } from "../policy/client_limits.ts";
import { formatRate } from "../policy/quantity.ts";
import type { Rate } from "../policy/rate.ts";
import { one, oneOrNone, type Option, type Options, several } from "./option.ts";
import { domain, duration, oneOf, rate, size, type Value, wholeNumber } from "./values.ts";

/** What clients may ask for. */
export interface LimitSettings extends ServerLimits {
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

/** A limit on what comes in a time, or none. */
function rateOrOff(meaning: string, standing: Rate | undefined): Option<Rate | undefined> {
  return oneOrNone(rate, "off", {
    meaning: `${meaning}; or off`,
    placeholder: "N/DURATION",
    fileOnly: true,
    byDefault: standing === undefined ? "off" : formatRate(standing),
  });
}

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
  connectionRate: rateOrOff(
    "connections of a client network in a time; one more gets 421",
    DEFAULT_RATES.connectionRate,
  ),
  messageRate: rateOrOff(
    "messages of a client network in a time; one more gets 450",
    DEFAULT_RATES.messageRate,
  ),
  recipientRate: rateOrOff(
    "recipients of a client network in a time; one more gets 450",
    DEFAULT_RATES.recipientRate,
  ),
  failureRate: rateOrOff(
    "permanent refusals to a client network in a time; then it gets 421",
    DEFAULT_RATES.failureRate,
  ),
  accountMessageRate: rateOrOff(
    "messages of an account in a time, in place of its network's",
    DEFAULT_RATES.accountMessageRate,
  ),
  accountRecipientRate: rateOrOff(
    "recipients of an account in a time, in place of its network's",
    DEFAULT_RATES.accountRecipientRate,
  ),
  authFailures: rateOrOff(
    "failed logins of a client network in a time; then it is locked out",
    DEFAULT_RATES.authFailures,
  ),
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
