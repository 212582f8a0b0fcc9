/**
 * The relaying rules: for whom mail is taken, and from whom.
 *
 * Only the domain of a mailbox is looked at. What a local part may mean to the host it belongs to
 * (`user%other.test`, `other.test!user`, `"user@other.test"`) is that host's business (RFC 5321
 * section 2.3.11), and a source route is dropped before a mailbox gets here, so none of them can
 * lead a message elsewhere.
 *
 * @module
 */
import type { Mailbox } from "../smtp/mailbox.ts";
import { type Reply, reply } from "../smtp/reply.ts";
import { normalizeDomain, parseDomain } from "./domain.ts";
import { type Cidr, cidrContains, parseCidr, parseIp } from "./network.ts";
import type { Session } from "./session.ts";

/** Who may send what where. Empty rules refuse every recipient. */
export interface RelayingRules {
  /** The domains whose mail is delivered here, as `normalizeDomain` writes them; the first is the main one. */
  readonly localDomains: ReadonlySet<string>;
  /** The networks whose clients may send to any domain. */
  readonly relayFrom: readonly Cidr[];
  /** The certificates whose holders may send to any domain: SHA-256, 64 hexadecimal digits, lower case. */
  readonly relayCertificates?: ReadonlySet<string>;
}

/** The networks that may relay where nothing else is said: this host alone. */
export const DEFAULT_RELAY_FROM: readonly string[] = ["127.0.0.0/8", "::1/128"];

/**
 * Makes relaying rules from what an operator writes.
 *
 * @throws {SyntaxError} if a domain or a network cannot be read
 */
export function relayingRules(
  localDomains: Iterable<string>,
  relayFrom: Iterable<string> = DEFAULT_RELAY_FROM,
): RelayingRules {
  return {
    localDomains: new Set(Array.from(localDomains, normalizeDomain)),
    relayFrom: Array.from(relayFrom, parseCidr),
  };
}

/**
 * Whether a mailbox is delivered here. The bare `Postmaster` (RFC 5321 section 4.5.1) is, as soon as
 * there is a local domain; an address literal never is.
 */
export function isLocal(rules: RelayingRules, mailbox: Mailbox): boolean {
  if (mailbox.domain === "") {
    return rules.localDomains.size > 0 && mailbox.localPart.toLowerCase() === "postmaster";
  }
  const domain = parseDomain(mailbox.domain);
  return domain !== undefined && rules.localDomains.has(domain);
}

/** What the rules look at. */
type RelayingSession = Pick<Session, "remote"> & Partial<Pick<Session, "account" | "tls">>;

/** Which of the clients that were asked about last may relay, for each set of rules. */
const asked = new WeakMap<RelayingRules, Map<string, boolean>>();
const MOST_ASKED = 256;

/**
 * Whether a client may send to any domain. One that has authenticated, or holds a certificate that is
 * known, may so wherever it comes from.
 */
export function mayRelay(rules: RelayingRules, session: RelayingSession): boolean {
  if (session.account !== undefined) return true;
  const fingerprint = session.tls?.clientFingerprint;
  if (fingerprint !== undefined && rules.relayCertificates?.has(fingerprint)) return true;
  const { address } = session.remote;
  let known = asked.get(rules);
  if (known === undefined || known.size >= MOST_ASKED) asked.set(rules, known = new Map());
  let answer = known.get(address);
  if (answer === undefined) {
    const ip = parseIp(address);
    answer = ip !== undefined && rules.relayFrom.some((network) => cidrContains(network, ip));
    known.set(address, answer);
  }
  return answer;
}

/**
 * Asks the rules about one recipient of one client.
 *
 * @returns nothing where the recipient may pass, else the reply that refuses it
 */
export function checkRelaying(
  rules: RelayingRules,
  session: RelayingSession,
  mailbox: Mailbox,
): Reply | undefined {
  if (isLocal(rules, mailbox) || mayRelay(rules, session)) return undefined;
  return reply(550, "5.7.1", "Relaying refused: neither is the domain local nor may you relay");
}
