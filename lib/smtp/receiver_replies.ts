/** What a receiver says by itself, written once for all the receivers of a server. @module */
import { CLIENT_ATTRIBUTES, type TrustedVerb } from "./client_attributes.ts";
import type { LineFault } from "./line_cutter.ts";
import { maxLineOf, type ReceiverOptions } from "./receiver_options.ts";
import { type Reply, reply, standingReply } from "./reply.ts";

/** To RSET and NOOP. */
export const OK: Reply = standingReply(250, "2.0.0", "Ok");
/** To VRFY (RFC 5321 section 3.5.3). */
export const NO_VRFY: Reply = standingReply(
  252,
  "2.5.2",
  "Cannot verify, but will take mail for it",
);
/** To HELP. */
export const HELP: Reply = standingReply(
  214,
  "2.0.0",
  "HELO EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP",
);
/** To one RCPT too many (RFC 5321 section 4.5.3.1.10). */
export const TOO_MANY_RECIPIENTS: Reply = standingReply(452, "4.5.3", "Too many recipients");
/** To DATA. */
export const START_DATA: Reply = standingReply(
  354,
  undefined,
  "Start mail input; end with <CRLF>.<CRLF>",
);

/** To STARTTLS where TLS is in use. */
export const SECURE_ALREADY: Reply = standingReply(503, "5.5.1", "TLS is in use already");
/**
 * To STARTTLS with more behind it: whoever wrote that may not be the client (RFC 3207 section 6), and it
 * must never be taken for something said inside TLS.
 */
export const BEHIND_STARTTLS: Reply = standingReply(
  421,
  "4.7.0",
  "Plaintext behind STARTTLS, closing connection",
);
/** To AUTH after one that succeeded (RFC 4954 section 4). */
export const AUTHENTICATED_ALREADY: Reply = standingReply(503, "5.5.1", "You are authenticated");
/** To AUTH where it is offered inside TLS alone (RFC 4954 section 6). */
export const ENCRYPTION_NEEDED: Reply = standingReply(
  538,
  "5.7.11",
  "Encryption required: begin TLS with STARTTLS first",
);
/** To AUTH with a mechanism that is not offered (RFC 4954 section 4). */
export const UNKNOWN_MECHANISM: Reply = standingReply(
  504,
  "5.5.4",
  "Mechanism not offered here: see the reply to EHLO",
);
/** To `*` (RFC 4954 section 4). */
export const AUTH_CANCELLED: Reply = standingReply(501, "5.7.0", "Authentication cancelled");
/** To XCLIENT and XFORWARD from a peer that is not trusted. */
export const NOT_TRUSTED: Reply = standingReply(550, "5.7.0", "Insufficient authorization");
/** To a response that is too long (RFC 4954 section 6). */
export const RESPONSE_TOO_LONG: Reply = standingReply(500, "5.5.6", "Authentication line too long");

/** The replies of the receivers that have the same options. */
interface StandingReplies {
  readonly bye: Reply;
  /** By the greeting that was answered. */
  readonly ehlo: WeakMap<Reply, Map<string, Reply>>;
}

const standingReplies = new WeakMap<ReceiverOptions, StandingReplies>();

function standingRepliesOf(options: ReceiverOptions): StandingReplies {
  let replies = standingReplies.get(options);
  if (replies === undefined) {
    const bye = standingReply(221, "2.0.0", `${options.hostname} closing connection`);
    replies = { bye, ehlo: new WeakMap() };
    standingReplies.set(options, replies);
  }
  return replies;
}

/** To QUIT. */
export function bye(options: ReceiverOptions): Reply {
  return standingRepliesOf(options).bye;
}

/** What a session may be offered beyond what all are. */
export interface Offers {
  /** Whether it runs inside TLS. */
  readonly isSecure: boolean;
  /** What the peer may say of other clients. */
  readonly trusted: readonly TrustedVerb[];
  /** The SASL mechanisms, best first. */
  readonly mechanisms: readonly string[];
}

/** To EHLO and LHLO: a line for each extension behind the greeting. */
export function ehloReply(
  options: ReceiverOptions,
  greeting: Reply,
  { isSecure, trusted, mechanisms }: Offers,
): Reply {
  const { ehlo } = standingRepliesOf(options);
  let kinds = ehlo.get(greeting);
  if (kinds === undefined) ehlo.set(greeting, kinds = new Map());
  const auth = mechanisms.join(" ");
  const kind = `${isSecure} ${trusted} ${auth}`;
  let whole = kinds.get(kind);
  if (whole === undefined) {
    whole = standingReply(
      250,
      undefined,
      ...greeting.lines,
      "PIPELINING",
      `SIZE ${options.maxSize}`,
      "8BITMIME",
      "SMTPUTF8",
      "ENHANCEDSTATUSCODES",
      "CHUNKING",
      ...options.dsn ? ["DSN"] : [],
      // RFC 3207 section 4.2 and RFC 8689 section 2: the one only outside TLS, the other only inside.
      ...options.startTls && !isSecure ? ["STARTTLS"] : [],
      ...options.requireTls && isSecure ? ["REQUIRETLS"] : [],
      ...trusted.map((verb) => `${verb} ${CLIENT_ATTRIBUTES[verb].join(" ")}`),
      ...auth === "" ? [] : [`AUTH ${auth}`],
    );
    kinds.set(kind, whole);
  }
  return whole;
}

/** To a line that is none. */
export function lineFaultReply(fault: LineFault, options: ReceiverOptions): Reply {
  return fault === "too long"
    ? reply(500, "5.5.2", `Line too long: at most ${maxLineOf(options)} octets`)
    : reply(500, "5.5.2", `Syntax error: ${fault}, lines end in CR LF`);
}
