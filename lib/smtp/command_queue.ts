/** The commands of a client on their way: held back, sent, answered (RFC 2920). @module */
import type { Mailbox } from "./mailbox.ts";
import type { SenderCommand } from "./sender_events.ts";

/** Something that one reply answers. The greeting and the result of mail data are answers as well. */
export interface Asked {
  /** What it is. */
  readonly name: SenderCommand | "greeting" | "EHLO" | "LHLO" | "HELO" | "BDAT" | "mail data";
  /** The command line with its CR LF; empty where none is sent. */
  readonly line: string;
  /** Whom it is about. */
  readonly mailboxes: readonly Mailbox[];
}

/** Commands in the order in which they were asked, which is the order of their replies. */
export class CommandQueue {
  /** The answered ones, then the sent ones, then those that are held back. */
  #asked: Asked[] = [];
  #answered = 0;
  #sent = 0;

  /** The oldest that was sent and not answered. */
  get awaited(): Asked | undefined {
    return this.#answered < this.#sent ? this.#asked[this.#answered] : undefined;
  }

  /** The oldest that was not sent. */
  get heldBack(): Asked | undefined {
    return this.#asked[this.#sent];
  }

  /** Adds one behind the others, to be held back. */
  add(name: Asked["name"], line: string, mailboxes: readonly Mailbox[] = []): void {
    this.#asked.push({ name, line, mailboxes });
  }

  /** Notes that {@linkcode heldBack} was sent. */
  send(): void {
    this.#sent++;
  }

  /** Notes that {@linkcode awaited} was answered. */
  answer(): void {
    this.#answered++;
    if (this.#answered === this.#asked.length) this.clear();
  }

  /** Forgets all of them. */
  clear(): void {
    this.#asked = [];
    this.#answered = 0;
    this.#sent = 0;
  }
}
