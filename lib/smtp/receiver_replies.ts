/** What a receiver says by itself, written once for all the receivers of a server. @module */
import type { LineFault } from "./line_cutter.ts";
import { MAX_COMMAND_LINE, type ReceiverOptions } from "./receiver_options.ts";
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

/** The replies of the receivers that have the same options. */
interface StandingReplies {
  readonly bye: Reply;
  /** By the greeting that was answered. */
  readonly ehlo: WeakMap<Reply, Reply>;
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

/** To EHLO and LHLO: a line for each extension behind the greeting. */
export function ehloReply(options: ReceiverOptions, greeting: Reply): Reply {
  const { ehlo } = standingRepliesOf(options);
  let whole = ehlo.get(greeting);
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
    );
    ehlo.set(greeting, whole);
  }
  return whole;
}

/** To a line that is none. */
export function lineFaultReply(fault: LineFault): Reply {
  return fault === "too long"
    ? reply(500, "5.5.2", `Line too long: at most ${MAX_COMMAND_LINE} octets`)
    : reply(500, "5.5.2", `Syntax error: ${fault}, lines end in CR LF`);
}
