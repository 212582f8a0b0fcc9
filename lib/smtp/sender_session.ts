/** What a sender's commands and the answers to them have in common: where the session stands. @module */
import { type Asked, CommandQueue } from "./command_queue.ts";
import { writeHello } from "./command_writer.ts";
import { type EhloFacts, NO_FACTS } from "./ehlo_facts.ts";
import { MailDataEncoder } from "./mail_data_encoder.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Reply } from "./reply.ts";
import type { SenderAuthentication } from "./sender_authentication.ts";
import type { SenderEvent } from "./sender_events.ts";
import { SenderTransaction } from "./sender_transaction.ts";
import {
  SENDER_TRANSITIONS,
  type SenderAction,
  type SenderState,
  type SenderTurn,
} from "./sender_transitions.ts";
import { SenderWire } from "./sender_wire.ts";

/** How a sender speaks. */
export interface SenderOptions {
  /** What the client calls itself: its domain, or an address literal in brackets. */
  readonly heloName: string;
  /** Whether the server speaks LMTP (RFC 2033): LHLO, and a result for each recipient. */
  readonly lmtp?: boolean;
}

/** The session of a sender. */
export class SenderSession {
  /** Whether the server speaks LMTP. */
  readonly lmtp: boolean;
  /** What came and what is to be written. */
  readonly wire: SenderWire = new SenderWire();
  /** The commands under way. */
  readonly queue: CommandQueue = new CommandQueue();
  /** What was answered to the mail transaction. */
  readonly transaction: SenderTransaction = new SenderTransaction();
  /** What the server offers. */
  facts: EhloFacts = NO_FACTS;
  /** The AUTH exchange under way. */
  authentication: SenderAuthentication | undefined;
  /** Writes the mail data of the message under way. */
  encoder: MailDataEncoder = new MailDataEncoder();
  /** Whether mail data that is for nobody was ended, and its result is awaited. */
  isDotSent = false;
  readonly #heloName: string;
  #state: SenderState = "greeting";

  /**
   * Makes the session for a connection that was just opened.
   *
   * @throws {SyntaxError} if the name is neither a domain nor an address literal
   */
  constructor({ heloName, lmtp = false }: SenderOptions) {
    writeHello("EHLO", heloName);
    this.#heloName = heloName;
    this.lmtp = lmtp;
    this.queue.add("greeting", "");
    this.queue.send();
  }

  /** Where the session stands. */
  get state(): SenderState {
    return this.#state;
  }

  /**
   * Whether mail data goes in chunks. LMTP's replies to them differ from server to server, and without
   * PIPELINING each would take a round trip.
   */
  get isInChunks(): boolean {
    return this.facts.chunking && this.facts.pipelining && !this.lmtp;
  }

  /**
   * The state that the table says an action leads to.
   *
   * @throws {Error} if it may not be done now
   */
  after(action: SenderAction): SenderState {
    const next = SENDER_TRANSITIONS[this.#state][action];
    if (next === undefined) {
      throw new Error(`Cannot send ${action} in the state "${this.#state}"`);
    }
    return next;
  }

  /** Goes to a state that {@linkcode after} gave. */
  enter(next: SenderState): void {
    this.#state = next;
  }

  /** Goes where a reply leads to. */
  turn(turn: SenderTurn): void {
    const next = SENDER_TRANSITIONS[this.#state][turn];
    if (next === undefined) throw new Error(`Cannot be ${turn} in the state "${this.#state}"`);
    this.#state = next;
  }

  /** Queues a command. */
  ask(name: Asked["name"], line: string, next: SenderState, mailboxes: Mailbox[] = []): void {
    this.#state = next;
    this.queue.add(name, line, mailboxes);
    this.flush();
  }

  /** Queues the command that begins a session, of the kind that the server is to be asked by. */
  hello(verb: "EHLO" | "HELO" = "EHLO"): void {
    const said = this.lmtp ? "LHLO" : verb;
    this.queue.add(said, writeHello(said, this.#heloName));
  }

  /** Sends what need not be held back any more. */
  flush(): void {
    for (let command; (command = this.queue.heldBack) !== undefined; this.queue.send()) {
      if (this.queue.awaited !== undefined && !this.facts.pipelining) return;
      if (this.refusalOf(command) !== undefined || this.isUnsaid(command)) return;
      this.wire.say(command.line);
    }
  }

  /** Why a command that was held back has become pointless, where it has. */
  refusalOf({ name }: Asked): Reply | undefined {
    if (this.queue.awaited !== undefined || (name !== "RCPT" && name !== "DATA")) return undefined;
    return this.transaction.refusalOf(name);
  }

  /** Whether a command is answered here: DATA where chunks are sent instead, the end of refused ones. */
  isUnsaid({ name }: Asked): boolean {
    return name === "DATA" ? this.isInChunks : name === "mail data";
  }

  /** Ends the session. What waited to be written would come too late. */
  close(event: SenderEvent): SenderEvent {
    this.#state = "closed";
    this.wire.reset();
    this.queue.clear();
    return event;
  }
}
