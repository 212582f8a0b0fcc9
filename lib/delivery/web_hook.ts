/**
 * Delivery to a web hook: one POST for each transaction, with the message as its body (message/rfc822)
 * and the envelope in header fields. The status of the answer is the outcome.
 *
 * ```abnf
 * Smtp-Reverse-Path = [ mailbox ]          ; empty for the null reverse-path
 * Smtp-Forward-Path = mailbox *( "," mailbox )
 * ```
 *
 * A mailbox is percent-encoded (RFC 3986 section 2.1) but for its `@`, so that nothing in it can end the
 * field. The message goes out as it comes and at the pace of the receiver, and is never held here. Where
 * it breaks off, so does the request, without the end of its body.
 *
 * Neither the URL nor the credentials get into a reply or the log: both may be secret.
 *
 * @module
 */
import { type Clock, systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import type { WebHop } from "../relay/next_hop.ts";
import type { OutletTransaction } from "../relay/outlet.ts";
import { mostRecipients } from "../relay/recipient_limit.ts";
import { webKey } from "../relay/web_route.ts";
import type { RcptParameters } from "../smtp/envelope.ts";
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import { printable, type Reply, reply, standingReply } from "../smtp/reply.ts";
import { FirstLine } from "./first_line.ts";

/** How web hooks are called. */
export interface WebHookOptions {
  /** Where the time comes from. */
  readonly clock?: Clock;
  /** Who is told why a web hook could not be reached. */
  readonly log?: Log;
}

/** How long the receiver may keep us waiting, in all, and with its answer to a message that is whole; in milliseconds. */
const TIME_LIMIT = 5 * 60_000;
const ANSWER_TIME = 60_000;
/** How many octets of an answer are looked at. */
const MAX_ANSWER = 1024;

const RECIPIENT_OK = standingReply(250, "2.1.5", "Recipient ok");
const TOO_MANY = standingReply(452, "4.5.3", "Too many recipients for one request");
const NO_RECIPIENTS = standingReply(554, "5.5.1", "No valid recipients");
const ENDED = standingReply(451, "4.3.0", "This delivery was given up");
const UNREACHED = standingReply(451, "4.4.1", "The web hook cannot be reached now");
const TOO_LONG = standingReply(451, "4.4.2", "The web hook took too long");
const TOO_EARLY = standingReply(451, "4.3.0", "The web hook did not take the whole message");

/** What is worth another try later: 408, 425 and 429 say so themselves (RFC 9110, RFC 8470, RFC 6585). */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425, 429]);

/** Writes a mailbox as it stands in the header fields of a request. */
function encodeMailbox(mailbox: Mailbox): string {
  return encodeURIComponent(formatMailbox(mailbox).toWellFormed()).replaceAll("%40", "@");
}

/** Begins a transaction whose message is posted to a web hook. */
export function beginWebHook(
  hop: WebHop,
  reversePath: Mailbox | null,
  { clock = systemClock, log = noLog }: WebHookOptions = {},
): OutletTransaction {
  return new WebHookTransaction(hop, reversePath, clock, log);
}

class WebHookTransaction implements OutletTransaction {
  readonly #hop: WebHop;
  readonly #reversePath: Mailbox | null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #recipients: Mailbox[] = [];
  readonly #abort = new AbortController();
  #body: WritableStreamDefaultWriter<Uint8Array> | undefined;
  /** The outcome, once there is one; it may be there before the message is whole. */
  #outcome: Promise<Reply> | undefined;
  #isSettled = false;
  /** Whether the body was taken whole, once that is known. */
  readonly #sent = Promise.withResolvers<boolean>();
  /** Why we gave up by ourselves. */
  #reason: Reply | undefined;
  #timeLeft = TIME_LIMIT;

  constructor(hop: WebHop, reversePath: Mailbox | null, clock: Clock, log: Log) {
    this.#hop = hop;
    this.#reversePath = reversePath;
    this.#clock = clock;
    this.#log = log;
  }

