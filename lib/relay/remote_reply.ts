/** What is told onwards of the replies of a next hop. @module */
import { isPermanent, isPositive, type Reply, reply, SmtpError } from "../smtp/reply.ts";
import type { Ending } from "./client.ts";

/** Where a reply came from. */
export interface Origin {
  /** The host name. */
  readonly host: string;
  /** Its address. */
  readonly address: string;
}

/** What became of something at a next hop, as our own reply. */
export interface HopReply extends Reply {
  /** Who said so in what words of its own; left out where the words are ours. */
  readonly remote?: Origin & {
    /** The reply as the remote gave it, if shortened: at most 8 lines of 400 characters. */
    readonly said: Reply;
  };
}

/** How much of a remote's words is passed on: lines, and characters of each. */
const MAX_LINES = 8;
const MAX_LINE = 400;

/** Writes an origin as it stands in replies and logs. */
export function formatOrigin(origin: Origin): string {
  return `${origin.host}[${origin.address}]`;
}

/**
 * Writes a reply of a next hop as our own: 250, 451 or 554 with the words of the remote. An
 * enhanced status code is kept where its class fits the code.
 */
export function relayedReply(said: Reply, { host, address }: Origin): HopReply {
  const code = isPositive(said) ? 250 : isPermanent(said) ? 554 : 451;
  const general = code === 250 ? "2.0.0" : code === 451 ? "4.0.0" : "5.0.0";
  const enhanced = said.enhanced?.[0] === general[0] ? said.enhanced : general;
  const original = said.enhanced === undefined ? `${said.code}` : `${said.code} ${said.enhanced}`;
  const [first, ...others] = said.lines.slice(0, MAX_LINES).map((line) => line.slice(0, MAX_LINE));
  const line = `${formatOrigin({ host, address })} said: ${original} ${first}`.trimEnd();
  return {
    ...reply(code, enhanced, line, ...others),
    remote: { host, address, said: reply(said.code, said.enhanced, first, ...others) },
  };
}

/**
 * As {@linkcode relayedReply}, for RCPT: "too many recipients" said with 552 means 452 (RFC 5321
 * section 4.5.3.1.10).
 */
export function relayedRcptReply(said: Reply, origin: Origin): HopReply {
  const isTooMany = said.code === 552 && said.enhanced === "5.5.3";
  const relayed = relayedReply(said, origin);
  return isTooMany ? { ...relayed, code: 451, enhanced: "4.5.3" } : relayed;
}

/** Says how a session ended as a reply. Only the next hop's own words can make it a lasting failure. */
export function endingReply(ending: Ending, origin: Origin): HopReply {
  switch (ending.type) {
    case "closed":
      return relayedReply(ending.reply, origin);
    case "fault":
      return reply(451, "4.5.0", `${formatOrigin(origin)} broke the protocol: ${ending.text}`);
    case "lost":
      return reply(451, "4.4.2", `${formatOrigin(origin)} was lost: ${ending.text}`);
  }
}

/** A refusal in the midst of the mail data, which keeps who said it. */
export class HopError extends SmtpError {
  override readonly reply: HopReply;

  /** Makes the error from its reply. */
  constructor(reply: HopReply) {
    super(reply.code, reply.enhanced, ...reply.lines);
    this.reply = reply;
  }
}
