/** Reads to whom and by which route somebody wants a message released. @module */
import { newRecipient } from "../queue/new_recipient.ts";
import type { NewRecipient } from "../queue/store.ts";
import { parseReleaseRoute } from "../relay/release_route.ts";
import { parseWholePath } from "../smtp/address.ts";
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import type { ReleaseOptions } from "./inbox.ts";

/** What a release means for the queue. */
export interface Release {
  /** The route as it was written, which can be read. */
  readonly route?: string;
  /** Those to be added; nobody where it is for those who are held. */
  readonly recipients: readonly NewRecipient[];
}

/** The most recipients that are added at once. */
export const MOST_RECIPIENTS = 100;

/**
 * Reads a release.
 *
 * @param now when those who are added are due
 * @throws {SyntaxError} if a recipient or the route cannot be read, or there are too many recipients
 */
export function releaseOf({ to = [], route }: ReleaseOptions, now: number): Release {
  if (route !== undefined) parseReleaseRoute(route);
  if (to.length > MOST_RECIPIENTS) {
    throw new SyntaxError(
      `Cannot release to ${to.length} recipients: ${MOST_RECIPIENTS} are the most`,
    );
  }
  const mailboxes = new Map<string, Mailbox>();
  for (const text of to) {
    const mailbox = mailboxOf(text);
    mailboxes.set(formatMailbox(mailbox), mailbox);
  }
  const chosen = route !== undefined && { route };
  const recipients = [...mailboxes.values()].map((forwardPath): NewRecipient => ({
    ...newRecipient({ forwardPath }, now, false),
    ...chosen,
  }));
  return { ...chosen, recipients };
}

function mailboxOf(text: string): Mailbox {
  const path = parseWholePath(`<${text}>`);
  const mailbox = "value" in path ? path.value : null;
  if (mailbox !== null && mailbox.domain !== "") return mailbox;
  const fault = "fault" in path ? path.fault : "the address has no @domain";
  throw new SyntaxError(`Cannot release to ${JSON.stringify(text)}: ${fault}`);
}
