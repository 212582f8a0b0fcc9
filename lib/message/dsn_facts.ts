/**
 * What a delivery status notification tells of, and of whom the sender is to be told at all.
 *
 * @module
 */
import type { DsnRcptParameters } from "../smtp/dsn_parameters.ts";
import type { MailParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import type { Reply } from "../smtp/reply.ts";

/**
 * What was done for a recipient (RFC 3464 section 2.3.3). `relayed` went to a server that sends no
 * notices; `expanded` went to the members of a list or an alias.
 */
export type Action = "failed" | "delayed" | Success;

/** The ways in which a message can have arrived. */
export type Success = "delivered" | "relayed" | "expanded";

/** The server that was spoken to. */
export interface RemoteMta {
  /** Its host name. */
  readonly host: string;
  /** Its address. */
  readonly address?: string;
}

/** The message that a notice is about. An entry of the queue has all of it. */
export interface ReportedMessage {
  /** What MAIL said. */
  readonly mail: MailParameters;
  /** When it was accepted, in milliseconds since the epoch. */
  readonly accepted: number;
  /** When it is given up, in milliseconds since the epoch. */
  readonly expires: number;
  /** Who handed it in: an address or `local`, and what the client called itself. */
  readonly origin: { readonly client: string; readonly heloName?: string };
}

/** A recipient whom a notice is about. */
export interface ReportedRecipient {
  /** Whom the message was for in the end, as RCPT had it. */
  readonly mailbox: Mailbox;
  /** The original recipient, `type;address` with its encoding. */
  readonly orcpt?: string;
  /** What was done. */
  readonly action: Action;
  /** What the last attempt came to, in the words of the remote or our own. */
  readonly reply: Reply;
  /** Who said that; left out where the words are ours. */
  readonly remote?: RemoteMta;
  /** When the last attempt ended, in milliseconds since the epoch. */
  readonly attempted?: number;
}

/** A message with its recipients, as far as it matters to who is told. */
export interface NoticeEntry {
  /** What MAIL said. */
  readonly mail: Pick<MailParameters, "reversePath">;
  /** When the message was accepted, in milliseconds since the epoch. */
  readonly accepted: number;
  /** Its recipients; those without an outcome are not looked at. */
  readonly recipients: readonly NoticeRecipient[];
}

/** A recipient, as far as it matters to whether the sender is told. */
export interface NoticeRecipient extends DsnRcptParameters {
  /** Its number within the message. */
  readonly index: number;
  /** Whom the message is for. */
  readonly mailbox: Mailbox;
  /** Whether the sender was told of the delay. */
  readonly delayTold: boolean;
}

/** What an attempt came to for one recipient. */
export interface NoticeOutcome {
  /** The recipient's number. */
  readonly index: number;
  /** Where it stands now. */
  readonly state: "queued" | "delivered" | "failed";
  /** What was said. */
  readonly reply: Reply;
  /** Who said it; left out where the words are ours. */
  readonly remote?: RemoteMta;
  /** When the attempt ended, in milliseconds since the epoch. */
  readonly attempted?: number;
  /**
   * How it arrived, for `delivered`. Left out where the next hop has taken over the request for
   * notices (RFC 3461 section 5.2.2): then it tells, and we must not.
   */
  readonly success?: Success;
}

/** What it takes to say who is told. */
export interface NoticeQuestion {
  /** The message. */
  readonly entry: NoticeEntry;
  /** What the attempt came to. */
  readonly outcomes: readonly NoticeOutcome[];
  /** The time, in milliseconds since the epoch. */
  readonly now: number;
  /** How long a message may wait before its sender is told, in milliseconds; never if left out. */
  readonly delayAfter?: number;
}

/** A recipient of whom the sender is to be told, and its number within the message. */
export interface DueRecipient extends ReportedRecipient {
  /** The recipient's number. */
  readonly index: number;
}

/**
 * Answers the recipients that one notice to the sender has to tell of, in the order of the outcomes;
 * none if no notice is due. Of those that are `delayed` the sender must not be told again.
 *
 * A message with the null reverse-path is a notice itself, and nobody is told what became of it
 * (RFC 5321 section 4.5.5, RFC 3461 section 6.1).
 */
export function noticesDue(question: NoticeQuestion): DueRecipient[] {
  const { entry, outcomes } = question;
  if (entry.mail.reversePath === null) return [];
  const recipients = new Map(entry.recipients.map((recipient) => [recipient.index, recipient]));
  const due: DueRecipient[] = [];
  for (const outcome of outcomes) {
    const recipient = recipients.get(outcome.index);
    const action = recipient && actionDue(recipient, outcome, question);
    if (recipient === undefined || action === undefined) continue;
    const { index, mailbox, orcpt } = recipient;
    const { reply, remote, attempted } = outcome;
    due.push({ index, mailbox, orcpt, action, reply, remote, attempted });
  }
  return due;
}

/** What the sender is told of one recipient, if anything (RFC 3461 sections 4.1 and 5.2). */
function actionDue(
  recipient: NoticeRecipient,
  outcome: NoticeOutcome,
  { entry, now, delayAfter }: NoticeQuestion,
): Action | undefined {
  // RFC 3461 section 4.1 lets a server take a missing NOTIFY for FAILURE, or for FAILURE and DELAY.
  const notify = recipient.notify ?? ["failure", "delay"];
  if (notify === "never") return undefined;
  switch (outcome.state) {
    case "failed":
      return notify.includes("failure") ? "failed" : undefined;
    case "delivered":
      return notify.includes("success") ? outcome.success : undefined;
    case "queued": {
      const isLate = delayAfter !== undefined && now - entry.accepted >= delayAfter;
      return isLate && !recipient.delayTold && notify.includes("delay") ? "delayed" : undefined;
    }
  }
}
