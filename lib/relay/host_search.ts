/** Finds the session that a mail transaction is held in, and keeps account of the hosts asked. @module */
import { type Log, noLog } from "../net/log.ts";
import type { ClientTlsFacts } from "../net/tls_transport.ts";
import type { MailParameters } from "../smtp/envelope.ts";
import { isTransient, reply, replyText } from "../smtp/reply.ts";
import { errorText } from "./client.ts";
import { type Attempt, Connector, type ConnectorOptions, type Link } from "./connector.ts";
import type { StsPolicies } from "./mta_sts.ts";
import { type Approach, decideSession } from "./opener.ts";
import type { HopReply } from "./remote_reply.ts";
import {
  type RemoteHop,
  type Resolution,
  resolveNextHop,
  type ResolverOptions,
} from "./resolver.ts";
import { nextHopKey } from "./route.ts";
import type { Sessions } from "./sessions.ts";
import { senderTlsOf } from "./tls_decision.ts";
import { type TlsLevel, tlsRecord, tlsText } from "./tls_policy.ts";

/** What a transaction to a next hop over the network needs. */
export interface RemoteOptions extends ConnectorOptions {
  /** How hosts and addresses are found. */
  readonly resolver: ResolverOptions;
  /** How much TLS is asked of a next hop; `opportunistic` of all of them if left out. */
  readonly tlsLevelOf?: (hop: RemoteHop) => TlsLevel;
  /** What domains ask of TLS to their mail hosts; nothing if left out. */
  readonly policies?: Pick<StsPolicies, "policyFor">;
  /** Where sessions come from and go to; each is for one transaction if left out. */
  readonly sessions?: Sessions;
}

/**
 * The search of one transaction: sessions that were kept come first, then the addresses of the next
 * hop's hosts, each at most once.
 */
export class HostSearch {
  readonly #hop: RemoteHop;
  readonly #mail: MailParameters;
  readonly #options: RemoteOptions;
  #approach: Approach | HopReply | undefined;
  #found: Promise<Resolution> | undefined;
  #connector: Connector | undefined;
  /** Whether a session may be taken that was kept, and whether the last one was. */
  #mayReuse = true;
  #isKept = false;
  #isOver = false;

  /** Makes a search; nothing is looked up or opened yet. */
  constructor(hop: RemoteHop, mail: MailParameters, options: RemoteOptions) {
    this.#hop = hop;
    this.#mail = mail;
    this.#options = options;
  }

  /**
   * Gives the next session, or the reply that says why there is none.
   *
   * @throws the reason of `signal`, once it is aborted
   */
  async open(signal: AbortSignal): Promise<Link | HopReply> {
    const { sessions } = this.#options;
    // Where no session is kept, somebody waits, and hosts are looked up beside the policy.
    if (sessions === undefined) this.#find(signal).catch(() => {});
    const approach = this.#approach ??= await this.#findApproach(signal);
    if ("code" in approach) {
      sessions?.note("unreachable", approach);
      return approach;
    }
    // What is in order for one message need not be for the next.
    const fits = ({ hopTls }: Link) => decideSession(approach, hopTls).kind === "go";
    const kept = this.#mayReuse ? sessions?.take(fits) : undefined;
    this.#isKept = kept !== undefined;
    if (kept !== undefined) return kept;
    if (this.#connector === undefined) {
      const found = await this.#find(signal);
      if (found.kind === "failure") {
        sessions?.note(isTransient(found.reply) ? "unreachable" : "answered", found.reply);
        return found.reply;
      }
      this.#connector = new Connector(found.targets, approach, this.#options);
    }
    const tried = this.#connector.attempts.length;
    const link = await this.#connector.open(signal);
    for (const attempt of this.#connector.attempts.slice(tried)) {
      this.tell("attempt-failed", attempt);
    }
    if (link !== undefined) {
      this.#tellNote(link);
      return link;
    }
    const { failure, attempts } = this.#connector;
    // What one message may not do says nothing of the others.
    const isDown = isTransient(failure) && !attempts.some(({ isDecided }) => isDecided);
    sessions?.note(isDown ? "unreachable" : "answered", failure, attempts.at(-1));
    return failure;
  }

  /** Leaves a session in which nothing was promised yet, if there may be another; tells whether it has. */
  leave(link: Link, why: HopReply): boolean {
    if (this.#isKept) {
      // A host may end a session that is at rest, or want no more in it, whenever it likes.
      this.#mayReuse = false;
    } else if (this.#connector?.hasMore) {
      this.#connector.fail(link, why);
      const { host, address, port } = link;
      this.tell("attempt-failed", { host, address, port, reply: why });
    } else {
      return false;
    }
    void link.client.quit();
    return true;
  }

  /**
   * The transaction is over in this session, which may have another.
   *
   * @param isPutOff whether the host has put the whole message off
   */
  end(link: Link, failure: HopReply | undefined, isPutOff: boolean): void {
    const { sessions } = this.#options;
    if (sessions === undefined) return void link.client.quit();
    if (this.#isOver) return;
    this.#isOver = true;
    // A session that ended is no trouble where we ended it, or where the host said what it had to say.
    const isTroubled = link.client.ending !== undefined && failure && isTransient(failure);
    const conduct = isTroubled ? "troubled" : isPutOff ? "busy" : "answered";
    const { host, address, client } = link;
    sessions.note(conduct, failure, { host, address, tls: tlsRecord(client.tls) });
    sessions.give(link);
  }

  #find(signal: AbortSignal): Promise<Resolution> {
    return this.#found ??= resolveNextHop(this.#hop, this.#options.resolver, signal);
  }

  async #findApproach(signal: AbortSignal): Promise<Approach | HopReply> {
    const hop = this.#hop;
    const { tlsLevelOf, policies } = this.#options;
    const common = {
      isLmtp: hop.kind === "lmtp",
      isImplicitTls: hop.kind === "smtps",
      isNamed: hop.kind !== "mx",
      tlsLevel: tlsLevelOf?.(hop) ?? "opportunistic",
      sender: senderTlsOf(this.#mail),
    };
    if (hop.kind !== "mx") return { ...common, credentials: hop.credentials };
    try {
      return { ...common, policy: await policies?.policyFor(hop.domain, signal) };
    } catch (error) {
      signal.throwIfAborted();
      const text = `The MTA-STS policy of ${hop.domain} cannot be had now: ${errorText(error)}`;
      return reply(451, "4.7.0", text);
    }
  }

  /** Tells the log what is wrong with TLS in a session that is used all the same. */
  #tellNote({ tlsNote: problem, hopTls, host, address, port }: Link): void {
    if (problem === undefined) return;
    const hop = nextHopKey(this.#hop);
    const event = hopTls.problem === undefined ? "mta-sts-testing" : "tls-failed";
    this.#log("warn", event, { hop, host, address, port, problem });
  }

  get #log(): Log {
    return this.#options.log ?? noLog;
  }

  /** Tells the log what one address answered in the end, and how it was spoken to where mail went there. */
  tell(
    event: "attempt-failed" | "relayed",
    { host, address, port, reply }: Attempt,
    tls?: ClientTlsFacts,
  ): void {
    const hop = nextHopKey(this.#hop);
    // What was relayed from the queue is logged once it is recorded, for each recipient.
    const level = event === "relayed" && this.#options.sessions !== undefined ? "debug" : "info";
    const told = { hop, host, address, port, reply: replyText(reply) };
    this.#log(level, event, event === "relayed" ? { ...told, tls: tlsText(tls) } : told);
  }
}
