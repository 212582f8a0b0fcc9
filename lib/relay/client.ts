/** The pump that joins a sender and a transport. @module */
import type { Clock } from "../net/clock.ts";
import type { ClientTlsFacts, SecureTransport } from "../net/tls_transport.ts";
import type { Transport } from "../net/transport.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { isPositive, printable } from "../smtp/reply.ts";
import { Sender, type SenderOptions } from "../smtp/sender.ts";
import type { SenderEvent } from "../smtp/sender_events.ts";
import { SENDER_TRANSITIONS } from "../smtp/sender_transitions.ts";
import type { Timeouts } from "./timeouts.ts";

/** How a session ended before its time; nothing can be sent any more. The texts are printable. */
export type Ending =
  | Extract<SenderEvent, { readonly type: "closed" | "fault" }>
  | { readonly type: "lost"; readonly text: string };

/** What the next hop answered, or how the session ended. */
export type ClientEvent = SenderEvent | Ending;

/** A transport in TLS to a server. */
export type Secured = SecureTransport<ClientTlsFacts>;

/** How to speak and how long to wait. */
export interface ClientOptions extends SenderOptions {
  /** How long to wait for what. */
  readonly timeouts: Timeouts;
  /** Tells the time. */
  readonly clock: Clock;
}

/** Replies are short; a server that sends more at once is read in several steps. */
const BUFFER_SIZE = 4096;
/** After a failed write, how long the reply that explains it may still take to be read. */
const LAST_WORDS = 2_000;

/** What an error says, without what could disturb a log line. */
export function errorText(error: unknown): string {
  return printable(error instanceof Error ? error.message || error.name : String(error));
}

/**
 * One session with a next hop. It reads all the time, so that a refusal in the midst of the mail data
 * is noticed and a next hop that talks while we write cannot block both ends.
 *
 * Commands are queued by {@linkcode mail} to {@linkcode endOfData} and go out with the next
 * {@linkcode event}, which answers them in order. Once the session is over, every further event is
 * its {@linkcode Ending}.
 */
export class Client {
  readonly #sender: Sender;
  #transport: Transport;
  #tls: ClientTlsFacts | undefined;
  readonly #timeouts: Timeouts;
  readonly #clock: Clock;
  readonly #events: SenderEvent[] = [];
  #ending: Ending | undefined;
  readonly #waiting = new Set<() => void>();
  #writes: Promise<void> = Promise.resolve();
  #lastWords: Disposable | undefined;
  #leave: Promise<void> | undefined;

  /**
   * Begins a session on a connection that was just opened, in TLS or not. The first event is `ready` or
   * `refused`.
   *
   * @throws {SyntaxError} if the name in the options is neither a domain nor an address literal
   */
  constructor(transport: Transport | Secured, options: ClientOptions) {
    this.#sender = new Sender(options);
    this.#transport = transport;
    this.#tls = "tls" in transport ? transport.tls : undefined;
    this.#timeouts = options.timeouts;
    this.#clock = options.clock;
    void this.#read();
  }

  /** How the session ended, once it has. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** What is known of the TLS session; nothing in plaintext. */
  get tls(): ClientTlsFacts | undefined {
    return this.#tls;
  }

