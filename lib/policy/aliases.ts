/** Expands a local mailbox to those that its alias stands for. @module */
import type { Mailbox } from "../smtp/mailbox.ts";
import { type Reply, standingReply } from "../smtp/reply.ts";
import type { Aliases, AliasTarget } from "./aliases_file.ts";
import { parseDomain } from "./domain.ts";

/** What is to be known for an expansion. */
export interface ExpansionOptions {
  /** Whether a mailbox is delivered here, so that an alias is for it. */
  readonly isLocal: (mailbox: Mailbox) => boolean;
  /** The domain of names where the bare `Postmaster` is expanded. */
  readonly mainDomain: string;
  /** What stands in an included file. */
  readonly include: (path: string) => readonly AliasTarget[];
}

/** The most mailboxes that one stands for. */
export const MOST_EXPANDED = 1_000;

/** The most aliases on the way from a recipient to a mailbox. */
export const MOST_DEPTH = 20;

/** Targets that are looked at for one recipient; many of them may be the same mailbox. */
const MOST_STEPS = 10_000;

const LOOP = standingReply(554, "5.4.6", "Aliases of this recipient lead in a circle");
const TOO_DEEP = standingReply(
  554,
  "5.4.6",
  `More than ${MOST_DEPTH} aliases follow one another for this recipient`,
);
// RFC 3463 section 3.3 has a code for a list that cannot be expanded. It is permanent: no later
// attempt goes better until the file is mended, and the sender should hear of it now.
const TOO_MANY = standingReply(
  554,
  "5.2.4",
  `This recipient stands for more than ${MOST_EXPANDED} mailboxes`,
);
const NOBODY = standingReply(554, "5.2.4", "This recipient stands for nobody");

/**
 * A key that two mailboxes share where they are the same one: a local one whatever the case of its
 * letters, any other only as its domain allows (RFC 5321 section 2.4).
 */
export function mailboxKey({ localPart, domain }: Mailbox, isLocal: boolean): string {
  return `${isLocal ? localPart.toLowerCase() : localPart}@${
    parseDomain(domain) ?? domain.toLowerCase()
  }`;
}

/**
 * Expands a mailbox.
 *
 * Names mean mailboxes in the domain of the mailbox that they stand for. An alias that names itself
 * means the mailbox itself (`joe: joe, ann@example.org`); a longer circle is refused.
 *
 * @returns the mailboxes, each once; a reply that refuses the recipient where aliases lead in a circle,
 *   to nobody or to more than {@linkcode MOST_EXPANDED}; `undefined` where there is no alias for it
 */
export function expandAlias(
  aliases: Aliases,
  mailbox: Mailbox,
  options: ExpansionOptions,
): readonly Mailbox[] | Reply | undefined {
  const { isLocal, mainDomain, include } = options;
  if (!isLocal(mailbox) || !aliases.has(mailbox.localPart.toLowerCase())) return undefined;
  const found = new Map<string, Mailbox>();
  /** Mailboxes whose aliases were followed to their ends. */
  const followed = new Set<string>();
  let steps = 0;

  function add(end: Mailbox, local: boolean): Reply | undefined {
    const key = mailboxKey(end, local);
    if (!found.has(key)) found.set(key, end);
    return found.size > MOST_EXPANDED ? TOO_MANY : undefined;
  }

  /** Follows what a mailbox stands for. `way` has the names of the aliases that led here. */
  function follow(at: Mailbox, way: readonly string[]): Reply | undefined {
    const local = isLocal(at);
    const name = at.localPart.toLowerCase();
    const alias = local ? aliases.get(name) : undefined;
    if (alias === undefined || name === way.at(-1)) return add(at, local);
    if (way.includes(name)) return LOOP;
    const key = mailboxKey(at, true);
    if (followed.has(key)) return undefined;
    if (way.length >= MOST_DEPTH) return TOO_DEEP;
    const domain = at.domain === "" ? mainDomain : at.domain;
    const refusal = followAll(alias.targets, domain, [...way, name]);
    followed.add(key);
    return refusal;
  }

  function followAll(
    targets: readonly AliasTarget[],
    domain: string,
    way: readonly string[],
  ): Reply | undefined {
    for (const target of targets) {
      if (++steps > MOST_STEPS) return TOO_MANY;
      const refusal = followOne(target, domain, way);
      if (refusal !== undefined) return refusal;
    }
  }

  function followOne(
    target: AliasTarget,
    domain: string,
    way: readonly string[],
  ): Reply | undefined {
    switch (target.kind) {
      case "mailbox":
        return follow(target.mailbox, way);
      case "name":
        return follow({ localPart: target.localPart, domain }, way);
      case "itself":
        return add({ localPart: target.localPart, domain }, true);
      case "include":
        return followAll(include(target.path), domain, way);
    }
  }

  const refusal = follow(mailbox, []);
  if (refusal !== undefined) return refusal;
  return found.size === 0 ? NOBODY : [...found.values()];
}
