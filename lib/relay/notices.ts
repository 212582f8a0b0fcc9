/** Makes the notices that attempts call for, ready to be committed with them. @module */
import { makeStatusNotice } from "../message/dsn.ts";
import { noticesDue } from "../message/dsn_facts.ts";
import { newRecipient } from "../queue/new_recipient.ts";
import { gatherRecipients, type RecipientRules } from "../queue/recipients.ts";
import type { Entry, NewRecipient, Notice, Outcome, Store } from "../queue/store.ts";
import type { Mailbox } from "../smtp/mailbox.ts";

/**
 * Makes the notices that an attempt calls for. The outcomes are those of the attempt: a `failed` one
 * with a 4yz reply was given up for its age, `delayTold` asks for a notice of the delay.
 */
export type Notices = (
  entry: Entry,
  outcomes: readonly Outcome[],
  now: number,
) => Promise<readonly Notice[]>;

/** What notices are made with. */
export interface NoticesOptions extends RecipientRules {
  /** Where the messages are that they are about, and where their octets are staged. */
  readonly store: Pick<Store, "read" | "stage">;
  /** Our own name: a domain or an address literal. */
  readonly hostname: string;
  /** How long a notice is tried, in milliseconds. */
  readonly lifetime: number;
  /** Makes the name of the next message. */
  readonly nextId: () => string;
}

/** Those who get a notice. Where an alias refuses the sender's mailbox, the notice goes to itself. */
function recipientsOf(
  mailbox: Mailbox,
  now: number,
  rules: RecipientRules,
): readonly NewRecipient[] {
  // RFC 3461 section 6.1: nobody is told what becomes of a notice.
  const rcpt = { forwardPath: mailbox, notify: "never" as const };
  const gathered = gatherRecipients(rules);
  const refusal = gathered.add(rcpt, now);
  return refusal === undefined ? gathered.list : [newRecipient(rcpt, now, rules.isHeld(mailbox))];
}

/** Makes what makes notices: one for each attempt at most, since a message has one sender. */
export function statusNotices(options: NoticesOptions): Notices {
  const { store, hostname, lifetime, nextId } = options;
  return async (entry, outcomes, now) => {
    const recipients = noticesDue({
      entry,
      outcomes: outcomes
        .filter(({ state, delayTold }) => state !== "queued" || delayTold === true)
        .map((outcome) => ({ ...outcome, attempted: now })),
      now,
      // The schedule has said that it is time.
      delayAfter: 0,
    });
    if (recipients.length === 0) return [];
    const id = nextId();
    const notice = await makeStatusNotice({
      hostname,
      id,
      message: entry,
      recipients,
      read: () => store.read(entry.id),
      now,
      random: (octets) => crypto.getRandomValues(octets),
    });
    const noticed = recipientsOf(notice.forwardPath, now, options);
    const body = store.stage();
    try {
      for await (const slice of notice.octets()) await body.write(slice);
    } catch (error) {
      body.abort();
      throw error;
    }
    return [{
      entry: {
        id,
        mail: notice.mail,
        accepted: now,
        expires: now + lifetime,
        origin: { client: "local", protocol: "DSN" },
        recipients: noticed,
      },
      body,
    }];
  };
}
