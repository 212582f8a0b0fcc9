/** The pump of one connection: Transport <-> Receiver <-> policy and intake. @module */
import type { Session } from "../policy/session.ts";
import { Receiver } from "../smtp/receiver.ts";
import { type Reply, replyOctets, standingReply } from "../smtp/reply.ts";
import { ReadBuffer } from "./buffers.ts";
import type { ConnectionContext } from "./connection_context.ts";
import { DataRate } from "./data_rate.ts";
import { Conversation, SHUTTING_DOWN } from "./conversation.ts";
import type { Watched } from "./deadlines.ts";
import { FaultInjector } from "./fault_injector.ts";
import { secureServer } from "./tls_transport.ts";
import type { Transport } from "./transport.ts";

/** How long a handshake may take, in milliseconds, where a command may take longer. */
const HANDSHAKE = 30_000;

/** How long a client that was told to go may take to notice, in milliseconds. */
const LINGER = 2_000;

const IDLE = standingReply(421, "4.4.2", "Timeout, closing connection");
const TOO_SLOW = standingReply(421, "4.4.2", "Mail data comes too slowly, closing connection");
const TOO_LONG = standingReply(421, "4.3.2", "Session lasts too long, connect again");

/** One connection of a client, from its greeting to its end. */
export class Connection implements Watched {
  #transport: Transport;
  readonly #context: ConnectionContext;
  readonly #receiver: Receiver;
  readonly #conversation: Conversation;
  /** What lets it fail, where that is scripted. */
  readonly #injector: FaultInjector | undefined;
  readonly #sessionEnd: number;
  #deadline: number;
  readonly #buffer = new ReadBuffer();
  /** The write under way, which the next one and the next input wait for. */
  #writing: Promise<void> | undefined;
  /** Ends the TLS handshake that is under way. */
  #handshake: AbortController | undefined;
  /** Whether a hook or the intake is being asked. */
  #isBusy = false;
  #isDraining = false;
  /** The last word was said, or nothing more can be. */
  #isOver = false;
  #leave = () => {};
  readonly #dataRate: DataRate;

