/** The policy of a domain as its text says it (RFC 8461 section 3.2), and which hosts fit it. @module */
import { parseDomain } from "../../policy/domain.ts";

/** The largest text of a policy, in octets (RFC 8461 section 3.3). */
export const MAX_POLICY = 64 * 1024;

/** The longest life of a policy, in seconds: about a year (RFC 8461 section 3.2). */
export const MAX_AGE = 31_557_600;

/** What a policy says. */
export interface PolicyText {
  /** What to do about a host that fails; nothing at all where it is `none`. */
  readonly mode: "enforce" | "testing" | "none";
  /** How long the policy is good for, in seconds from when it was fetched. */
  readonly maxAge: number;
  /** The hosts that take mail for the domain: names, or `*.` and the rest of a name; lower case. */
  readonly mx: readonly string[];
}

/** The policy of a domain as it binds those who send mail there. */
export interface StsPolicy {
  /** The domain whose policy it is, lower case. */
  readonly domain: string;
  /** What the domain calls this policy, as its TXT record has it. */
  readonly id: string;
  /** Whether a host that fails is not used, or used all the same. */
  readonly mode: "enforce" | "testing";
  /** Whether a host is one that takes mail for the domain, by its name in the MX record. */
  mayUse(host: string): boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
/** Characters and spaces; what stands round them is taken off before. */
const VALUE = /^[\x20-\x7e\u0080-\u{10ffff}]+$/u;
const AGE = /^[0-9]{1,10}$/;
/** A-labels alone: a policy must not name a host by its U-labels. */
const PATTERN = /^(?:\*\.)?[A-Za-z0-9_.-]+$/;

/** Takes off white space at both ends; a regular expression would look at all of it again and again. */
function withoutSpace(text: string): string {
  const isSpace = (at: number) => text[at] === " " || text[at] === "\t";
  let start = 0;
  let end = text.length;
  while (isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

function bad(why: string): SyntaxError {
  return new SyntaxError(`Cannot read the MTA-STS policy: ${why}`);
}

function readPattern(value: string): string {
  const isWild = value.startsWith("*.");
  const name = parseDomain(isWild ? value.slice(2) : value);
  if (!PATTERN.test(value) || name === undefined) {
    throw bad(`mx is no host name: ${JSON.stringify(value.slice(0, 100))}`);
  }
  return isWild ? `*.${name}` : name;
}

/**
 * Reads the text of a policy.
 *
 * ```abnf
 * sts-policy-record    = sts-policy-field *WSP *(sts-policy-term sts-policy-field *WSP)
 *                        [sts-policy-term]
 * sts-policy-field     = sts-policy-version / sts-policy-mode / sts-policy-max-age /
 *                        sts-policy-mx / sts-policy-extension
 * sts-policy-delim     = ":" *WSP
 * sts-policy-version   = %s"version" sts-policy-delim %s"STSv1"
 * sts-policy-mode      = %s"mode" sts-policy-delim (%s"testing" / %s"enforce" / %s"none")
 * sts-policy-mx        = %s"mx" sts-policy-delim ["*."] Domain
 * sts-policy-max-age   = %s"max_age" sts-policy-delim 1*10(DIGIT)
 * sts-policy-extension = sts-policy-ext-name sts-policy-delim sts-policy-ext-value
 * sts-policy-ext-name  = (ALPHA / DIGIT) *31(ALPHA / DIGIT / "_" / "-" / ".")
 * sts-policy-ext-value = sts-policy-vchar [*(%x20 / sts-policy-vchar) sts-policy-vchar]
 * sts-policy-vchar     = %x21-7E / UTF8-2 / UTF8-3 / UTF8-4
 * sts-policy-term      = LF / CRLF
 * ```
 *
 * Lines are read in any order. Of a field that is there twice, all but the first are ignored, save for
 * `mx`; unknown fields are ignored.
 *
 * @throws {SyntaxError} if the text is no policy
 */
export function parsePolicy(text: string): PolicyText {
  const fields = new Map<string, string>();
  const mx = new Set<string>();
  const lines = text.split(/\r?\n/);
  if (lines[lines.length - 1] === "") lines.pop();
  for (const [index, line] of lines.entries()) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = withoutSpace(line.slice(colon + 1));
    if (!NAME.test(name) || !VALUE.test(value)) throw bad(`line ${index + 1} is no field`);
    if (name === "mx") mx.add(readPattern(value));
    else if (!fields.has(name)) fields.set(name, value);
  }
  if (fields.get("version") !== "STSv1") throw bad("version is not STSv1");
  const mode = fields.get("mode");
  if (mode !== "enforce" && mode !== "testing" && mode !== "none") {
    throw bad("mode is none of enforce, testing and none");
  }
  const age = fields.get("max_age") ?? "";
  const maxAge = Number(age);
  if (!AGE.test(age) || maxAge > MAX_AGE) throw bad(`max_age is no number up to ${MAX_AGE}`);
  // A policy without hosts would let nothing through; only one that asks for nothing may be so.
  if (mx.size === 0 && mode !== "none") throw bad("mx is missing");
  return { mode, maxAge, mx: [...mx] };
}

/**
 * Whether a host fits one of the patterns of a policy: `*.` stands for exactly one label, the leftmost
 * (RFC 8461 section 4.1).
 *
 * @param host the name of the host, as an MX record has it
 */
export function fitsPolicy(mx: readonly string[], host: string): boolean {
  const name = parseDomain(host);
  if (name === undefined) return false;
  const dot = name.indexOf(".");
  const wild = dot < 0 ? undefined : `*${name.slice(dot)}`;
  return mx.some((pattern) => pattern === name || pattern === wild);
}
