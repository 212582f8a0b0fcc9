/** One command line as a value (RFC 5321 section 4.1). @module */
import { parsePath } from "./address.ts";
import { decodeBase64 } from "./base64.ts";
import { type ClientAttributes, parseClientAttributes } from "./client_attributes.ts";
import type { Mailbox } from "./mailbox.ts";
import { type Parameters, parseParameters } from "./parameters.ts";
import { type Reply, reply } from "./reply.ts";

/** A command that the receiver knows, with its parsed argument. */
export type Command =
  | { readonly verb: "HELO" | "EHLO" | "LHLO"; readonly name: string }
  | {
    readonly verb: "MAIL";
    readonly reversePath: Mailbox | null;
    readonly parameters: Parameters;
  }
  | { readonly verb: "RCPT"; readonly forwardPath: Mailbox; readonly parameters: Parameters }
  | { readonly verb: "BDAT"; readonly size: number; readonly last: boolean }
  | {
    readonly verb: "AUTH";
    readonly mechanism: string;
    readonly initialResponse: Uint8Array | undefined;
  }
  | { readonly verb: "XCLIENT"; readonly attributes: ClientAttributes<"XCLIENT"> }
  | { readonly verb: "XFORWARD"; readonly attributes: ClientAttributes<"XFORWARD"> }
  | { readonly verb: "STARTTLS" }
  | { readonly verb: "DATA" | "RSET" | "NOOP" | "QUIT" | "VRFY" | "HELP" };

/** The verb of a command that the receiver knows. */
export type Verb = Command["verb"];

/** What a line is: a command, or one that cannot be carried out and its reply. */
export type ParsedLine =
  | { readonly kind: "command"; readonly command: Command }
  /** BDAT with a length that can't be read: what follows it cannot be told from commands. */
  | { readonly kind: "fault"; readonly reply: Reply; readonly isFatal: boolean };

/** Known elsewhere, not carried out here (RFC 5321 section 4.2.4: 502, not 500). */
const NOT_IMPLEMENTED = new Set(
  ["ETRN", "EXPN", "SAML", "SEND", "SOML", "TURN", "VERB"],
);

