/** What a trusted peer says of another client: the argument of XCLIENT and of XFORWARD. @module */
import { decodeXtext } from "./xtext.ts";

/** The attributes that are taken, as the reply to EHLO names them. */
export const CLIENT_ATTRIBUTES = {
  /** Of the client for whom the peer speaks from now on. */
  XCLIENT: ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"],
  /** Of the client that the peer has the next message from. */
  XFORWARD: ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"],
} as const;

/** A command that only a trusted peer may say. */
export type TrustedVerb = keyof typeof CLIENT_ATTRIBUTES;

/** The name of an attribute of a command. */
export type ClientAttribute<Verb extends TrustedVerb> = typeof CLIENT_ATTRIBUTES[Verb][number];

/** Attributes and their values, decoded; `null` where the peer says that it has none. */
export type ClientAttributes<Verb extends TrustedVerb> = ReadonlyMap<
  ClientAttribute<Verb>,
  string | null
>;

/** The most octets of a value as it is written. */
const MAX_VALUE = 255;

function isAttribute<Verb extends TrustedVerb>(
  verb: Verb,
  name: string,
): name is ClientAttribute<Verb> {
  return (CLIENT_ATTRIBUTES[verb] as readonly string[]).includes(name);
}

/**
 * Parses the attributes of a command, or answers what is wrong with them.
 *
 * ```abnf
 * attributes = 1*( SP name "=" xtext )
 * ```
 *
 * (XCLIENT_README and XFORWARD_README of Postfix.) Names and the two words that stand for a value which there is not,
 * `[UNAVAILABLE]` and `[TEMPUNAVAIL]`, are read without case. Only LOGIN may be empty: that is how
 * proxies say that nobody has authenticated.
 */
export function parseClientAttributes<Verb extends TrustedVerb>(
  verb: Verb,
  argument: string,
): ClientAttributes<Verb> | { readonly fault: string } {
  const attributes = new Map<ClientAttribute<Verb>, string | null>();
  for (const word of argument.split(" ")) {
    if (word === "") continue;
    const equals = word.indexOf("=");
    const name = word.slice(0, Math.max(equals, 0)).toUpperCase();
    if (equals < 0) return { fault: "attribute=value expected" };
    // The name may be anything, and is not repeated.
    if (!isAttribute(verb, name)) return { fault: "unknown attribute" };
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
