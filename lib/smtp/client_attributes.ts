/** What a trusted peer says of the client that it speaks for: the argument of XCLIENT. @module */
import { decodeXtext } from "./xtext.ts";

/** The attributes of XCLIENT that are taken, as the reply to EHLO names them. */
export const XCLIENT_ATTRIBUTES = [
  "NAME",
  "ADDR",
  "PORT",
  "PROTO",
  "HELO",
  "LOGIN",
  "DESTADDR",
  "DESTPORT",
] as const;

/** The name of an attribute. */
export type ClientAttribute = typeof XCLIENT_ATTRIBUTES[number];

/** Attributes and their values, decoded; `null` where the peer says that it has none. */
export type ClientAttributes = ReadonlyMap<ClientAttribute, string | null>;

/** The most octets of a value as it is written. */
const MAX_VALUE = 255;

function isAttribute(name: string): name is ClientAttribute {
  return (XCLIENT_ATTRIBUTES as readonly string[]).includes(name);
}

/**
 * Parses the attributes, or answers what is wrong with them.
 *
 * ```abnf
 * attributes = 1*( SP name "=" xtext )
 * ```
 *
 * (XCLIENT_README of Postfix.) Names and the two words that stand for a value which there is not,
 * `[UNAVAILABLE]` and `[TEMPUNAVAIL]`, are read without case. Only LOGIN may be empty: that is how
 * proxies say that nobody has authenticated.
 */
export function parseClientAttributes(
  argument: string,
): ClientAttributes | { readonly fault: string } {
  const attributes = new Map<ClientAttribute, string | null>();
  for (const word of argument.split(" ")) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    const name = word.slice(0, Math.max(equals, 0)).toUpperCase();
    if (equals < 0) return { fault: "attribute=value expected" };
    // The name may be anything, and is not repeated.
    if (!isAttribute(name)) return { fault: "unknown attribute" };
    if (attributes.has(name)) return { fault: `attribute ${name} stands twice` };
    const written = word.slice(equals + 1);
    if (written.length > MAX_VALUE) return { fault: `the value of ${name} is too long` };
    const value = decodeXtext(written);
    if (value === undefined) return { fault: `the value of ${name} is not xtext` };
    if (value === "" && name !== "LOGIN") return { fault: `the value of ${name} is missing` };
    const isAbsent = value === "" || /^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(value);
    attributes.set(name, isAbsent ? null : value);
  }
  return attributes.size === 0 ? { fault: "attribute=value expected" } : attributes;
}
