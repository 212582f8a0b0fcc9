/**
 * The parser of aliases files, a subset of Postfix's `aliases(5)`: who a local name stands for.
 *
 * @module
 */
import { parsePath } from "../smtp/address.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { parseDomain } from "./domain.ts";

/** One of those that a name stands for. */
export type AliasTarget =
  /** An address with its domain. */
  | { readonly kind: "mailbox"; readonly mailbox: Mailbox }
  /** A name in the domain of the mailbox that is expanded. */
  | { readonly kind: "name"; readonly localPart: string }
  /** `\name`: the mailbox of that name itself, whatever alias there is for it. */
  | { readonly kind: "itself"; readonly localPart: string }
  /** `:include:/path`: those who stand in that file. */
  | { readonly kind: "include"; readonly path: string };

/** What one name stands for. */
export interface Alias {
  /** The line of its name, from 1. */
  readonly line: number;
  /** At least one, in the order of the file. */
  readonly targets: readonly AliasTarget[];
}

/** The aliases of a file by their names, which are in lower case. */
export type Aliases = ReadonlyMap<string, Alias>;

/** Where a message about a bad line says that it stands. */
type Place = (wrong: string) => SyntaxError;

function placeIn(file: string, line: number): Place {
  return (wrong) => new SyntaxError(`aliases ${file} line ${line}: ${wrong}`);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}

function linesOf(text: string): readonly string[] {
  return text.replace(/^\ufeff/, "").split(/\r?\n/);
}

/** Where what begins at `start` ends: before white space or one of `ends`, neither of them in quotes. */
function endOf(line: string, start: number, ends: string, fault: Place): number {
  let isQuoted = false;
  for (let i = start; i < line.length; i++) {
    const character = line[i];
    if (isQuoted && character === "\\") i++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (/\s/.test(character) || ends.includes(character))) return i;
  }
  if (isQuoted) throw fault("a double quote has no end");
  return line.length;
}

function addressOf(word: string, fault: Place): Mailbox {
  const path = word.startsWith("<") ? word : `<${word}>`;
  const parsed = parsePath(path, 0);
  if ("fault" in parsed) throw fault(`${quoted(word)} is no address, ${parsed.fault}`);
  if (parsed.value === null || parsed.next !== path.length) {
    throw fault(`${quoted(word)} is no address`);
  }
  const { domain } = parsed.value;
  if (!domain.startsWith("[") && parseDomain(domain) === undefined) {
    throw fault(`${quoted(word)} is no address, ${quoted(domain)} is no domain`);
  }
  return parsed.value;
}

/** Reads a name without a domain, which is written like a local part. */
function nameOf(word: string, fault: Place): string {
  const path = `<${word}@name.invalid>`;
  const parsed = parsePath(path, 0);
  if ("fault" in parsed) throw fault(`${quoted(word)} is no name, ${parsed.fault}`);
  if (parsed.value?.domain !== "name.invalid" || parsed.value.localPart === "") {
    throw fault(`${quoted(word)} is no name`);
  }
  return parsed.value.localPart;
}

/** Whether an `@` stands outside of quotes. */
function hasDomain(word: string): boolean {
  return word.replace(/"(?:[^"\\]|\\.)*"/g, "").includes("@");
}

const INCLUDE = ":include:";
const ABSOLUTE = /^(?:\/|[A-Za-z]:[\\/])./;

function targetOf(word: string, fault: Place): AliasTarget {
  // Postfix has commands, files and includes that hold white space written with quotes round them.
  const whole = /^"((?:[^"\\]|\\.)*)"$/.exec(word)?.[1].replace(/\\(.)/g, "$1") ?? word;
  if (whole.startsWith("|")) {
    throw fault("commands are not run, give the program's address a route of its own instead");
  }
  if (whole.startsWith("/")) {
    throw fault("mail is not put into files, use a route to maildir:DIR instead");
  }
  if (whole.slice(0, INCLUDE.length).toLowerCase() === INCLUDE) {
    const path = whole.slice(INCLUDE.length);
    if (!ABSOLUTE.test(path) || path.includes("\0")) {
      throw fault(`${INCLUDE} needs an absolute path, and has ${quoted(path)}`);
    }
    return { kind: "include", path };
  }
  if (word.startsWith(":")) throw fault(`${quoted(word)} is not known, only ${INCLUDE} is`);
  if (word.startsWith("#")) throw fault("a comment needs a line of its own");
  // A message that came without SMTPUTF8 could not be sent there (RFC 6531 section 3.4).
  if (/[^\x00-\x7f]/.test(word)) {
    throw fault(`${quoted(word)} is not ASCII, and messages without SMTPUTF8 cannot go there`);
  }
  if (word.startsWith("\\")) {
    if (hasDomain(word)) throw fault(`${quoted(word)} has a domain, and \\ goes with a name alone`);
    return { kind: "itself", localPart: nameOf(word.slice(1), fault) };
  }
  if (hasDomain(word)) return { kind: "mailbox", mailbox: addressOf(word, fault) };
  return { kind: "name", localPart: nameOf(word, fault) };
}

