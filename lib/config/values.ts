/** How the values of settings are written: numbers, sizes, durations, addresses and domains. @module */
import { parseDomain } from "../policy/domain.ts";
import { type Cidr, formatIp, parseCidr, parseIp } from "../policy/network.ts";
import { parseDuration, parseRate, parseSize, parseWholeNumber } from "../policy/quantity.ts";
import type { Rate } from "../policy/rate.ts";
import type { Endpoint } from "../policy/session.ts";

/** What a shell can offer while somebody types a value. */
export type Suggestion =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "directory" | "queue id" };

/** A kind of value: how it is read, and what to say when it cannot be. */
export interface Value<T> {
  /** The type it may have in JSON. A number may be written as text there as well. */
  readonly type: "string" | "number" | "boolean";
  /** What to give instead, as the end of "cannot use ...: ". */
  readonly expects: string;
  /** The text of a value as it may be shown, for a kind that may hold a secret. */
  masked?(text: string): string;
  /** What it can be completed with, where that is known before it is read. */
  readonly suggests?: Suggestion;
  /** Answers the value, or `undefined` where the text is not one. May throw a {@linkcode ValueError}. */
  parse(text: string): T | undefined;
}

/** Says of a value that is well written why it is refused all the same. */
export class ValueError extends Error {
  /** Makes the error from what to do instead, as the end of "cannot use ...: ". */
  constructor(mend: string) {
    super(mend);
    this.name = "ValueError";
  }
}

/** A whole number from `least` to `most`, both included. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): Value<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
  return {
    type: "number",
    expects: `give a whole number, ${range}`,
    parse(text) {
      const number = parseWholeNumber(text);
      return number !== undefined && number >= least && number <= most ? number : undefined;
    },
  };
}

/** A number of octets, as {@linkcode parseSize} reads it. */
export const size: Value<number> = {
  type: "number",
  expects: "give a size such as 1000000, 500KB or 25MiB (B, KB, KiB, MB, MiB, GiB)",
  parse: parseSize,
};

/** The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` writes it, or without colons. */
export const fingerprint: Value<string> = {
  type: "string",
  expects: "give the SHA-256 of a certificate, 64 hexadecimal digits with or without colons",
  parse(text) {
    const digits = text.replaceAll(":", "").toLowerCase();
    return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
  },
};

/** A length of time, as {@linkcode parseDuration} reads it. */
export const duration: Value<number> = {
  type: "string",
  expects: "give a duration such as 500ms, 30s, 5m or 1h, 24d at most (ms, s, m, h, d)",
  parse: parseDuration,
};

/** So many in a time: `100/1m`. */
export const rate: Value<Rate> = {
  type: "string",
  expects: "give a number and a duration, such as 100/1m",
  parse: parseRate,
};

/** `true` or `false`, and nothing that only looks like it. */
export const truth: Value<boolean> = {
  type: "boolean",
  expects: "give true or false",
  parse: (text) => text === "true" ? true : text === "false" ? false : undefined,
};

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): Value<T> {
  return {
    type: "string",
    expects: `give ${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`,
    suggests: { kind: "words", words },
    parse: (text) => words.find((word) => word === text),
  };
}

/** The name of a file. */
export const path: Value<string> = {
  type: "string",
  expects: "give a path",
  suggests: { kind: "file" },
  parse: (text) => text.includes("\0") ? undefined : text,
};

/** The name of a folder. */
export const directory: Value<string> = { ...path, suggests: { kind: "directory" } };

/** A domain whose mail is local, in the form in which domains are compared. */
export const domain: Value<string> = {
  type: "string",
  expects: "give a domain such as example.org",
  parse: parseDomain,
};

/** The name of this host. What EHLO may say (RFC 5321 section 4.1.2) has no underscore. */
export const hostname: Value<string> = {
  type: "string",
  expects: "give a host name such as mail.example.org",
  parse: (text) => text.includes("_") ? undefined : parseDomain(text),
};

function parseAddress(text: string): string | undefined {
  const ip = parseIp(text);
  return ip && formatIp(ip);
}

/** An address to bind. Brackets round an IPv6 address do no harm. */
export const address: Value<string> = {
  type: "string",
  expects: "give an IPv4 or IPv6 address such as 127.0.0.1 or ::1",
  parse: (text) => parseAddress(/^\[(.*:.*)\]$/.exec(text)?.[1] ?? text),
};

/**
 * A value that a parser of another layer reads. Its `SyntaxError` says behind the last colon what is
 * wrong with the text; where that is no instruction, `expects` follows.
 */
export function readBy<T>(parser: (text: string) => T, expects: string): Value<T> {
  return {
    type: "string",
    expects,
    parse(text) {
      try {
        return parser(text);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        const reason = error.message.slice(error.message.lastIndexOf(": ") + 2);
        throw new ValueError(/\bwrite\b/.test(reason) ? reason : `${reason}; ${expects}`);
      }
    },
  };
}

const PORT = wholeNumber(1, 65_535);
const BOUND_PORT = wholeNumber(0, 65_535);

/** A name server: `192.0.2.1`, `192.0.2.1:5353`, `::1`, `[::1]:5353`; port 53 unless given. */
export const nameServer: Value<Endpoint> = {
  type: "string",
  expects: "give an address and perhaps a port, such as 127.0.0.1, 127.0.0.1:5353 or [::1]:5353",
  parse(text) {
    const whole = parseAddress(text);
    if (whole !== undefined) return { address: whole, port: 53 };
    const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(text);
    const address = parseAddress(match?.[1] ?? match?.[2] ?? "");
    const port = PORT.parse(match?.[3] ?? "53");
    return address === undefined || port === undefined ? undefined : { address, port };
  },
};

/** Where to listen: `8025`, `127.0.0.1:8025`, `[::1]:8025`, `localhost:8025`; on loopback unless it says. */
export const bindAddress: Value<Endpoint> = {
  type: "string",
  expects: "give a port, or an address and a port, such as 8025, 192.0.2.1:8025 or [::1]:8025",
  parse(text) {
    const match = /^(?:(?:\[([^\]]*)\]|([^:]*)):)?([^:]*)$/.exec(text);
    const host = match?.[1] ?? match?.[2] ?? "localhost";
    const address = host.toLowerCase() === "localhost" ? "127.0.0.1" : parseAddress(host);
    const port = BOUND_PORT.parse(match?.[3] ?? "");
    return address === undefined || port === undefined ? undefined : { address, port };
  },
};

/** A network. */
export const network: Value<Cidr> = readBy(
  parseCidr,
  "write a network such as 192.0.2.0/24 or 2001:db8::/32",
);
