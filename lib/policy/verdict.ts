/**
 * Reads what a hook has answered. It may be written without types, or run in another process, so nothing of
 * it is believed before it is looked at.
 *
 * @module
 */
import type { HeaderChange } from "../message/header_changes.ts";
import { parseWholePath } from "../smtp/address.ts";
import { formatPath, type Mailbox } from "../smtp/mailbox.ts";
import type { Reply } from "../smtp/reply.ts";
import type { DataDecision, RcptDecision } from "./hooks.ts";

/** The most mailboxes that one recipient stands for. */
export const MOST_FORWARD_PATHS = 100;

/** The most changes of one header section. */
export const MOST_CHANGES = 100;

/** The longest text of a field, in UTF-16 code units. */
const MAX_VALUE = 16 * 1024;

/** The longest name of a field, and the longest route. */
const MAX_NAME = 100;
const MAX_ROUTE = 500;

/** The most lines of a reply, and the longest of them. */
const MOST_LINES = 100;
const MAX_LINE = 1_000;

/** `enhanced status code`, but for its class (RFC 3463 section 2). */
const ENHANCED = /^[45]\.\d{1,3}\.\d{1,3}$/;

/** What makes no sense in a verdict. Its text says where, and nothing of what stood there. */
function fault(what: string): TypeError {
  return new TypeError(`Cannot take what a hook has answered: ${what}`);
}

/** Members of an object by their names. */
type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown, what: string, known: readonly string[]): Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw fault(`${what} is no object`);
  }
  // A map, or an error that was meant to be thrown, has no members either, and would decide nothing.
  const kind = Object.getPrototypeOf(value);
  if (kind !== Object.prototype && kind !== null) throw fault(`${what} is no plain object`);
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) throw fault(`${what} has a member that is none of ${known}`);
  }
  return value as Members;
}

function textOf(value: unknown, what: string, longest: number): string {
  if (typeof value !== "string") throw fault(`${what} is no text`);
  if (value.length > longest) throw fault(`${what} is longer than ${longest} characters`);
  return value;
}

function listOf(value: unknown, what: string, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw fault(`${what} is no list`);
  if (value.length > most) throw fault(`${what} has more than ${most} items`);
  return value;
}

/** Whether a verdict is meant as a reply. */
function isReply(value: unknown): value is { readonly code: unknown } {
  return typeof value === "object" && value !== null && "code" in value;
}

/** Whether a value is the code of a reply that refuses. */
export function isRefusalCode(code: unknown): code is number {
  return typeof code === "number" && Number.isInteger(code) && code >= 400 && code < 600;
}

/** Whether a value is an enhanced status code of the class of a code (RFC 2034 section 4). */
export function isEnhancedCodeOf(code: number, enhanced: unknown): enhanced is string {
  return typeof enhanced === "string" && ENHANCED.test(enhanced) && enhanced[0] === `${code}`[0];
}

/** Reads a reply that refuses. A positive one would say that something is done, which no hook does. */
function replyOf(value: object): Reply {
  const { code, enhanced, lines } = value as Members;
  if (!isRefusalCode(code)) throw fault("code is not 400 to 599");
  if (enhanced !== undefined && !isEnhancedCodeOf(code, textOf(enhanced, "enhanced", 9))) {
    throw fault("enhanced is no status code of the class of code");
  }
  const all = listOf(lines, "lines", MOST_LINES);
  if (all.length === 0) throw fault("lines is empty");
  for (const line of all) textOf(line, "a line of the reply", MAX_LINE);
  // As it is: a reply that is said again and again is known by its identity.
  return value as Reply;
}

/**
 * Reads the verdict of a `connect`, `helo` or `mail` hook.
 *
 * @returns the reply that refuses, if it does
 * @throws {TypeError} if it makes no sense
 */
export function readVerdict(value: unknown): Reply | undefined {
  if (value === undefined || value === "permit") return undefined;
  if (isReply(value)) return replyOf(value);
  throw fault("it is neither a negative reply nor `permit`");
}

/** A decision that changes nothing. */
const NOTHING = {};
const PERMIT: RcptDecision = { permit: true };

/**
 * Reads the verdict of a `rcpt` hook: the reply that refuses, or what becomes of the recipient.
 *
 * @throws {TypeError} if it makes no sense
 */
export function readRcptVerdict(value: unknown): Reply | RcptDecision {
  if (value === undefined) return NOTHING;
  if (value === "permit") return PERMIT;
  if (isReply(value)) return replyOf(value);
  const { permit, forwardPaths, route } = membersOf(value, "it", [
    "permit",
    "forwardPaths",
    "route",
  ]);
  if (permit !== undefined && typeof permit !== "boolean") throw fault("permit is no truth value");
  return {
    ...permit !== undefined && { permit },
    ...forwardPaths !== undefined && { forwardPaths: mailboxesOf(forwardPaths) },
    ...route !== undefined && { route: textOf(route, "route", MAX_ROUTE) },
  };
}

function mailboxesOf(value: unknown): readonly Mailbox[] {
  const all = listOf(value, "forwardPaths", MOST_FORWARD_PATHS);
  if (all.length === 0) throw fault("forwardPaths is empty: refuse, or choose the route discard");
  return all.map((each) => {
    const { localPart, domain } = membersOf(each, "a forward-path", ["localPart", "domain"]);
    const mailbox = {
      localPart: textOf(localPart, "localPart", MAX_LINE),
      domain: textOf(domain, "domain", MAX_LINE),
    };
    const read = parseWholePath(formatPath(mailbox));
    const isSame = "value" in read && read.value?.localPart === mailbox.localPart &&
      read.value.domain === mailbox.domain;
    if (!isSame) throw fault("a forward-path is no mailbox of RFC 5321");
    return mailbox;
  });
}

/**
 * Reads the verdict of a `data` hook: the reply that refuses, or what becomes of the message. Whether a field
 * can be written is not looked at here.
 *
 * @throws {TypeError} if it makes no sense
 */
export function readDataVerdict(value: unknown): Reply | DataDecision {
  if (value === undefined || value === "permit") return NOTHING;
  if (isReply(value)) return replyOf(value);
  const { header, route } = membersOf(value, "it", ["header", "route"]);
  return {
    ...header !== undefined && {
      header: listOf(header, "header", MOST_CHANGES).map(changeOf),
    },
    ...route !== undefined && { route: textOf(route, "route", MAX_ROUTE) },
  };
}

function changeOf(value: unknown): HeaderChange {
  const { kind, name, value: text, at } = membersOf(value, "a change", [
    ...["kind", "name", "value", "at"],
  ]);
  const named = { name: textOf(name, "the name of a field", MAX_NAME) };
  if (kind === "remove") {
    if (text !== undefined || at !== undefined) {
      throw fault("what removes a field has a name alone");
    }
    return { kind, ...named };
  }
  if (kind !== "add" && kind !== "replace") throw fault("kind is not add, replace or remove");
  const whole = { ...named, value: textOf(text, "the text of a field", MAX_VALUE) };
  if (kind === "replace") {
    if (at !== undefined) throw fault("what replaces a field has its place");
    return { kind, ...whole };
  }
  if (at !== undefined && at !== "top" && at !== "end") throw fault("at is neither top nor end");
  return { kind, ...whole, ...at !== undefined && { at } };
}
