/** The users file: accounts as text, a line each, for people to read and a program to change. @module */
import { parseWholePath } from "../smtp/address.ts";
import { formatMailbox } from "../smtp/mailbox.ts";
import type { Account } from "./accounts.ts";
import { parseDomain } from "./domain.ts";
import { formatRate, parseRate } from "./quantity.ts";
import { saslPrep } from "./saslprep.ts";
import { formatVerifier, parseVerifier } from "./scram_verifier.ts";

/** The longest name in octets: what every server has to take by RFC 4616 section 2. */
const MAX_NAME_LENGTH = 255;

const utf8 = new TextEncoder();

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}

/** What keeps a prepared text from being a name, as the middle of "the name ..."; `undefined` if nothing does. */
function faultOf(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.startsWith("#")) return "begins with #, as comments do";
  if (/[\p{Z}:]/u.test(name)) return "holds white space or a colon";
  if (/\p{C}/u.test(name)) return "holds a character that cannot be printed";
  if (utf8.encode(name).length > MAX_NAME_LENGTH) {
    return `is longer than ${MAX_NAME_LENGTH} octets`;
  }
  return undefined;
}

/** Prepares a name, which is empty where it cannot be one. */
function prepare(text: string): { readonly name: string; readonly fault?: string } {
  if (/\p{Cc}/u.test(text)) return { name: "", fault: "holds a character that cannot be printed" };
  try {
    const name = saslPrep(text);
    return { name, fault: faultOf(name) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { name: "", fault: "holds characters that RFC 4013 does not allow, or not together" };
  }
}

/**
 * Prepares the name of an account for comparison (RFC 4013).
 *
 * @throws {SyntaxError} if it cannot be one: it is empty, longer than 255 octets, holds white space, a
 *   colon or something that cannot be printed, or begins with `#`
 */
export function accountName(text: string): string {
  const { name, fault } = prepare(text);
  if (fault === undefined) return name;
  throw new SyntaxError(`Cannot use the name ${quoted(text)}, it ${fault}: choose another`);
}

/**
 * Reads an address that an account may send from, or `@` and a domain for all of that domain, into the
 * form in which {@linkcode Account.allowedFrom} has it.
 *
 * @throws {SyntaxError} if it is neither
 */
export function parseAllowedFrom(text: string): string {
  if (text.startsWith("@")) {
    const domain = parseDomain(text.slice(1));
    if (domain !== undefined) return `@${domain}`;
  } else {
    const path = parseWholePath(`<${text}>`);
    const mailbox = "value" in path ? path.value : null;
    const domain = parseDomain(mailbox?.domain ?? "");
    const address = mailbox === null || domain === undefined
      ? undefined
      : formatMailbox({ localPart: mailbox.localPart, domain });
    // The words of a line end at white space, and the addresses of a list at a comma.
    if (address !== undefined && !/[\s,]/.test(address)) return address;
  }
  throw new SyntaxError(
    `Cannot use ${quoted(text)} as an address: write it like joe@example.org or @example.org`,
  );
}

/** Makes the error about a line, which is counted from 1. What a line holds may be a password. */
type Fault = (wrong: string, mend: string) => SyntaxError;

function faultIn(line: number): Fault {
  return (wrong, mend) => new SyntaxError(`Cannot read line ${line}: ${wrong}: ${mend}`);
}

/** What follows the last colon of a message of ours. */
function reasonOf(error: unknown): string {
  if (!(error instanceof SyntaxError)) throw error;
  return error.message.slice(error.message.lastIndexOf(": ") + 2);
}

function allowedFromOf(list: string, fault: Fault): readonly string[] {
  try {
    return list.split(",").map(parseAllowedFrom);
  } catch (error) {
    throw fault("from= has something that is no address", reasonOf(error));
  }
}

/** Reads a line that is not empty and no comment. */
function parseUser(line: string, fault: Fault): Account {
  const [first, second = "", ...rest] = line.trim().split(/[ \t]+/);
  const { name, fault: wrongName } = prepare(first);
  if (wrongName !== undefined) {
    throw fault(`the name ${wrongName}`, "write the name, a space and the verifier");
  }
  const account: { -readonly [K in keyof Account]?: Account[K] } = { name };
  try {
    account.verifier = parseVerifier(second);
  } catch (error) {
    throw fault(
      `there is no verifier that can be used (${reasonOf(error)})`,
      "take the line out and add the user again",
    );
  }
  for (const [index, word] of rest.entries()) {
    const [, key, value = ""] = /^(from|quota)=(.*)$/s.exec(word) ?? [];
    const isThere = key === "from"
      ? account.allowedFrom
      : key === "quota"
      ? account.quota
      : undefined;
    if (isThere !== undefined) throw fault(`${key}= is there twice`, "keep one");
    if (key === "from") {
      account.allowedFrom = allowedFromOf(value, fault);
    } else if (key === "quota") {
      account.quota = parseRate(value);
      if (account.quota === undefined) {
        throw fault("quota= is no rate", "write messages and a time, such as quota=100/1h");
      }
    } else {
      throw fault(`word ${index + 3} is not known`, "write from=ADDRESS,... or quota=N/DURATION");
    }
  }
  return { name, verifier: account.verifier, allowedFrom: [], ...account };
}

/** An account with the place of its line, from 0. */
interface UserLine {
  readonly index: number;
  readonly account: Account;
}

/** The lines without what ends them, but for a CR. */
function linesOf(text: string): string[] {
  return text.split("\n");
}

function usersIn(lines: readonly string[]): Map<string, UserLine> {
  const users = new Map<string, UserLine>();
  for (const [index, line] of lines.entries()) {
    const text = index === 0 ? line.replace(/^\ufeff/, "") : line;
    if (/^[ \t\r]*(?:#|$)/.test(text)) continue;
    const fault = faultIn(index + 1);
    const account = parseUser(text, fault);
    const other = users.get(account.name);
    if (other !== undefined) {
      const wrong = `${quoted(account.name)} is on line ${other.index + 1} already`;
      throw fault(wrong, "keep one of the two");
    }
    users.set(account.name, { index, account });
  }
  return users;
}

/**
 * Parses a users file: an account on each line, and between them empty lines and comments, which begin
 * with `#`.
 *
 * ```abnf
 * user  = name WSP verifier [ WSP "from=" from *( "," from ) ] [ WSP "quota=" N "/" duration ]
 * from  = Mailbox / "@" Domain
 * ```
 *
 * The order of `from=` and `quota=` does not matter. The verifier is as `formatVerifier` writes it.
 *
 * @returns the accounts by their names, in the order of the file
 * @throws {SyntaxError} for the first line that is bad: `Cannot read line N: what is wrong: how to mend
 *   it`. Of the line it repeats nothing but a name with a verifier behind it, and addresses:
 *   what is out of its place may be a password.
 */
export function parseUsers(text: string): Map<string, Account> {
  const users = new Map<string, Account>();
  for (const [name, { account }] of usersIn(linesOf(text))) users.set(name, account);
  return users;
}

function formatUser({ name, verifier, allowedFrom, quota }: Account): string {
  return [
    name,
    formatVerifier(verifier),
    ...allowedFrom.length === 0 ? [] : [`from=${allowedFrom.join(",")}`],
    ...quota === undefined ? [] : [`quota=${formatRate(quota)}`],
  ].join(" ");
}

/**
 * Puts an account into a users file: in place of the line that has its name, or behind all others. The
 * other lines stay as they are.
 *
 * @throws {SyntaxError} as {@linkcode parseUsers}
 */
export function withUser(text: string, account: Account): string {
  const lines = linesOf(text);
  const old = usersIn(lines).get(account.name);
  const end = lines[0].endsWith("\r") ? "\r" : "";
  const line = formatUser(account) + end;
  if (old !== undefined) {
    lines[old.index] = line;
  } else {
    const last = lines.pop()!;
    lines.push(...last === "" ? [] : [last + end], line, "");
  }
  return lines.join("\n");
}

/**
 * Takes an account out of a users file. The other lines stay as they are.
 *
 * @returns the text without it, or `undefined` where it has no account of that name
 * @throws {SyntaxError} as {@linkcode parseUsers}
 */
export function withoutUser(text: string, name: string): string | undefined {
  const lines = linesOf(text);
  const old = usersIn(lines).get(name);
  return old === undefined ? undefined : lines.toSpliced(old.index, 1).join("\n");
}
