/** One mail transaction to a next hop over the network. @module */
import { type Log, noLog } from "../net/log.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { hasEightBit } from "../smtp/octets.ts";
import { isPositive, isTransient, reply, SmtpError } from "../smtp/reply.ts";
import { EIGHT_BIT_REFUSAL, refuseMail, refuseRcpt } from "./capability.ts";
import type { Ending } from "./client.ts";
import { type Attempt, Connector, type ConnectorOptions, type Link } from "./connector.ts";
import type { OutletTransaction } from "./outlet.ts";
import {
  endingReply,
  HopError,
  type HopReply,
  type Origin,
  relayedRcptReply,
  relayedReply,
} from "./remote_reply.ts";
import { type RemoteHop, resolveNextHop, type ResolverOptions } from "./resolver.ts";
import { nextHopKey } from "./route.ts";
import type { Sessions } from "./sessions.ts";

/** What a transaction to a next hop over the network needs. */
export interface RemoteOptions extends ConnectorOptions {
  /** How hosts and addresses are found. */
  readonly resolver: ResolverOptions;
  /** Takes what happens; nobody does if left out. */
  readonly log?: Log;
  /** Where sessions come from and go to; each is for one transaction if left out. */
  readonly sessions?: Sessions;
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
  /** Whether a session may be taken that was kept, and whether the link's was. */
  #mayReuse = true;
  #isKept = false;
  /** Whether MAIL was sent in the session of the link, and whether DATA was sent with it. */
  #isBegun = false;
  #isDataAsked = false;
  #accepted = 0;
  /** Whether the next hop has put the whole message off. */
  #isPutOff = false;
  /** Set once the transaction can come to nothing any more. */
  #failure: HopReply | undefined;
  /** Whether the session was given away. */
  #isOver = false;

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

  /**
   * Whether the host that the transaction has gone to offers DSN: it has been told what notices are
   * asked for, and answers for them once it has accepted the message (RFC 3461 section 5.2.1).
   */
  get offersDsn(): boolean {
    return this.#link?.facts.dsn ?? false;
  }

  /** Names one recipient. */
  async rcpt(rcpt: RcptParameters): Promise<HopReply> {
    return (await this.rcpts([rcpt]))[0];
  }

  /**
   * Names recipients, all at once where the next hop has PIPELINING; a reply for each.
   *
   * @param andData whether there will be no others, so that DATA may go out with them
   */
  async rcpts(recipients: readonly RcptParameters[], andData = false): Promise<HopReply[]> {
    while (true) {
      if (this.#link === undefined) await this.#open();
      const link = this.#link;
      if (this.#failure !== undefined || link === undefined) {
        const failure = this.#failure ?? ABORTED;
        return recipients.map(() => failure);
      }
      const outcome = await this.#ask(link, recipients, andData);
      if (Array.isArray(outcome)) {
        this.#accepted += outcome.filter(isPositive).length;
        if (this.#isDataAsked && this.#accepted === 0) await this.data("");
        return outcome;
      }
      if (this.#isKept && this.#failure === undefined && this.#accepted === 0) {
        // A host may end a session that is at rest, or want no more in it, whenever it likes.
        this.#mayReuse = false;
        this.#leave(link);
        continue;
      }
      // Nothing was promised for this transaction, so another host may have it (RFC 5321 section 5.1).
      const mayMoveOn = this.#failure === undefined && this.#accepted === 0;
      if (mayMoveOn && this.#connector?.hasMore) {
        this.#giveUp(link, outcome);
      } else {
        this.#failure ??= outcome;
        this.#isPutOff = isTransient(outcome);
        this.#over(link);
      }
    }
  }

  async #open(): Promise<void> {
    const { signal } = this.#abort;
    const { sessions } = this.#options;
    try {
      const kept = this.#mayReuse ? sessions?.take() : undefined;
      if (kept !== undefined) return this.#begin(kept, true);
      if (this.#connector === undefined) {
        const found = await resolveNextHop(this.#hop, this.#options.resolver, signal);
        if (found.kind === "failure") {
          this.#failure = found.reply;
          sessions?.note(isTransient(found.reply) ? "unreachable" : "answered", found.reply);
          return;
        }
        this.#connector = new Connector(found.targets, this.#hop.kind === "lmtp", this.#options);
      }
      const tried = this.#connector.attempts.length;
      const link = await this.#connector.open(signal);
      for (const attempt of this.#connector.attempts.slice(tried)) {
        this.#logOutcome("attempt-failed", attempt);
      }
      if (link !== undefined) return this.#begin(link, false);
      const { failure, attempts } = this.#connector;
      this.#failure = failure;
      const conduct = isTransient(failure) ? "unreachable" : "answered";
      sessions?.note(conduct, failure, attempts.at(-1));
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#failure = ABORTED;
    }
  }

  /** Begins in a session, if its host can take the message. */
  #begin(link: Link, isKept: boolean): void {
    this.#isKept = isKept;
    const refusal = refuseMail(this.#mail, link.facts);
    if (refusal === undefined) {
      this.#link = link;
    } else {
      this.#fail(refusal);
      this.#over(link);
    }
  }

  #giveUp(link: Link, why: HopReply): void {
    this.#connector?.fail(link, why);
    const attempt = this.#connector?.attempts.at(-1);
    if (attempt !== undefined) this.#logOutcome("attempt-failed", attempt);
    this.#leave(link);
  }

  /** Goes on without a session. */
  #leave(link: Link): void {
    void link.client.quit();
    this.#link = undefined;
    this.#isBegun = false;
    this.#isDataAsked = false;
  }