  /**
   * Asks for TLS, and goes on in it once `upgrade` has carried out the handshake on the transport, from
   * which nothing is read meanwhile. Settles with `ready` (or `refused`) for what the server says of itself
   * in TLS, with the reply that refuses STARTTLS, or with the ending.
   *
   * @throws {Error} if a transaction is under way
   */
  async starttls(upgrade: (transport: Transport) => Promise<Secured>): Promise<ClientEvent> {
    if (this.#ending !== undefined) return this.#ending;
    this.#sender.starttls();
    const event = await this.event("starttls");
    // Octets that came behind the reply in plaintext have ended the session by now.
    if (this.#ending !== undefined) return this.#ending;
    if (event.type !== "reply" || !isPositive(event.reply)) return event;
    try {
      const secured = await upgrade(this.#transport);
      this.#transport = secured;
      this.#tls = secured.tls;
    } catch (error) {
      this.#end({ type: "lost", text: `no TLS: ${errorText(error)}` });
    }
    if (this.#ending !== undefined) {
      this.#transport.close();
      return this.#ending;
    }
    this.#sender.secured();
    void this.#read();
    return await this.event("starttls");
  }

  /** Queues AUTH. Throws as the sender does. */
  auth(mechanism: string, initialResponse?: Uint8Array): void {
    if (this.#ending === undefined) this.#sender.auth(mechanism, initialResponse);
  }

  /** Queues the response to a challenge, unless the server has ended the exchange meanwhile. */
  respond(octets: Uint8Array): void {
    if (this.#sender.state === "challenged") this.#sender.response(octets);
  }

  /** Queues the end of an AUTH exchange. */
  cancelAuth(): void {
    if (this.#sender.state === "challenged") this.#sender.cancelAuth();
  }

  /** Queues MAIL. Throws as the sender does. */
  mail(parameters: MailParameters): void {
    if (this.#ending === undefined) this.#sender.mail(parameters);
  }

  /** Queues RCPT. Throws as the sender does. */
  rcpt(rcpt: RcptParameters): void {
    if (this.#ending === undefined) this.#sender.rcpt(rcpt);
  }

  /** Queues DATA. */
  data(): void {
    if (this.#ending === undefined) this.#sender.data();
  }

  /**
   * Sends a slice of mail data; settles once the transport has taken it, or the session is over.
   *
   * @throws {RangeError} if the mail data has a bare CR or LF
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#sender.content(bytes);
    this.#flush();
    let isWritten = false;
    this.#writes.then(() => {
      isWritten = true;
      this.#wake();
    }, () => {});
    await this.#until(() => isWritten, "block", "taking the mail data");
  }

  /**
   * Queues the end of the mail data.
   *
   * @throws {RangeError} if the mail data ends in a bare CR
   */
  endOfData(): void {
    if (this.#ending === undefined) this.#sender.endOfData();
  }

  /** Whether a transaction can begin now. */
  get isReady(): boolean {
    return this.#sender.state === "ready" && this.#ending === undefined &&
      this.#events.length === 0 && this.#waiting.size === 0;
  }

  /**
   * Drops what is left of a transaction that came to nothing, so that another can begin.
   *
   * @returns whether another can: not in the midst of one, nor once the session is over
   */
  async reset(): Promise<boolean> {
    if (this.isReady) return true;
    const canReset = SENDER_TRANSITIONS[this.#sender.state].RSET !== undefined;
    if (!canReset || this.#ending !== undefined || this.#waiting.size > 0) return false;
    this.#sender.rset();
    const event = await this.event("rset");
    return event.type === "reply" && isPositive(event.reply) && this.isReady;
  }

  /** Waits for the next event, as long as the step that it answers may take. */
  async event(step: keyof Timeouts): Promise<ClientEvent> {
    this.#takeEvents();
    this.#flush();
    await this.#until(() => this.#events.length > 0, step, `the reply (${step})`);
    return this.#events.shift() ?? this.#ending!;
  }

  /**
   * Ends the session with QUIT where that is possible; settles when the connection is closed. In the
   * midst of mail data, and while a reply is waited for, it is closed at once.
   */
  quit(): Promise<void> {
    return this.#leave ??= this.#sayQuit();
  }

  async #sayQuit(): Promise<void> {
    const canQuit = SENDER_TRANSITIONS[this.#sender.state].QUIT !== undefined;
    if (canQuit && this.#ending === undefined && this.#waiting.size === 0) {
      this.#sender.quit();
      this.#flush();
      const isAnswered = () => this.#sender.state === "closed";
      await this.#until(isAnswered, "quit", "the reply to QUIT");
    }
    this.close();
  }

  /** Closes the connection as it is. Mail data that was not ended is not taken for a message. */
  close(): void {
    this.#end({ type: "lost", text: "the connection was closed here" });
  }

  /** Waits until something is so or the session is over, which it is when the time is up. */
  async #until(isSo: () => boolean, step: keyof Timeouts, what: string): Promise<void> {
    if (isSo() || this.#ending !== undefined) return;
    using _timer = this.#clock.after(this.#timeouts[step], () => {
      this.#end({ type: "lost", text: `the time for ${what} is up` });
    });
    while (!isSo() && this.#ending === undefined) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_SIZE);
    try {
      while (this.#ending === undefined) {
        const length = await this.#transport.read(buffer);
        if (length === null) {
          return this.#end({ type: "lost", text: "the other end closed the connection" });
        }
        this.#sender.receive(buffer.subarray(0, length));
        this.#takeEvents();
        this.#flush();
        this.#wake();
        // What comes now is for the handshake to read.
        if (this.#sender.state === "securing") return;
      }
    } catch (error) {
      this.#end({ type: "lost", text: errorText(error) });
    }
  }

  /** Takes what the sender tells, which it may do without the server as well. */
  #takeEvents(): void {
    for (let event; (event = this.#sender.nextEvent()) !== undefined;) {
      if (event.type === "closed" || event.type === "fault") return this.#end(event);
      this.#events.push(event);
    }
  }

  /** Writes what the sender has, behind what is being written. */
  #flush(): void {
    const slices = this.#sender.takeOutput();
    if (slices.length === 0 || this.#ending !== undefined) return;
    this.#writes = this.#writes.then(async () => {
      for (const slice of slices) await this.#transport.write(slice);
    });
    this.#writes.catch((error) => this.#writeFailed(error));
  }

  /** A next hop that refuses and closes makes our write fail; what it said is still to be read. */
  #writeFailed(error: unknown): void {
    if (this.#ending !== undefined) return;
    this.#lastWords ??= this.#clock.after(LAST_WORDS, () => {
      this.#end({ type: "lost", text: errorText(error) });
    });
  }

  #end(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#lastWords?.[Symbol.dispose]();
    this.#transport.close();
    this.#wake();
  }
}
