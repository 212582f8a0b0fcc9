/**
 * What a client may say when. This table is the only place where that is decided (RFC 5321 sections
 * 4.1.4 and 3.3, RFC 3030 section 2, RFC 3207 section 4, RFC 4954 section 4, XCLIENT_README and
 * XFORWARD_README of Postfix).
 *
 * @module
 */
import type { Verb } from "./command.ts";

/** Where a session is, as the receiver sees it. */
export type State =
  /** The greeting has not been given. */
  | "connected"
  /** The greeting was a refusal; only QUIT is of use now (RFC 5321 section 3.1). */
  | "refused"
  /** The client has not said HELO, EHLO or LHLO. */
  | "greeted"
  /** No mail transaction is open. */
  | "ready"
  /** STARTTLS was answered positively: nothing is read before the handshake is over. */
  | "securing"
  /** The response to a challenge of AUTH is awaited, which is no command. */
  | "auth"
  /** MAIL was accepted. */
  | "mail"
  /** At least one RCPT was accepted. */
  | "rcpt"
  /** Mail data is coming, behind DATA or inside a BDAT chunk. */
  | "data"
  /** Some BDAT chunks have come, and the last one has not. */
  | "chunks"
  /** Nothing more is read. */
  | "closed";

/** The state after a command that was answered positively; a command that is missing is refused. */
type Row = Readonly<Partial<Record<Verb, State>>>;

/** HELO, EHLO and LHLO end a transaction as RSET does (RFC 5321 section 4.1.4). */
const HELLO: Row = { HELO: "ready", EHLO: "ready", LHLO: "ready" };

/** The commands that are legal at any time (RFC 5321 section 4.1.4), and change nothing. */
function anywhere(state: State): Row {
  return { NOOP: state, HELP: state, VRFY: state, QUIT: "closed" };
}

/** The transition table. */
export const TRANSITIONS: Readonly<Record<State, Row>> = {
  connected: {},
  refused: { QUIT: "closed" },
  // RFC 3207 does not ask for a greeting first, and some clients begin with STARTTLS.
  greeted: {
    ...HELLO,
    ...anywhere("greeted"),
    RSET: "greeted",
    STARTTLS: "securing",
    // The session begins anew with the greeting, for another client.
    XCLIENT: "connected",
    XFORWARD: "greeted",
  },
  ready: {
    ...HELLO,
    ...anywhere("ready"),
    RSET: "ready",
    MAIL: "mail",
    // Neither may come in a mail transaction (RFC 4954 section 4; RFC 3207 section 4.2).
    STARTTLS: "securing",
    AUTH: "auth",
    XCLIENT: "connected",
    XFORWARD: "ready",
  },
  securing: {},
  auth: {},
  mail: { ...HELLO, ...anywhere("mail"), RSET: "ready", RCPT: "rcpt" },
  rcpt: { ...HELLO, ...anywhere("rcpt"), RSET: "ready", RCPT: "rcpt", DATA: "data", BDAT: "data" },
  data: {},
  chunks: { ...HELLO, ...anywhere("chunks"), RSET: "ready", BDAT: "data" },
  closed: {},
};

/** What begins a mail transaction, or may come only where none is open. */
const OUTSIDE_TRANSACTION: ReadonlySet<Verb> = new Set<Verb>(
  ["MAIL", "STARTTLS", "AUTH", "XCLIENT", "XFORWARD"],
);

/** What is said to a command that may not come in a state. */
export function outOfSequence(state: State, verb: Verb): string {
  if (state === "refused") return "Bad sequence of commands: no service here, only QUIT";
  if (state === "greeted") return "Bad sequence of commands: HELO or EHLO first";
  if (state === "chunks") return "Bad sequence of commands: the message has more chunks to come";
  if (OUTSIDE_TRANSACTION.has(verb)) {
    return "Bad sequence of commands: a mail transaction is open";
  }
  if (state === "mail") return "Bad sequence of commands: no valid recipients";
  return "Bad sequence of commands: MAIL first";
}
