/** Settings that hold for one domain, written as the domain and what is set for it. @module */
import { parseDomain } from "../policy/domain.ts";
import type { Route } from "../relay/next_hop.ts";
import { parseRate } from "../policy/quantity.ts";
import type { Rate } from "../policy/rate.ts";
import { maskRoute, parseRoute } from "../relay/route.ts";
import { TLS_LEVELS, type TlsLevel } from "../relay/tls_policy.ts";
import { oneOf, readBy, type Value, ValueError, wholeNumber } from "./values.ts";

/** Something that is set for a domain. */
export interface ByDomain<T> {
  /** The domain as `normalizeDomain` writes it; with a dot before it, all that is below it. */
  readonly domain: string;
  readonly value: T;
}

/** A rate, and how it was written. */
export interface WrittenRate extends Rate {
  readonly written: string;
}

const TLS_LEVEL = oneOf(...TLS_LEVELS);
const MOST = wholeNumber(1, 1_000_000);

/** `DOMAIN TARGET`: a route for a domain, or for all below it where a dot stands before it. */
export const domainRoute: Value<ByDomain<Route>> = {
  ...readBy((text) => {
    const [written, value] = cut(text);
    return { domain: domainOrBelow(written), value: parseRoute(value) };
  }, "give a domain and a route, such as example.net smtp://10.0.0.1"),
  masked(text) {
    const [written, value] = cut(text);
    return `${written} ${maskRoute(value)}`;
  },
};

/** `DOMAIN LEVEL`: how much TLS is asked of a domain, or of all below it where a dot stands before it. */
export const domainTlsLevel: Value<ByDomain<TlsLevel>> = {
  type: "string",
  expects: `give a domain and ${TLS_LEVEL.expects.slice("give ".length)}, ` +
    "such as example.net verify",
  parse(text) {
    const [written, level] = text.trim().split(/\s+/, 2);
    const value = TLS_LEVEL.parse(level ?? "");
    return value === undefined || words(text) !== 2
      ? undefined
      : { domain: domainOrBelow(written), value };
  },
};

/** `DOMAIN N`: a number for a domain. */
export const domainCount: Value<ByDomain<number>> = {
  type: "string",
  expects: "give a domain and a number, such as example.net 5",
  parse(text) {
    const [written, number] = text.trim().split(/\s+/, 2);
    const domain = parseDomain(written ?? "");
    const value = MOST.parse(number ?? "");
    return domain === undefined || value === undefined || words(text) !== 2
      ? undefined
      : { domain, value };
  },
};

/** `DOMAIN N/DURATION`: so many in a time for a domain. */
export const domainRate: Value<ByDomain<WrittenRate>> = {
  type: "string",
  expects: "give a domain and a rate, such as example.net 100/1m",
  parse(text) {
    const [written, rate = ""] = text.trim().split(/\s+/, 2);
    const domain = parseDomain(written ?? "");
    const value = parseRate(rate);
    return domain === undefined || value === undefined || words(text) !== 2
      ? undefined
      : { domain, value: { ...value, written: rate } };
  },
};

function words(text: string): number {
  return text.trim().split(/\s+/).length;
}

function cut(text: string): [domain: string, rest: string] {
  const match = /^\s*(\S+)\s+(\S.*?)\s*$/s.exec(text);
  if (match === null) throw new SyntaxError("Cannot use it: write a domain, a space and a route");
  return [match[1], match[2]];
}

function domainOrBelow(written: string): string {
  return written.startsWith(".") ? `.${domainOf(written.slice(1))}` : domainOf(written);
}

function domainOf(text: string): string {
  const domain = parseDomain(text);
  if (domain === undefined) throw new ValueError("the domain is none; write it like example.net");
  return domain;
}