  rcpt({ forwardPath }: RcptParameters): Reply {
    if (this.#recipients.length >= mostRecipients(this.#hop)) return TOO_MANY;
    this.#recipients.push(forwardPath);
    return RECIPIENT_OK;
  }

  async data(trace: string): Promise<Reply | void> {
    if (this.#reason !== undefined) return this.#reason;
    if (this.#recipients.length === 0) return NO_RECIPIENTS;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#body = writable.getWriter();
    // Why the body is not wanted any more is told by the outcome.
    this.#body.closed.catch(() => {});
    this.#outcome = this.#post(readable).catch((error) => this.#failed(error)).finally(() => {
      this.#isSettled = true;
    });
    if (trace !== "") await this.write(new TextEncoder().encode(trace));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isSettled || this.#body === undefined) return;
    // The connection may still hold the slice when it is not ours any more.
    const sent = this.#body.write(bytes.slice()).catch(() => this.#sent.resolve(false));
    await this.#waitFor(sent, this.#timeLeft);
  }

  async end(): Promise<Reply> {
    if (this.#outcome === undefined) return this.#reason ?? ENDED;
    if (this.#reason === undefined) {
      const closed = this.#body?.close().then(() => true, () => false) ?? Promise.resolve(false);
      closed.then(this.#sent.resolve);
      await this.#waitFor(closed, this.#timeLeft);
      await this.#waitFor(this.#outcome, Math.min(this.#timeLeft, ANSWER_TIME));
    }
    const outcome = await this.#outcome;
    this.#giveUp(ENDED);
    return outcome;
  }

  abort(): void {
    this.#giveUp(ENDED);
  }

  #giveUp(reason: Reply): void {
    this.#reason ??= reason;
    this.#sent.resolve(false);
    this.#abort.abort();
  }

  /** Waits for a step or the outcome, and gives up when it takes too long. */
  async #waitFor(step: Promise<unknown>, limit: number): Promise<void> {
    const began = this.#clock.now();
    {
      using _limit = this.#clock.after(Math.max(0, limit), () => this.#giveUp(TOO_LONG));
      await Promise.race([step, this.#outcome]);
    }
    this.#timeLeft -= this.#clock.now() - began;
  }

  async #post(body: ReadableStream<Uint8Array>): Promise<Reply> {
    const { url, authorization } = this.#hop;
    const reversePath = this.#reversePath;
    const answer = await fetch(url, {
      method: "POST",
      body,
      // Following would send the message, and the credentials, to somebody who was not named.
      redirect: "manual",
      signal: this.#abort.signal,
      headers: {
        "content-type": "message/rfc822",
        "user-agent": "smtpd",
        "smtp-reverse-path": reversePath === null ? "" : encodeMailbox(reversePath),
        "smtp-forward-path": this.#recipients.map(encodeMailbox).join(","),
        ...authorization !== undefined && { authorization },
      },
    });
    const { status } = answer;
    // A receiver may accept before it has read everything, and a message is only accepted whole.
    if (answer.ok && !await this.#sent.promise) {
      await answer.body?.cancel();
      return this.#reason ?? TOO_EARLY;
    }
    let said = "";
    if (answer.body !== null) {
      const line = new FirstLine(answer.body, { maxOctets: MAX_ANSWER, toTheEnd: false });
      await line.ended;
      line.close();
      said = printable(line.text);
    }
    return replyFor(status, said);
  }

  #failed(error: unknown): Reply {
    if (this.#reason !== undefined) return this.#reason;
    this.#log("warn", "web-hook-failed", {
      hop: webKey(this.#hop),
      error: withoutUrl(error, this.#hop),
    });
    return UNREACHED;
  }
}

/** Says what an error is without the URL, which stands in what `fetch` says. */
function withoutUrl(error: unknown, hop: WebHop): string {
  const told = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const { name, message } = told instanceof Error ? told : new Error(String(told));
  const text = message.replaceAll(hop.url, webKey(hop));
  const { pathname, search } = new URL(hop.url);
  const isBare = (part: string) => part.length < 2 || !text.includes(part);
  return isBare(pathname) && isBare(search) ? text : name;
}

/** Makes the reply of the status of an answer (RFC 9110 section 15) and its first line. */
function replyFor(status: number, said: string): Reply {
  const text = said === "" ? `The web hook answered ${status}` : `${status} ${said}`;
  if (status >= 200 && status < 300) return reply(250, "2.0.0", text);
  if (status >= 300 && status < 400) {
    return reply(
      451,
      "4.3.5",
      `The web hook answered ${status}, a redirection, which is not followed`,
    );
  }
  if (status >= 400 && status < 500 && !TRANSIENT.has(status)) return reply(554, "5.3.0", text);
  return reply(451, "4.3.0", text);
}
