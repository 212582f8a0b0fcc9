/** One mail transaction to a next hop over the network. @module */
import { type Log, noLog } from "../net/log.ts";
import type { MailParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { hasEightBit } from "../smtp/octets.ts";
import { isPositive, isTransient, type Reply, reply, SmtpError } from "../smtp/reply.ts";
import { EIGHT_BIT_REFUSAL, refuseMail, refuseRcpt } from "./capability.ts";
import type { Ending } from "./client.ts";
import { type Attempt, Connector, type ConnectorOptions, type Link } from "./connector.ts";
import type { OutletTransaction } from "./outlet.ts";
import { endingReply, type Origin, relayedRcptReply, relayedReply } from "./remote_reply.ts";
import { type RemoteHop, resolveNextHop, type ResolverOptions } from "./resolver.ts";
import { nextHopKey } from "./route.ts";

/** What a transaction to a next hop over the network needs. */
export interface RemoteOptions extends ConnectorOptions {
  /** How hosts and addresses are found. */
  readonly resolver: ResolverOptions;
  /** Takes what happens; nobody does if left out. */
  readonly log?: Log;
}

const ABORTED = reply(451, "4.4.2", "The transaction was given up");
const utf8 = new TextEncoder();

/**
 * The transaction. The first recipients open the session; as long as none was accepted, a host that
 * fails is followed by the next. After that its failure is the transaction's.
 */
export class RemoteTransaction implements OutletTransaction {
  readonly #hop: RemoteHop;
  readonly #mail: MailParameters;
  readonly #options: RemoteOptions;
  readonly #abort = new AbortController();
  #connector: Connector | undefined;
  #link: Link | undefined;
  /** Whether MAIL was sent in the session of the link. */
  #isBegun = false;
  #accepted = 0;
  /** Set once the transaction can come to nothing any more. */
  #failure: Reply | undefined;

  /** Makes a transaction; nothing is looked up or opened before the first recipient. */
  constructor(hop: RemoteHop, mail: MailParameters, options: RemoteOptions) {
    this.#hop = hop;
    this.#mail = mail;
    this.#options = options;
  }

  /** The host and address that the transaction has gone to, once there is one. */
  get origin(): Origin | undefined {
    return this.#link && { host: this.#link.host, address: this.#link.address };
  }

  /** The addresses that were tried in vain. */
  get attempts(): readonly Attempt[] {
    return this.#connector?.attempts ?? [];
  }

  /** Names one recipient. */
  async rcpt(mailbox: Mailbox): Promise<Reply> {
    return (await this.rcpts([mailbox]))[0];
  }

  /** Names recipients, all at once where the next hop has PIPELINING; a reply for each. */
  async rcpts(mailboxes: readonly Mailbox[]): Promise<Reply[]> {
    while (true) {
      if (this.#link === undefined) await this.#open();
      const link = this.#link;
      if (this.#failure !== undefined || link === undefined) {
        const failure = this.#failure ?? ABORTED;
        return mailboxes.map(() => failure);
      }
      const outcome = await this.#ask(link, mailboxes);
      if (Array.isArray(outcome)) {
        this.#accepted += outcome.filter(isPositive).length;
        return outcome;
      }
      // Nothing was promised for this transaction, so another host may have it (RFC 5321 section 5.1).
      const mayMoveOn = this.#failure === undefined && this.#accepted === 0;
      if (mayMoveOn && this.#connector?.hasMore) {
        this.#giveUp(link, outcome);
      } else {
        this.#failure ??= outcome;
        void link.client.quit();
      }
    }
  }

  async #open(): Promise<void> {
    const { signal } = this.#abort;
    try {
      if (this.#connector === undefined) {
        const found = await resolveNextHop(this.#hop, this.#options.resolver, signal);
        if (found.kind === "failure") {
          this.#failure = found.reply;
          return;
        }
        this.#connector = new Connector(found.targets, this.#hop.kind === "lmtp", this.#options);
      }
      const tried = this.#connector.attempts.length;
      const link = await this.#connector.open(signal);
      for (const attempt of this.#connector.attempts.slice(tried)) {
        this.#logOutcome("attempt-failed", attempt);
      }
      if (link === undefined) {
        this.#failure = this.#connector.failure;
        return;
      }
      const refusal = refuseMail(this.#mail, link.facts);
      if (refusal === undefined) {
        this.#link = link;
      } else {
        this.#failure = refusal;
        void link.client.quit();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#failure = ABORTED;
    }
  }

  #giveUp(link: Link, why: Reply): void {
    this.#connector?.fail(link, why);
    const attempt = this.#connector?.attempts.at(-1);
    if (attempt !== undefined) this.#logOutcome("attempt-failed", attempt);
    void link.client.quit();
    this.#link = undefined;
    this.#isBegun = false;
  }

  /** Tells what one address answered in the end. */
  #logOutcome(event: "attempt-failed" | "relayed", { host, address, port, reply }: Attempt): void {
    const log = this.#options.log ?? noLog;
    const hop = nextHopKey(this.#hop);
    const said = [reply.code, reply.enhanced, ...reply.lines].join(" ");
    log("info", event, { hop, host, address, port, reply: said });
  }

  /** Sends MAIL, if it is due, and RCPTs; answers a reply for each recipient or one for the host. */
  async #ask(link: Link, mailboxes: readonly Mailbox[]): Promise<Reply[] | Reply> {
    const { client, facts } = link;
    const withMail = !this.#isBegun;
    this.#isBegun = true;
    const replies: (Reply | undefined)[] = mailboxes.map((mailbox) => refuseRcpt(mailbox, facts));
    try {
      if (withMail) client.mail(this.#mail);
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
      return this.#fail(reply(553, "5.1.7", "The reverse-path cannot be sent on"));
    }
    const asked: number[] = [];
    for (const [i, mailbox] of mailboxes.entries()) {
      if (replies[i] !== undefined) continue;
      try {
        client.rcpt(mailbox);
        asked.push(i);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        replies[i] = reply(553, "5.1.3", "The forward-path cannot be sent on");
      }
    }

    if (withMail) {
      const event = await client.event("mail");
      if (event.type !== "reply") return endingReply(endingOf(event), link);
      if (isTransient(event.reply)) return relayedReply(event.reply, link);
      if (!isPositive(event.reply)) return this.#fail(relayedReply(event.reply, link));
    }
    for (const i of asked) {
      const event = await client.event("rcpt");
      if (event.type !== "reply") return endingReply(endingOf(event), link);
      replies[i] = relayedRcptReply(event.reply, link);
    }
    return replies.map((answer) => answer ?? ABORTED);
  }

  /** Notes that no other host will do better. */
  #fail(failure: Reply): Reply {
    this.#failure = failure;
    return failure;
  }

  /** Asks the next hop for its go-ahead, and sends the trace. */
  async data(trace: string): Promise<Reply | void> {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#link === undefined) return ABORTED;
    const { client } = this.#link;
    client.data();
    const event = await client.event("data");
    if (event.type === "reply") {
      void client.quit();
      return this.#fail(relayedReply(event.reply, this.#link));
    }
    if (event.type !== "go ahead") return this.#fail(endingReply(endingOf(event), this.#link));
    try {
      if (trace !== "") await this.write(utf8.encode(trace));
    } catch (error) {
      if (error instanceof SmtpError) return error.reply;
      throw error;
    }
  }

  /**
   * Sends a slice of mail data; settles when the next hop has taken it.
   *
   * @throws {SmtpError} if the next hop refused, was lost, or cannot be sent these octets
   */
  async write(bytes: Uint8Array): Promise<void> {
    const link = this.#link;
    if (this.#failure === undefined && link !== undefined) {
      if (!link.facts.eightBitMime && hasEightBit(bytes)) {
        // What is on its way cannot be taken back but by closing the connection.
        this.#fail(EIGHT_BIT_REFUSAL);
        link.client.close();
      } else {
        await this.#send(link, () => link.client.write(bytes));
      }
    }
    if (this.#failure !== undefined || link === undefined) throw errorOf(this.#failure ?? ABORTED);
  }

  /** Runs one step of sending mail data and notes its failure. */
  async #send(link: Link, step: () => Promise<void> | void): Promise<void> {
    try {
      await step();
      if (link.client.ending !== undefined) this.#fail(endingReply(link.client.ending, link));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fail(reply(554, "5.6.0", "A message with a bare CR or LF is not sent on"));
      link.client.close();
    }
  }

  /** Ends the mail data and waits for what became of it: in LMTP for each recipient. */
  async end(): Promise<Reply | readonly Reply[]> {
    const link = this.#link;
    if (link !== undefined && this.#failure === undefined) {
      await this.#send(link, () => link.client.endOfData());
    }
    const isLmtp = this.#hop.kind === "lmtp";
    const results: Reply[] = [];
    while (results.length < (isLmtp ? this.#accepted : 1)) {
      if (this.#failure !== undefined || link === undefined) {
        results.push(this.#failure ?? ABORTED);
        continue;
      }
      const event = await link.client.event("result");
      if (event.type === "result") {
        const result = relayedReply(event.reply, link);
        if (isPositive(result)) this.#logOutcome("relayed", { ...link, reply: result });
        results.push(result);
      } else {
        this.#fail(endingReply(endingOf(event), link));
      }
    }
    void link?.client.quit();
    return isLmtp ? results : results[0];
  }

  /** Gives up, without leaving anything behind that could be taken for a message. */
  abort(): void {
    this.#failure ??= ABORTED;
    this.#abort.abort();
    void this.#link?.client.quit();
  }
}

/** The way a session ended; anything else here means that events and commands are out of step. */
function endingOf(event: { readonly type: string }): Ending {
  if (event.type === "closed" || event.type === "fault" || event.type === "lost") {
    return event as Ending;
  }
  throw new Error(`Cannot go on from a ${event.type}`);
}

function errorOf({ code, enhanced, lines }: Reply): SmtpError {
  return new SmtpError(code, enhanced, ...lines);
}
