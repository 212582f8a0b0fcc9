/**
 * The first part of a notice, for people: what happened, to whom, why, and what comes next.
 *
 * @module
 */
import { parseOrcpt } from "../smtp/dsn_parameters.ts";
import { formatMailbox } from "../smtp/mailbox.ts";
import { isTransient, type Reply } from "../smtp/reply.ts";
import { dateTime } from "./date_time.ts";
import type { Action, RemoteMta, ReportedMessage, ReportedRecipient } from "./dsn_facts.ts";
import { meaningOf } from "./dsn_meaning.ts";
import { statusOf } from "./dsn_report.ts";
import { readable, wrap } from "./dsn_words.ts";
import { addressLiteral, isHostName } from "./trace.ts";

/** What the text says of the message itself. */
export interface TextOptions {
  /** Our own name: a domain or an address literal. */
  readonly hostname: string;
  /** The time zone of the dates, in minutes east of UTC; the machine's if left out. */
  readonly timezone?: number;
  /** The subject of the message, where it has one that can be shown. */
  readonly subject?: string;
  /** What of the message stands behind the report. */
  readonly returned: "message" | "header" | "header instead" | "nothing";
}

const LINE_WIDTH = 76;
/** Recipients with the same fate share one paragraph. */
const MAX_PARAGRAPHS = 20;
const MAX_ADDRESSES = 100;
const MAX_ADDRESS = 300;
/** As much of a reply as a person reads. */
const MAX_REPLY_LINES = 8;
const MAX_REPLY_LINE = 400;

/** The actions, in the order in which they matter to the sender. */
const ACTIONS: readonly Action[] = ["failed", "delayed", "delivered", "relayed", "expanded"];

/** Chooses the subject of a notice: the worst news in it. */
export function subjectOf(recipients: readonly ReportedRecipient[]): string {
  switch (worstOf(recipients)) {
    case "failed":
      return "Your message was not delivered";
    case "delayed":
      return "Your message is delayed, and is still being tried";
    case "delivered":
    case "expanded":
      return "Your message was delivered";
    case "relayed":
      return "Your message was handed on";
  }
}

/** The worst of what was done. */
function worstOf(recipients: readonly ReportedRecipient[]): Action {
  const done = new Set(recipients.map((recipient) => recipient.action));
  return ACTIONS.find((action) => done.has(action)) ?? "failed";
}

/**
 * Writes the text, with a CR LF behind each line. Its size is bounded, whatever the recipients and the
 * replies are: those for whom there is no room are counted, and stand in the report.
 */
export function writeText(
  message: ReportedMessage,
  recipients: readonly ReportedRecipient[],
  options: TextOptions,
): string {
  const host = isHostName(options.hostname) ? options.hostname : "unknown";
  const lines = [
    ...wrap(
      `This is the mail server ${host}. It tells you what became of a message that was sent from ` +
        `your address on ${dateTime(new Date(message.accepted), options.timezone)}.`,
      LINE_WIDTH,
    ),
  ];
  if (options.subject !== undefined) {
    lines.push("", ...wrap(`Subject: ${readable(options.subject, 200)}`, LINE_WIDTH));
  }
  const room = { paragraphs: MAX_PARAGRAPHS, addresses: MAX_ADDRESSES };
  for (const action of ACTIONS) {
    const concerned = recipients.filter((recipient) => recipient.action === action);
    if (concerned.length === 0) continue;
    lines.push("", ...wrap(headingOf(action, message, options), LINE_WIDTH));
    writeRecipients(lines, concerned, room);
  }
  lines.push("", ...closing(recipients, host, options.returned));
  return lines.join("\r\n") + "\r\n";
}

/** Says what happened, and what happens next. */
function headingOf(action: Action, message: ReportedMessage, { timezone }: TextOptions): string {
  switch (action) {
    case "failed":
      return "It was NOT DELIVERED to the following, and will not be tried again:";
    case "delayed":
      return "It is DELAYED for the following. You need not send it again: it is being tried until " +
        `${dateTime(new Date(message.expires), timezone)}, and given up after that:`;
    case "delivered":
      return "It was DELIVERED to:";
    case "relayed":
      return "It was HANDED ON for the following, to a mail server that does not say what becomes " +
        "of it:";
    case "expanded":
      return "It was DELIVERED to the following, and goes from there to other addresses:";
  }
}