  /** The transaction is over in this session, which may have another. */
  #over(link: Link): void {
    const { sessions } = this.#options;
    if (sessions === undefined) return void link.client.quit();
    if (this.#isOver) return;
    this.#isOver = true;
    // A session that ended is no trouble where we ended it, or where the host said what it had to say.
    const failure = this.#failure;
    const isTroubled = link.client.ending !== undefined && failure && isTransient(failure);
    const conduct = isTroubled ? "troubled" : this.#isPutOff ? "busy" : "answered";
    sessions.note(conduct, failure, link);
    sessions.give(link);
  }

  /** Tells what one address answered in the end. */
  #logOutcome(event: "attempt-failed" | "relayed", { host, address, port, reply }: Attempt): void {
    const log = this.#options.log ?? noLog;
    const hop = nextHopKey(this.#hop);
    const said = [reply.code, reply.enhanced, ...reply.lines].join(" ");
    // What was relayed from the queue is logged once it is recorded, for each recipient.
    const level = event === "relayed" && this.#options.sessions !== undefined ? "debug" : "info";
    log(level, event, { hop, host, address, port, reply: said });
  }

  /** Sends MAIL, if it is due, and RCPTs; answers a reply for each recipient or one for the host. */
  async #ask(
    link: Link,
    recipients: readonly RcptParameters[],
    andData: boolean,
  ): Promise<HopReply[] | HopReply> {
    const { client, facts } = link;
    const withMail = !this.#isBegun;
    this.#isBegun = true;
    const replies: (HopReply | undefined)[] = recipients.map(({ forwardPath }) =>
      refuseRcpt(forwardPath, facts)
    );
    try {
      if (withMail) client.mail(this.#mail);
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
      return this.#fail(reply(553, "5.1.7", error.message));
    }
    const asked: number[] = [];
    for (const [i, rcpt] of recipients.entries()) {
      if (replies[i] !== undefined) continue;
      try {
        client.rcpt(rcpt);
        asked.push(i);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        replies[i] = reply(553, "5.1.3", error.message);
      }
    }
    if (andData && asked.length > 0) {
      client.data();
      this.#isDataAsked = true;
    }

    if (withMail) {
      const event = await client.event("mail");
      if (event.type !== "reply") return endingReply(endingOf(event), link);
      if (!isPositive(event.reply)) {
        if (this.#isDataAsked) await this.#drain(link, asked.length);
        const said = relayedReply(event.reply, link);
        return isTransient(said) ? said : this.#fail(said);
      }
    }
    for (const i of asked) {
      const event = await client.event("rcpt");
      if (event.type !== "reply") return endingReply(endingOf(event), link);
      replies[i] = relayedRcptReply(event.reply, link);
    }
    return replies.map((answer) => answer ?? ABORTED);
  }

  /** Reads what a host says to the rest of a transaction whose MAIL it refused. */
  async #drain({ client }: Link, recipients: number): Promise<void> {
    for (let i = 0; i < recipients; i++) {
      if ((await client.event("rcpt")).type !== "reply") return;
    }
    await client.event("data");
  }

  /** Notes that no other host will do better. */
  #fail(failure: HopReply): HopReply {
    this.#failure = failure;
    return failure;
  }

  /** Asks the next hop for its go-ahead, and sends the trace. */
  async data(trace: string): Promise<HopReply | void> {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#link === undefined) return ABORTED;
    const { client } = this.#link;
    if (!this.#isDataAsked) client.data();
    const event = await client.event("data");
    if (event.type === "reply") {
      const failure = this.#fail(relayedReply(event.reply, this.#link));
      // Where no recipient was accepted, that is what it was refused for.
      this.#isPutOff = this.#accepted > 0 && isTransient(failure);
      this.#over(this.#link);
      return failure;
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
    if (this.#failure !== undefined || link === undefined) {
      throw new HopError(this.#failure ?? ABORTED);
    }
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
  async end(): Promise<HopReply | readonly HopReply[]> {
    const link = this.#link;
    if (link !== undefined && this.#failure === undefined) {
      await this.#send(link, () => link.client.endOfData());
    }
    const isLmtp = this.#hop.kind === "lmtp";
    const results: HopReply[] = [];
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
    this.#isPutOff = results.every(isTransient);
    if (link !== undefined) this.#over(link);
    return isLmtp ? results : results[0];
  }

  /** Gives up, without leaving anything behind that could be taken for a message. */
  abort(): void {
    this.#failure ??= ABORTED;
    this.#abort.abort();
    if (this.#link !== undefined) this.#over(this.#link);
  }
}

/** The way a session ended; anything else here means that events and commands are out of step. */
function endingOf(event: { readonly type: string }): Ending {
  if (event.type === "closed" || event.type === "fault" || event.type === "lost") {
    return event as Ending;
  }
  throw new Error(`Cannot go on from a ${event.type}`);
}
