/** Lets one connection fail as it is scripted. @module */
import type { FaultEffect } from "../policy/faults/fault_rule.ts";
import type { FaultMoment, Faults } from "../policy/faults/faults.ts";
import type { Receiver } from "../smtp/receiver.ts";
import type { ReceiverEvent } from "../smtp/receiver_events.ts";
import type { Clock } from "./clock.ts";
import type { Conversation } from "./conversation.ts";
import type { Service } from "./server_options.ts";
import { serviceName } from "./service_name.ts";
import type { Transport } from "./transport.ts";

/** The connection that fails. */
export interface FaultyConnection {
  readonly faults: Faults;
  readonly conversation: Conversation;
  readonly receiver: Receiver;
  readonly service: Service;
  readonly clock: Clock;
  /**
   * Answers nothing more: closes (`drop`), or lets the client wait until it gives up (`hang`). An alert is
   * its answer to a handshake, once that has begun.
   */
  abandon(how: "drop" | "hang", alert?: Uint8Array): Promise<void>;
}

/** What is new at a moment; the rest is known of the session. */
type Moment = Pick<FaultMoment, "step"> & Partial<FaultMoment>;

/** A fatal alert, handshake_failure, in a record of its own (RFC 8446 sections 5.1 and 6). */
const HANDSHAKE_FAILURE = Uint8Array.of(21, 3, 3, 0, 2, 2, 40);

/** Stands between a connection and its conversation, where something is scripted. */
export class FaultInjector {
  readonly #connection: FaultyConnection;
  /** How far apart the octets of the next reply are, where it is to be slow. */
  #interval: number | undefined;
  /** The mail data of the message that is coming, in octets so far. */
  #octets = 0;
  #isHanging = false;
  #isOver = false;
  #wake = () => {};

  /** Asks the faults of a connection. */
  constructor(connection: FaultyConnection) {
    this.#connection = connection;
  }

  /** Whether the client waits for what will not come. */
  get isHanging(): boolean {
    return this.#isHanging;
  }

  /** The session is over: nothing waits any more. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Deals with an event as scripted, or as the conversation does. */
  async handle(event: ReceiverEvent): Promise<void> {
    for (const moment of this.#momentsOf(event)) {
      const effect = this.#meet(moment);
      if (effect !== undefined && !await this.#play(effect, event)) return;
    }
    await this.#connection.conversation.handle(event);
  }

  /** Plays what is scripted for the handshake; answers whether it is to be made. */
  async handshake(): Promise<boolean> {
    const effect = this.#meet({ step: "tls" });
    return effect === undefined || await this.#play(effect);
  }

  /** Writes replies, slowly if the last of them is to be slow. */
  async write(transport: Transport, output: Uint8Array): Promise<void> {
    const interval = this.#interval;
    this.#interval = undefined;
    if (interval === undefined || this.#isOver) return await transport.write(output);
    for (let i = 0; i < output.length && !this.#isOver; i++) {
      if (i > 0) await this.#pause(interval);
      await transport.write(output.subarray(i, i + 1));
    }
  }

  /** Where something may fail at an event: at one step or none, but at any place of mail data. */
  #momentsOf(event: ReceiverEvent): Moment[] {
    switch (event.type) {
      case "connect":
      case "starttls":
      case "auth":
      case "end":
        return [{ step: event.type }];
      case "helo":
        return [{ step: event.verb === "HELO" ? "helo" : "ehlo", heloName: event.name }];
      case "mail":
        return [{ step: "mail", reversePath: event.mail.reversePath }];
      case "rcpt":
        return [{ step: "rcpt", forwardPaths: [event.rcpt.forwardPath] }];
      case "data":
        this.#octets = 0;
        return [{ step: "data" }];
      case "content": {
        const first = this.#octets;
        this.#octets += event.bytes.length;
        return this.#connection.faults.placesIn(first, this.#octets)
          .map((octets) => ({ step: "content", octets }));
      }
      case "close":
        return event.reply.code === 221 ? [{ step: "quit" }] : [];
      default:
        return [];
    }
  }

  /** Asks what is to happen, and logs what does. */
  #meet(moment: Moment): FaultEffect | undefined {
    const { faults, conversation, receiver, service } = this.#connection;
    const { remote, heloName } = conversation.session;
    const { reversePath, forwardPaths } = receiver.envelope ?? {};
    const rule = faults.meet({
      client: remote.address,
      service: serviceName(service),
      heloName,
      reversePath,
      forwardPaths,
      ...moment,
    });
    if (rule === undefined) return undefined;
    conversation.log("info", "fault", { step: moment.step, rule: rule.text });
    return rule.effect;
  }

  /** Does what is scripted; answers whether all else goes on as ever. */
  async #play(effect: FaultEffect, event?: ReceiverEvent): Promise<boolean> {
    switch (effect.kind) {
      case "reply":
        if (event !== undefined) this.#connection.conversation.refuse(event, effect.reply);
        return false;
      case "delay":
        await this.#pause(effect.duration);
        return !this.#isOver;
      case "slow":
        this.#interval = effect.interval;
        return true;
      case "hang":
        this.#isHanging = true;
        await this.#connection.abandon("hang");
        return false;
      case "drop":
        await this.#connection.abandon("drop");
        return false;
      case "fail":
        await this.#connection.abandon("drop", HANDSHAKE_FAILURE);
        return false;
    }
  }

  /** Waits, but not longer than the connection lasts. */
  async #pause(duration: number): Promise<void> {
    if (this.#isOver) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    using _ = this.#connection.clock.after(duration, resolve);
    await promise;
  }
}
