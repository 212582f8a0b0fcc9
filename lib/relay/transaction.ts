/** One mail transaction to a next hop over the network. @module */
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { hasEightBit } from "../smtp/octets.ts";
import { isPositive, isTransient, reply, SmtpError } from "../smtp/reply.ts";
import { EIGHT_BIT_REFUSAL, refuseMail, refuseRcpt } from "./capability.ts";
import type { Ending } from "./client.ts";
import type { Link } from "./connector.ts";
import { HostSearch, type RemoteOptions } from "./host_search.ts";
import type { OutletTransaction } from "./outlet.ts";
import {
  endingReply,
  HopError,
  type HopReply,
  type Origin,
  relayedRcptReply,
  relayedReply,
} from "./remote_reply.ts";
import type { RemoteHop } from "./resolver.ts";

export type { RemoteOptions };

const ABORTED = reply(451, "4.4.2", "The transaction was given up");
const utf8 = new TextEncoder();

/**
 * The transaction. The first recipients open the session; as long as none was accepted, a host that
 * fails is followed by the next. After that its failure is the transaction's.
 */
export class RemoteTransaction implements OutletTransaction {
  readonly #isLmtp: boolean;
  readonly #mail: MailParameters;
  readonly #search: HostSearch;
  readonly #abort = new AbortController();
  #link: Link | undefined;
  /** Whether MAIL was sent in the session of the link, and whether DATA was sent with it. */
  #isBegun = false;
  #isDataAsked = false;
  #accepted = 0;
  /** Whether the next hop has put the whole message off. */
  #isPutOff = false;
  /** Set once the transaction can come to nothing any more. */
  #failure: HopReply | undefined;

  /** Makes a transaction; nothing is looked up or opened before the first recipient. */
  constructor(hop: RemoteHop, mail: MailParameters, options: RemoteOptions) {
    this.#isLmtp = hop.kind === "lmtp";
    this.#mail = mail;
    this.#search = new HostSearch(hop, mail, options);
  }

  /** The host and address that the transaction has gone to, once there is one. */
  get origin(): Origin | undefined {
    return this.#link && { host: this.#link.host, address: this.#link.address };
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
      // Nothing was promised for this transaction, so another host may have it (RFC 5321 section 5.1).
      const mayMoveOn = this.#failure === undefined && this.#accepted === 0;
      if (mayMoveOn && this.#search.leave(link, outcome)) {
        this.#link = undefined;
        this.#isBegun = false;
        this.#isDataAsked = false;
      } else {
        this.#failure ??= outcome;
        this.#isPutOff = isTransient(outcome);
        this.#over(link);
      }
    }
  }

  /** Opens a session whose host can take the message. */
  async #open(): Promise<void> {
    const { signal } = this.#abort;
    try {
      const link = await this.#search.open(signal);
      if ("code" in link) return void this.#fail(link);
      const refusal = refuseMail(this.#mail, link.facts);
      if (refusal === undefined) {
        this.#link = link;
      } else {
        this.#fail(refusal);
        this.#over(link);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#failure = ABORTED;
    }
  }

  /** The transaction is over in this session. */
  #over(link: Link): void {
    this.#search.end(link, this.#failure, this.#isPutOff);
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
    const results: HopReply[] = [];
    while (results.length < (this.#isLmtp ? this.#accepted : 1)) {
      if (this.#failure !== undefined || link === undefined) {
        results.push(this.#failure ?? ABORTED);
        continue;
      }
      const event = await link.client.event("result");
      if (event.type === "result") {
        const result = relayedReply(event.reply, link);
        if (isPositive(result)) {
          this.#search.tell("relayed", { ...link, reply: result }, link.client.tls);
        }
        results.push(result);
      } else {
        this.#fail(endingReply(endingOf(event), link));
      }
    }
    this.#isPutOff = results.every(isTransient);
    if (link !== undefined) this.#over(link);
    return this.#isLmtp ? results : results[0];
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
