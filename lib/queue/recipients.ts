/** Gathers the recipients of a message: who each RCPT stands for, and what is kept of it. @module */
import { mailboxKey } from "../policy/aliases.ts";
import type { RcptDecision } from "../policy/hooks.ts";
import type { RcptParameters } from "../smtp/envelope.ts";
import { formatMailbox, type Mailbox, needsUtf8 } from "../smtp/mailbox.ts";
import { type Reply, standingReply } from "../smtp/reply.ts";
import { encodeXtext } from "../smtp/xtext.ts";
import { newRecipient } from "./new_recipient.ts";
import type { NewRecipient } from "./store.ts";

/** How mailboxes are expanded to others. */
export interface Expansion {
  /** Whether a mailbox is delivered here. */
  readonly isLocal: (mailbox: Mailbox) => boolean;
  /** Those that a mailbox stands for, a reply that refuses it, or `undefined` where it is itself. */
  readonly expand: (mailbox: Mailbox) => readonly Mailbox[] | Reply | undefined;
}

/** What recipients are made by. */
export interface RecipientRules {
  /** Whether a recipient waits for somebody to release it. */
  readonly isHeld: (mailbox: Mailbox) => boolean;
  /** The aliases, where there are some. */
  readonly aliases?: Expansion;
}

/** The recipients of one message so far. */
export interface Recipients {
  readonly list: readonly NewRecipient[];
  /**
   * Adds those that a RCPT stands for.
   *
   * @param due when they are attempted first, in milliseconds since the epoch
   * @param decision what policy has decided for it; its route was looked at
   * @returns the reply that refuses it, and then nothing was added
   */
  add(rcpt: RcptParameters, due: number, decision?: RcptDecision): Reply | undefined;
  /** Sends all of them by a route that policy has chosen, or holds them. */
  routeAll(route: string): void;
}

/** The most recipients of one message that aliases may make. */
export const MOST_RECIPIENTS = 10_000;

// RFC 5321 section 4.5.3.1.10: the client sends the message again for those that were not taken.
const TOO_MANY = standingReply(452, "4.5.3", "Too many recipients once aliases are expanded");

/** RFC 3461 section 4.2: ORCPT has at most 500 characters. */
const MAX_ORCPT = 500;

/**
 * The parameters for those whom a RCPT was expanded to. Notices name the recipient that the sender
 * knows (RFC 3461 section 4.2). NOTIFY is passed on as it came, which section 5.2.7 allows for an
 * alias: SUCCESS is answered by each delivery and not by the expansion.
 */
function expanded({ orcpt, ...rcpt }: RcptParameters): RcptParameters {
  if (orcpt !== undefined || needsUtf8(rcpt.forwardPath)) return { ...rcpt, orcpt };
  const original = `rfc822;${encodeXtext(formatMailbox(rcpt.forwardPath))}`;
  return { ...rcpt, orcpt: original.length > MAX_ORCPT ? undefined : original };
}

/** Begins with the recipients of a message. Where some stand for others, nobody gets it twice. */
export function gatherRecipients({ isHeld, aliases }: RecipientRules): Recipients {
  let list: NewRecipient[] = [];
  /** Those in the list, once they matter. */
  let keys: Set<string> | undefined;
  const keyOf = (mailbox: Mailbox) => mailboxKey(mailbox, aliases?.isLocal(mailbox) ?? false);

  function made(rcpt: RcptParameters, due: number, route: string | undefined): NewRecipient {
    const recipient = newRecipient(rcpt, due, isHeld(rcpt.forwardPath));
    return route === undefined ? recipient : routed(recipient, route);
  }

  return {
    get list() {
      return list;
    },
    add(rcpt, due, { forwardPaths, route } = {}) {
      const { forwardPath } = rcpt;
      if (aliases === undefined && forwardPaths === undefined && keys === undefined) {
        list.push(made(rcpt, due, route));
        return undefined;
      }
      keys ??= new Set(list.map(({ mailbox }) => keyOf(mailbox)));
      const found = standsFor(forwardPath, forwardPaths, aliases);
      if (found !== undefined && "code" in found) return found;
      const parameters = found === undefined ? rcpt : expanded(rcpt);
      const added = new Map<string, Mailbox>();
      for (const mailbox of found ?? [forwardPath]) {
        const key = keyOf(mailbox);
        if (!keys.has(key)) added.set(key, mailbox);
      }
      if (found !== undefined && list.length + added.size > MOST_RECIPIENTS) return TOO_MANY;
      const rewritten = forwardPaths && { rewrittenFrom: formatMailbox(forwardPath) };
      for (const [key, mailbox] of added) {
        keys.add(key);
        list.push({ ...made({ ...parameters, forwardPath: mailbox }, due, route), ...rewritten });
      }
      return undefined;
    },
    routeAll(route) {
      list = list.map((recipient) => routed(recipient, route));
    },
  };
}

/** The mailboxes that one stands for by policy and by aliases; `undefined` where it is itself. */
function standsFor(
  mailbox: Mailbox,
  forwardPaths: readonly Mailbox[] | undefined,
  aliases: Expansion | undefined,
): readonly Mailbox[] | Reply | undefined {
  if (forwardPaths === undefined) return aliases?.expand(mailbox);
  const all: Mailbox[] = [];
  for (const path of forwardPaths) {
    const found = aliases?.expand(path) ?? [path];
    if ("code" in found) return found;
    all.push(...found);
  }
  return all;
}

/** What is held has no route of its own: whoever releases it may choose one. */
function routed({ route: _, ...recipient }: NewRecipient, route: string): NewRecipient {
  return route === "hold" ? { ...recipient, held: true } : { ...recipient, held: false, route };
}