  /** Takes over a transport; nothing is sent before {@linkcode run}. */
  constructor(transport: Transport, context: ConnectionContext) {
    this.#transport = transport;
    this.#context = context;
    const { limits, service, faults, clock } = context;
    const receiver = new Receiver(context.receiver, service.implicitTls);
    const conversation = new Conversation(context, receiver, transport);
    this.#receiver = receiver;
    this.#conversation = conversation;
    this.#injector = faults && new FaultInjector({
      ...{ faults, conversation, receiver, service, clock },
      abandon: (how, alert) => this.#abandon(how, alert),
    });
    this.#dataRate = new DataRate(limits.minDataRate);
    const now = clock.now();
    this.#sessionEnd = now + limits.sessionTimeout;
    this.#deadline = now + limits.timeout;
  }

  /** What is known of the client. */
  get session(): Session {
    return this.#conversation.session;
  }

  get deadline(): number {
    return this.#deadline;
  }

  /** Serves the client until it or we end the session. Never rejects. */
  run(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#leave = resolve;
    this.#serve().then(resolve);
    return promise;
  }

  async #serve(): Promise<void> {
    const { deadlines } = this.#context;
    deadlines.watch(this);
    try {
      if (this.#context.service.implicitTls !== true || await this.#secure()) await this.#pump();
    } catch (error) {
      if (!this.#isOver) this.#conversation.log("debug", "lost", { error: `${error}` });
    } finally {
      deadlines.forget(this);
      this.#conversation.end();
      this.#buffer.release();
      this.close();
    }
  }

  /** Closes the transport without a word. */
  close(): void {
    this.#isOver = true;
    this.#injector?.end();
    this.#handshake?.abort(new Error("the session was ended here"));
    this.#transport.close();
    if (!this.#isBusy) return;
    // What is being asked may take its time; nobody waits for its answer any more.
    this.#context.deadlines.forget(this);
    this.#leave();
  }

  /** Ends the session as soon as no mail transaction is open: now, or behind the one that is. */
  drain(): void {
    if (this.#injector?.isHanging) return this.close();
    if (this.#isOver) return;
    this.#isDraining = true;
    this.#conversation.beginNoMore();
    if (this.#handshake !== undefined) return this.close();
    if (this.#conversation.hasTransaction || this.#receiver.isInsideUnit) return;
    if (this.#writing === undefined) this.#sayGoodbye(SHUTTING_DOWN);
    else this.#writing.then(() => this.drain());
  }

  /** Ends the session now, whatever it is doing; a second time without waiting for the client. */
  stop(): void {
    if (this.#isOver || this.#handshake !== undefined) this.close();
    else this.#sayGoodbye(SHUTTING_DOWN);
  }

  /** The client has kept us waiting. */
  expire(): void {
    if (this.#isOver) return this.close();
    // In the midst of a handshake there is nothing that could be said.
    if (this.#handshake !== undefined) {
      return this.#handshake.abort(new Error("the handshake took too long"));
    }
    const isSessionOver = this.#deadline === this.#sessionEnd;
    this.#conversation.log("info", "timeout");
    this.#sayGoodbye(isSessionOver ? TOO_LONG : IDLE);
  }

  /** Says a last reply, if the client is not already behind with reading, and closes. */
  #sayGoodbye(farewell: Reply): void {
    this.#isOver = true;
    // What a fault holds up is not done any more: the client is told that it was not.
    this.#injector?.end();
    this.#deadline = this.#context.clock.now() + LINGER;
    if (this.#writing !== undefined) return this.close();
    // Replies that wait for the rest of their batch come first: one may be for a message.
    const before = this.#receiver.takeOutput() ?? new Uint8Array(0);
    const last = replyOctets(farewell);
    const output = new Uint8Array(before.length + last.length);
    output.set(before);
    output.set(last, before.length);
    const close = () => this.close();
    // A client in the middle of something may have input on its way, and the pump lingers for it.
    const isIdle = !this.#isBusy && this.#receiver.state !== "data";
    this.#writing = this.#write(output).then(
      isIdle ? close : () => this.#transport.closeWrite().catch(close),
    );
  }

  /** Runs until the session is over. */
  async #pump(): Promise<void> {
    const receiver = this.#receiver;
    for (;;) {
      let last: Reply | undefined;
      for (;;) {
        const event = receiver.nextEvent();
        if (event === undefined) break;
        if (event.type === "close") last = event.reply;
        const busy = (this.#injector ?? this.#conversation).handle(event);
        if (busy !== undefined) {
          // While a hook or a next hop is asked, the client is not the one who keeps us waiting. One that
          // was abandoned at once has its deadline.
          if (!this.#isOver) this.#deadline = Infinity;
          this.#isBusy = true;
          await busy;
          this.#isBusy = false;
          if (this.#isOver) return this.#linger();
        }
        // What was said keeps its place: a fault at the next step holds back nothing of it.
        if (this.#injector !== undefined) {
          await this.#flush();
          if (this.#isOver) return this.#linger();
        }
      }
      if (this.#isDraining && last === undefined && !this.#conversation.hasTransaction) {
        receiver.close(SHUTTING_DOWN);
        continue;
      }
      const output = receiver.takeOutput();
      this.#moveDeadline(output !== undefined);
      if (output !== undefined) {
        await this.#writing;
        this.#writing = this.#write(output);
      }
      if (receiver.state === "closed") {
        await this.#writing;
        if (last === undefined || last.code === 221) return await this.#endTls();
        this.#isOver = true;
        this.#deadline = this.#context.clock.now() + LINGER;
        await this.#transport.closeWrite();
        return this.#linger();
      }
      if (receiver.state === "securing") {
        await this.#writing;
        if (!await this.#secure()) return;
        receiver.secured();
        continue;
      }
      if (!receiver.needsInput) {
        await this.#writing;
        continue;
      }
      const buffer = this.#buffer.take(receiver.state === "data");
      const length = await this.#transport.read(buffer);
      // Only one reply is ever ahead of the client: a client that does not read is not read from.
      if (this.#writing !== undefined) await this.#writing;
      if (length === null) return;
      this.#buffer.filled(length);
      if (!this.#isOver) this.#countData(length);
      if (this.#isOver) return this.#linger();
      receiver.receive(buffer.subarray(0, length));
    }
  }

  /**
   * Begins TLS; answers whether it could. Behind it there is no way back: neither is anything read in
   * plaintext nor said in it.
   */
  async #secure(): Promise<boolean> {
    const { clock, identity, limits } = this.#context;
    if (identity === undefined) throw new TypeError("Cannot begin TLS without a certificate");
    this.#handshake = new AbortController();
    const { signal } = this.#handshake;
    if (this.#injector !== undefined) {
      this.#deadline = Infinity;
      if (!await this.#injector.handshake()) {
        await this.#linger();
        return false;
      }
    }
    this.#deadline = clock.now() + Math.min(HANDSHAKE, limits.timeout);
    try {
      const transport = await secureServer(this.#transport, identity, { signal });
      this.#transport = transport;
      this.#conversation.secured(transport.tls);
      return true;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#conversation.log("info", "tls-failed", { error: text });
      return false;
    } finally {
      this.#handshake = undefined;
      this.#moveDeadline(true);
    }
  }

  /** Never rejects: when nothing can be written, the next read fails as well. */
  #write(output: Uint8Array): Promise<void> {
    const transport = this.#transport;
    const written = this.#injector?.write(transport, output) ?? transport.write(output);
    return written.then(this.#written, this.#cannotWrite);
  }

  /** Writes what there is, and waits until it is written. */
  async #flush(): Promise<void> {
    const output = this.#receiver.takeOutput();
    if (output === undefined) return;
    this.#moveDeadline(true);
    await this.#writing;
    await (this.#writing = this.#write(output));
  }

  /** Ends what we write, with an alert if one is given, or lets the client wait until it gives up. */
  async #abandon(how: "drop" | "hang", alert?: Uint8Array): Promise<void> {
    const { clock, limits } = this.#context;
    // The reply to QUIT is written already, and is what the client shall not get.
    const isQuit = this.#receiver.state === "closed";
    if (!isQuit) await this.#flush();
    this.#isOver = true;
    if (alert !== undefined) {
      // The client begins a handshake: an alert before that would be plaintext behind our reply.
      this.#deadline = clock.now() + Math.min(HANDSHAKE, limits.timeout);
      await this.#transport.read(this.#buffer.take(false)).catch(() => null);
      await this.#write(alert);
    }
    this.#deadline = clock.now() + (how === "drop" ? LINGER : limits.timeout);
    if (how === "drop") await this.#transport.closeWrite();
  }

  readonly #written = (): void => {
    this.#writing = undefined;
  };

  readonly #cannotWrite = (): void => {
    this.#writing = undefined;
    this.#transport.close();
  };

  /** Gives the client time: for a whole command, however many octets at a time it comes in. */
  #moveDeadline(hasAnswered: boolean): void {
    const { limits, clock } = this.#context;
    const now = clock.now();
    this.#dataRate.wait(now);
    if (this.#receiver.state === "data") {
      this.#deadline = now + limits.dataTimeout;
    } else if (hasAnswered || !this.#receiver.isInsideUnit || this.#deadline === Infinity) {
      this.#deadline = Math.min(now + limits.timeout, this.#sessionEnd);
    }
  }

  /** Ends the session where mail data comes too slowly. */
  #countData(length: number): void {
    if (this.#receiver.state !== "data") return this.#dataRate.forget();
    if (!this.#dataRate.isTooSlow(length, this.#context.clock.now())) return;
    this.#conversation.log("info", "too-slow");
    this.#sayGoodbye(TOO_SLOW);
  }

  /**
   * Says that TLS ends here: a client could not tell an end without that from a connection that somebody
   * has cut (RFC 8446 section 6.1).
   */
  async #endTls(): Promise<void> {
    if (this.session.tls === undefined) return;
    this.#isOver = true;
    this.#deadline = this.#context.clock.now() + LINGER;
    await this.#transport.closeWrite();
  }

  /** Lets the client read the last reply: closing with input unread would take it back (RST). */
  async #linger(): Promise<void> {
    await this.#writing;
    const waste = this.#buffer.take(false);
    while (await this.#transport.read(waste) !== null);
  }
}
