/** What a server has answered to a mail transaction so far. @module */
import type { Mailbox } from "./mailbox.ts";
import { isPositive, type Reply } from "./reply.ts";
import type { SenderEvent } from "./sender_events.ts";

/**
 * The transaction whose MAIL was answered last, seen from its replies: who was accepted, and why nobody
 * was where that is so.
 */
export class SenderTransaction {
  #accepted: Mailbox[] = [];
  #refusal: Reply | undefined;
  #mailRefused = false;
  #chunkRefusal: Reply | undefined;

  /** The recipients that were accepted, in their order. */
  get accepted(): readonly Mailbox[] {
    return this.#accepted;
  }

  /** The last refusal of MAIL or of a recipient. */
  get refusal(): Reply | undefined {
    return this.#refusal;
  }

  /** Why the server takes no more chunks of this message. */
  get chunkRefusal(): Reply | undefined {
    return this.#chunkRefusal;
  }

  /** Takes the reply to MAIL, which begins another transaction. */
  mail(reply: Reply): SenderEvent {
    this.#accepted = [];
    this.#mailRefused = !isPositive(reply);
    this.#refusal = this.#mailRefused ? reply : undefined;
    return { type: "reply", command: "MAIL", reply };
  }

  /** Takes the reply to RCPT. Behind a refused MAIL the answer is the reply to MAIL. */
  rcpt(said: Reply, mailbox: Mailbox): SenderEvent {
    let reply = said;
    if (this.#mailRefused) reply = this.#refusal ?? said;
    else if (isPositive(said)) this.#accepted.push(mailbox);
    else this.#refusal = said;
    return { type: "reply", command: "RCPT", reply, mailbox };
  }

  /** Takes the go-ahead for the mail data. */
  goAhead(): void {
    this.#chunkRefusal = undefined;
  }

  /** Takes the reply to a chunk. The first refusal is the one that counts. */
  chunk(reply: Reply): void {
    if (!isPositive(reply)) this.#chunkRefusal ??= reply;
  }

  /** Why a command that was not sent yet has become pointless, where it has. */
  refusalOf(name: "RCPT" | "DATA"): Reply | undefined {
    const isPointless = this.#mailRefused || (name === "DATA" && this.#accepted.length === 0);
    return isPointless ? this.#refusal : undefined;
  }
}