/**
 * Reads the targets of a line.
 *
 * @param start where the first may begin
 * @param needsComma whether a target stands before them
 * @returns whether a comma is needed before the next
 */
function readTargets(
  line: string,
  start: number,
  needsComma: boolean,
  targets: AliasTarget[],
  fault: Place,
): boolean {
  for (let at = start; at < line.length;) {
    if (/\s/.test(line[at])) {
      at++;
    } else if (line[at] === ",") {
      needsComma = false;
      at++;
    } else {
      const end = endOf(line, at, ",", fault);
      const word = line.slice(at, end);
      if (needsComma) {
        throw fault(
          word.startsWith("#")
            ? "a comment needs a line of its own"
            : `a comma is missing before ${quoted(word)}`,
        );
      }
      targets.push(targetOf(word, fault));
      needsComma = true;
      at = end;
    }
  }
  return needsComma;
}

function isIgnored(line: string): boolean {
  return /^\s*(?:#|$)/.test(line);
}

/**
 * Parses an aliases file.
 *
 * ```abnf
 * alias   = name *WSP ":" [ target ] *( *WSP "," *WSP [ target ] )
 * name    = Dot-string / Quoted-string
 * target  = Mailbox / name / "\" name / ":include:" path
 * ```
 *
 * A line that begins with white space goes on with the alias above it; empty lines and those that
 * begin with `#` are passed over. Names are the same in upper and lower case.
 *
 * @param file what the file is called in messages
 * @throws {SyntaxError} for the first line that is bad: `aliases FILE line N: what is wrong`
 */
export function parseAliases(text: string, file: string): Aliases {
  const aliases = new Map<string, Alias>();
  let targets: AliasTarget[] | undefined;
  let needsComma = false;
  /** Said of the name in whose targets we are, if there are none. */
  let empty: SyntaxError | undefined;

  function finish(): void {
    if (targets?.length === 0) throw empty;
  }

  for (const [index, line] of linesOf(text).entries()) {
    if (isIgnored(line)) continue;
    const fault = placeIn(file, index + 1);
    if (/^\s/.test(line)) {
      if (targets === undefined) {
        throw fault("a line that begins with white space has no name above it");
      }
      needsComma = readTargets(line, 0, needsComma, targets, fault);
      continue;
    }
    finish();
    const end = endOf(line, 0, ":", fault);
    const word = line.slice(0, end);
    const colon = /^\s*:/.exec(line.slice(end));
    if (colon === null || word === "") throw fault("write name: address, address");
    if (hasDomain(word)) throw fault(`the name ${quoted(word)} has a domain, leave it out`);
    const name = nameOf(word, fault).toLowerCase();
    const other = aliases.get(name);
    if (other !== undefined) throw fault(`${quoted(word)} is on line ${other.line} already`);
    targets = [];
    empty = fault(`${quoted(word)} stands for nobody`);
    aliases.set(name, { line: index + 1, targets });
    needsComma = readTargets(line, end + colon[0].length, false, targets, fault);
  }
  finish();
  return aliases;
}

/**
 * Parses a file that `:include:` names: targets as in an aliases file, on as many lines as one likes,
 * those of one line with commas between them. It includes no other.
 *
 * @param file what the file is called in messages
 * @throws {SyntaxError} for the first line that is bad: `aliases FILE line N: what is wrong`
 */
export function parseIncluded(text: string, file: string): readonly AliasTarget[] {
  const targets: AliasTarget[] = [];
  for (const [index, line] of linesOf(text).entries()) {
    if (isIgnored(line)) continue;
    const fault = placeIn(file, index + 1);
    const count = targets.length;
    readTargets(line, 0, false, targets, fault);
    if (targets.slice(count).some(({ kind }) => kind === "include")) {
      throw fault("a file that is included cannot include another");
    }
  }
  return targets;
}

/** The paths of all files that aliases include, each once. */
export function includedPaths(aliases: Aliases): readonly string[] {
  const paths = new Set<string>();
  for (const { targets } of aliases.values()) {
    for (const target of targets) if (target.kind === "include") paths.add(target.path);
  }
  return [...paths];
}
