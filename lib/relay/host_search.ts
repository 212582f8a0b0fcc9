/** Finds the session that a mail transaction is held in, and keeps account of the hosts asked. @module */
import { type Log, noLog } from "../net/log.ts";
import type { ClientTlsFacts } from "../net/tls_transport.ts";
import { isTransient, replyText } from "../smtp/reply.ts";
import { type Attempt, Connector, type ConnectorOptions, type Link } from "./connector.ts";
import type { Approach } from "./opener.ts";
import type { HopReply } from "./remote_reply.ts";
import { type RemoteHop, resolveNextHop, type ResolverOptions } from "./resolver.ts";
import { nextHopKey } from "./route.ts";
import type { Sessions } from "./sessions.ts";
import { type TlsLevel, tlsRecord, tlsText } from "./tls_policy.ts";

/** What a transaction to a next hop over the network needs. */
export interface RemoteOptions extends ConnectorOptions {
  /** How hosts and addresses are found. */
  readonly resolver: ResolverOptions;
  /** Takes what happens; nobody does if left out. */
  readonly log?: Log;
  /** How much TLS is asked of a next hop; `opportunistic` of all of them if left out. */
  readonly tlsLevelOf?: (hop: RemoteHop) => TlsLevel;
  /** Where sessions come from and go to; each is for one transaction if left out. */
  readonly sessions?: Sessions;
}

/**
 * The search of one transaction: sessions that were kept come first, then the addresses of the next
 * hop's hosts, each at most once.
 */
export class HostSearch {
  readonly #hop: RemoteHop;
  readonly #options: RemoteOptions;
  #connector: Connector | undefined;
  /** Whether a session may be taken that was kept, and whether the last one was. */
  #mayReuse = true;
  #isKept = false;
  #isOver = false;

  /** Makes a search; nothing is looked up or opened yet. */
  constructor(hop: RemoteHop, options: RemoteOptions) {
    this.#hop = hop;
    this.#options = options;
  }

  /**
   * Gives the next session, or the reply that says why there is none.
   *
   * @throws the reason of `signal`, once it is aborted
   */
  async open(signal: AbortSignal): Promise<Link | HopReply> {
    const { sessions, resolver } = this.#options;
    const kept = this.#mayReuse ? sessions?.take() : undefined;
    this.#isKept = kept !== undefined;
    if (kept !== undefined) return kept;
    if (this.#connector === undefined) {
      const found = await resolveNextHop(this.#hop, resolver, signal);
      if (found.kind === "failure") {
        sessions?.note(isTransient(found.reply) ? "unreachable" : "answered", found.reply);
        return found.reply;
      }
      this.#connector = new Connector(found.targets, this.#approach, this.#options);
    }
    const tried = this.#connector.attempts.length;
    const link = await this.#connector.open(signal);
    for (const attempt of this.#connector.attempts.slice(tried)) {
      this.tell("attempt-failed", attempt);
    }
    if (link !== undefined) {
      const { tlsProblem, host, address, port } = link;
      if (tlsProblem !== undefined) {
        const hop = nextHopKey(this.#hop);
        this.#log("warn", "tls-failed", { hop, host, address, port, problem: tlsProblem });
      }
      return link;
    }
    const { failure, attempts } = this.#connector;
    const conduct = isTransient(failure) ? "unreachable" : "answered";
    sessions?.note(conduct, failure, attempts.at(-1));
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

  get #approach(): Approach {
    const hop = this.#hop;
    return {
      isLmtp: hop.kind === "lmtp",
      isImplicitTls: hop.kind === "smtps",
      tlsLevel: this.#options.tlsLevelOf?.(hop) ?? "opportunistic",
      ...hop.kind !== "mx" && { credentials: hop.credentials },
    };
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