/** Methods of HTTP: a browser was made to talk to this port, and each of its lines is a command. */
const NOT_SMTP = new Set(["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a line as text, or answers `undefined` where it is not UTF-8 or has a control character. */
function decodeLine(line: Uint8Array): string | undefined {
  let isAscii = true;
  for (let i = 0; i < line.length; i++) {
    const octet = line[i];
    // NUL above all: it would end the address for whoever passes it on to C.
    if (octet < 32 && octet !== 9 || octet === 127) return undefined;
    if (octet > 127) isAscii = false;
  }
  if (isAscii) return String.fromCharCode.apply(null, line as unknown as number[]);
  try {
    return utf8.decode(line);
  } catch {
    return undefined;
  }
}

/** Drops white space at the end, and nothing else that `String.trimEnd` takes for it. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === " " || text[end - 1] === "\t")) end--;
  return text.slice(0, end);
}

/** What is said to a command that is known elsewhere, or not offered here. */
export function notImplemented(verb: string): Reply {
  return reply(502, "5.5.1", `${verb} is not implemented here`);
}

function fault(code: number, enhanced: string, text: string, isFatal = false): ParsedLine {
  return { kind: "fault", reply: reply(code, enhanced, text), isFatal };
}

function command(command: Command): ParsedLine {
  return { kind: "command", command };
}

const SIMPLE: ReadonlyMap<string, ParsedLine> = new Map(
  (["DATA", "RSET", "QUIT", "NOOP", "HELP", "STARTTLS"] as const).map((
    verb,
  ) => [verb, command({ verb })]),
);

/**
 * Parses one command line without its CR LF.
 *
 * ```abnf
 * command = verb [ SP argument ] *WSP CRLF
 * ```
 *
 * Verbs are read without case (section 2.4), and white space at the end is tolerated (section 4.1.1).
 */
export function parseCommand(line: Uint8Array): ParsedLine {
  const decoded = decodeLine(line);
  if (decoded === undefined) {
    return fault(500, "5.5.2", "Syntax error: control characters or invalid UTF-8");
  }
  const text = trimEnd(decoded);
  const space = text.indexOf(" ");
  const word = space < 0 ? text : text.slice(0, space);
  // Other letters may have an upper case in ASCII: that of the dotless i is I.
  const verb = /^[A-Za-z]+$/.test(word) ? word.toUpperCase() : "";
  const argument = space < 0 ? "" : text.slice(space + 1);
  switch (verb) {
    case "HELO":
    case "EHLO":
    case "LHLO":
      return parseHelo(verb, argument);
    case "MAIL":
      return parseMail(argument);
    case "RCPT":
      return parseRcpt(argument);
    case "BDAT":
      return parseBdat(argument);
    case "AUTH":
      return parseAuth(argument);
    case "XCLIENT": {
      const attributes = parseClientAttributes(verb, argument);
      return "fault" in attributes ? badAttributes(attributes) : command({ verb, attributes });
    }
    case "XFORWARD": {
      const attributes = parseClientAttributes(verb, argument);
      return "fault" in attributes ? badAttributes(attributes) : command({ verb, attributes });
    }
    case "DATA":
    case "RSET":
    case "QUIT":
    case "STARTTLS":
      // RFC 3207 section 4: an argument to STARTTLS is a syntax error, too.
      if (argument !== "") return fault(501, "5.5.4", `Syntax error: ${verb} takes no argument`);
      return SIMPLE.get(verb)!;
    case "NOOP":
    case "HELP":
      // Both may have a string argument, which is ignored (sections 4.1.1.8 and 4.1.1.9).
      return SIMPLE.get(verb)!;
    case "VRFY":
      if (argument === "") return fault(501, "5.5.4", "Syntax: VRFY string");
      return command({ verb });
  }
  if (NOT_IMPLEMENTED.has(verb)) {
    return { kind: "fault", reply: notImplemented(verb), isFatal: false };
  }
  if (NOT_SMTP.has(verb)) return fault(421, "4.7.0", "This is SMTP, not HTTP", true);
  return fault(500, "5.5.2", "Syntax error: command not recognized");
}

/**
 * ```abnf
 * ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
 * ```
 *
 * Clients greet with names that are no domains (an underscore, a bare word, an IPv4 address without
 * brackets), and RFC 5321 section 4.1.4 forbids to refuse mail for that. So a name has to be one word
 * of printable ASCII (RFC 6531 section 3.7.1 allows no other before SMTPUTF8 is agreed on), and is never
 * trusted.
 */
function parseHelo(verb: "HELO" | "EHLO" | "LHLO", argument: string): ParsedLine {
  const match = /^ *([!-~]{1,255})$/.exec(argument);
  if (match === null) return fault(501, "5.5.4", `Syntax: ${verb} domain`);
  return command({ verb, name: match[1] });
}

/** `mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF` */
function parseMail(argument: string): ParsedLine {
  const path = parsePathArgument(argument, "FROM:");
  if ("kind" in path) return path;
  if (path.mailbox?.domain === "") {
    // Only RCPT may name the bare Postmaster (section 4.1.1.3).
    return fault(553, "5.1.7", "Bad reverse-path: the address has no @domain");
  }
  return command({ verb: "MAIL", reversePath: path.mailbox, parameters: path.parameters });
}

/** `rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]` */
function parseRcpt(argument: string): ParsedLine {
  const path = parsePathArgument(argument, "TO:");
  if ("kind" in path) return path;
  if (path.mailbox === null) return fault(553, "5.1.3", "Bad forward-path: it is empty");
  return command({ verb: "RCPT", forwardPath: path.mailbox, parameters: path.parameters });
}

/**
 * Reads `FROM:` or `TO:`, a path and the parameters. Section 3.3 forbids space behind the colon; many
 * programs send it and it can mean nothing else, so it is passed over.
 */
function parsePathArgument(
  argument: string,
  keyword: "FROM:" | "TO:",
): ParsedLine | { mailbox: Mailbox | null; parameters: Parameters } {
  const verb = keyword === "FROM:" ? "MAIL" : "RCPT";
  if (argument.slice(0, keyword.length).toUpperCase() !== keyword) {
    return fault(501, "5.5.4", `Syntax: ${verb} ${keyword}<address>`);
  }
  let at = keyword.length;
  while (argument[at] === " ") at++;
  const path = parsePath(argument, at);
  if ("fault" in path) {
    const [what, enhanced] = verb === "MAIL" ? ["reverse", "5.1.7"] : ["forward", "5.1.3"];
    return fault(553, enhanced, `Bad ${what}-path: ${path.fault}`);
  }
  if (path.next < argument.length && argument[path.next] !== " ") {
    return fault(501, "5.5.4", "Syntax error: unexpected text behind the address");
  }
  const parameters = parseParameters(argument.slice(path.next + 1));
  if ("fault" in parameters) return fault(501, "5.5.4", `Syntax error: ${parameters.fault}`);
  return { mailbox: path.value, parameters };
}

/**
 * ```abnf
 * bdat-cmd   = "BDAT" SP chunk-size [ SP end-marker ] CR LF
 * chunk-size = 1*DIGIT
 * end-marker = "LAST"
 * ```
 *
 * (RFC 3030 section 2.) When the size can't be read, the chunk behind it can't be told from commands.
 */
function parseBdat(argument: string): ParsedLine {
  const match = /^(\d{1,20})(?: +(LAST))? *$/i.exec(argument);
  const size = match === null ? NaN : Number(match[1]);
  if (match === null || !Number.isSafeInteger(size)) {
    return fault(501, "5.5.4", "Syntax: BDAT size [LAST]", true);
  }
  return command({ verb: "BDAT", size, last: match[2] !== undefined });
}

/**
 * ```abnf
 * auth-command     = "AUTH" SP sasl-mech [SP initial-response] CRLF
 * initial-response = base64 / "="
 * sasl-mech        = 1*20mech-char
 * mech-char        = UPPER-ALPHA / DIGIT / "-" / "_"
 * ```
 *
 * (RFC 4954 sections 4 and 8, RFC 4422 section 3.1.) Mechanisms are read without case, as clients write
 * them.
 */
function parseAuth(argument: string): ParsedLine {
  const match = /^ *([A-Za-z0-9_-]{1,20})(?: +([!-~]+))?$/.exec(argument);
  if (match === null) return fault(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
  const [, mechanism, written] = match;
  const initialResponse = written === undefined
    ? undefined
    : decodeBase64(written === "=" ? "" : written);
  if (written !== undefined && initialResponse === undefined) return fault(...BAD_BASE64);
  return command({ verb: "AUTH", mechanism: mechanism.toUpperCase(), initialResponse });
}

function badAttributes(attributes: { readonly fault: string }): ParsedLine {
  return fault(501, "5.5.4", `Syntax error: ${attributes.fault}`);
}

/** RFC 4954 section 4: a response that cannot be decoded. */
export const BAD_BASE64 = [501, "5.5.2", "Syntax error: the response is not base64"] as const;
