/** What the attributes of XCLIENT and XFORWARD may say. @module */
import { formatIp, parseAddressLiteral, parseIp } from "../policy/network.ts";
import { type Reply, reply } from "../smtp/reply.ts";

/** Reads an address alone or, for IPv6, behind `IPV6:`; XCLIENT_README of Postfix has both. */
export function addressOf(text: string): string | undefined {
  const ip = /^IPv6:/i.test(text) ? parseAddressLiteral(`[${text}]`) : parseIp(text);
  return ip && formatIp(ip);
}

/** Reads a port. */
export function portOf(text: string): number | undefined {
  return /^[0-9]{1,5}$/.test(text) && Number(text) <= 65535 ? Number(text) : undefined;
}

/** Reads one word, the same as is taken in EHLO: such words come into header fields and logs. */
export function wordOf(text: string): string | undefined {
  return /^[!-~]{1,255}$/.test(text) ? text : undefined;
}

/** Reads attributes one by one, and remembers the first that has a bad value. */
export class AttributeReader<Name extends string> {
  readonly #attributes: ReadonlyMap<Name, string | null>;
  #bad: Name | undefined;

  /** Reads these. */
  constructor(attributes: ReadonlyMap<Name, string | null>) {
    this.#attributes = attributes;
  }

  /** The refusal of what was read so far, if it has a bad value. */
  get refusal(): Reply | undefined {
    return this.#bad === undefined ? undefined : reply(501, "5.5.4", `Bad value of ${this.#bad}`);
  }

  /**
   * Reads one by a function that answers nothing for a bad value: `before` where the attribute is left out, `absent` where the
   * peer says that it has none.
   */
  read<T>(name: Name, parse: (text: string) => T | undefined, before: T, absent: T): T {
    const text = this.#attributes.get(name);
    if (text === undefined) return before;
    if (text === null) return absent;
    const value = parse(text);
    if (value === undefined) this.#bad ??= name;
    return value ?? before;
  }
}