/** Writes recipients with the same fate together, as far as there is room. */
function writeRecipients(
  lines: string[],
  recipients: readonly ReportedRecipient[],
  room: { paragraphs: number; addresses: number },
): void {
  const groups = new Map<string, ReportedRecipient[]>();
  let left = 0;
  for (const recipient of recipients) {
    const key = keyOf(recipient);
    const group = groups.get(key);
    if (room.addresses === 0 || (group === undefined && room.paragraphs === 0)) {
      left++;
      continue;
    }
    room.addresses--;
    if (group !== undefined) {
      group.push(recipient);
    } else {
      room.paragraphs--;
      groups.set(key, [recipient]);
    }
  }
  for (const group of groups.values()) {
    lines.push("", ...group.map((recipient) => `  ${addressOf(recipient)}`));
    lines.push(...reasonOf(group[0]));
  }
  if (left > 0) {
    const rest = left === 1
      ? "one more recipient, who stands"
      : `${left} more recipients, who stand`;
    lines.push("", `  and ${rest} in the report behind this text.`);
  }
}

/** What two recipients have in common who stand in one paragraph; no longer than what is shown. */
function keyOf({ reply, remote, action }: ReportedRecipient): string {
  return JSON.stringify([action, remote?.host, remote?.address, quote(reply)]);
}

/** The address, and the one the sender knows where that is another. */
function addressOf({ mailbox, orcpt }: ReportedRecipient): string {
  const address = formatMailbox(mailbox);
  const original = orcpt === undefined ? undefined : parseOrcpt(orcpt)?.address.trim();
  const shown = readable(address, MAX_ADDRESS);
  return original === undefined || original === "" ||
      original.toLowerCase() === address.toLowerCase()
    ? shown
    : `${shown} (sent to ${readable(original, MAX_ADDRESS)})`;
}

/** Quotes who said what, and says what it means. */
function reasonOf(recipient: ReportedRecipient): string[] {
  const { action, reply, remote } = recipient;
  const lines: string[] = [];
  const quoted = quote(reply);
  if (action === "failed" || action === "delayed") {
    const last = action === "delayed" || isTransient(reply) ? "The last time, " : "";
    const subject = remote === undefined
      ? "this mail server noted:"
      : `the mail server ${nameOf(remote)} answered:`;
    const sentence = last + subject;
    lines.push(...indented(sentence[0].toUpperCase() + sentence.slice(1), "    "));
    lines.push(...quoted.flatMap((line) => indented(line, "      ")));
    const meaning = meaningOf(statusOf(reply, action));
    if (meaning !== undefined) lines.push(...indented(meaning, "    "));
  } else if (remote !== undefined) {
    lines.push(...indented(`The mail server ${nameOf(remote)} has taken it.`, "    "));
  }
  return lines;
}

/** The lines of a reply as they are shown. */
function quote(reply: Reply): string[] {
  const { code, enhanced } = reply;
  const lines = reply.lines.slice(0, MAX_REPLY_LINES);
  const status = enhanced === undefined ? `${code}` : `${code} ${readable(enhanced, 20)}`;
  const quoted = lines.map((line, i) =>
    readable(i === 0 ? `${status} ${line}` : line, MAX_REPLY_LINE)
  );
  if (reply.lines.length > MAX_REPLY_LINES) quoted.push("...");
  return quoted;
}

function nameOf({ host, address }: RemoteMta): string {
  const literal = address === undefined ? undefined : addressLiteral(address);
  const name = readable(host, 255);
  return literal === undefined || literal === name ? name : `${name} ${literal}`;
}

function indented(text: string, indent: string): string[] {
  return wrap(text, LINE_WIDTH - indent.length).map((line) => indent + line);
}

/** Says what to do, and what else the notice holds. */
function closing(
  recipients: readonly ReportedRecipient[],
  host: string,
  returned: TextOptions["returned"],
): string[] {
  const paragraphs: string[] = [];
  const worst = worstOf(recipients);
  if (worst === "failed" || worst === "delayed") {
    paragraphs.push(
      "If you did not send such a message, somebody else has used your address; then there is " +
        "nothing that you need to do.",
      `If you need help, forward this whole notice to postmaster@${host}.`,
    );
  }
  switch (returned) {
    case "message":
      paragraphs.push("Behind this text come a report for programs, and your message.");
      break;
    case "header":
      paragraphs.push("Behind this text come a report for programs, and your message's header.");
      break;
    case "header instead":
      paragraphs.push(
        "Behind this text come a report for programs, and your message's header; the rest of it " +
          "cannot be sent back.",
      );
      break;
    case "nothing":
      paragraphs.push("Behind this text comes a report for programs.");
  }
  return paragraphs.flatMap((text, i) => [...(i > 0 ? [""] : []), ...wrap(text, LINE_WIDTH)]);
}
