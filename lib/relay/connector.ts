/** Opens a session with the first host of a next hop that wants one. @module */
import { type Clock, systemClock } from "../net/clock.ts";
import type { Log } from "../net/log.ts";
import type { Transport } from "../net/transport.ts";
import type { EhloFacts } from "../smtp/ehlo_facts.ts";
import { isTransient, reply } from "../smtp/reply.ts";
import type { Client, Secured } from "./client.ts";
import { type Approach, Opener } from "./opener.ts";
import type { HopReply, Origin } from "./remote_reply.ts";
import type { Target } from "./resolver.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.ts";
import type { HopTls } from "./tls_decision.ts";

/** Opens a connection to an address; gives up with the reason of the signal. */
export type Connect = (
  options: { hostname: string; port: number; signal: AbortSignal },
) => Promise<Transport>;

/** Carries out a TLS handshake as the client; gives up with the reason of the signal. */
export type Secure = (
  transport: Transport,
  options: {
    readonly serverName: string;
    readonly authorities?: readonly string[];
    readonly signal?: AbortSignal;
  },
) => Promise<Secured>;

/** How to connect and what to say. */
export interface ConnectorOptions {
  /** What we call ourselves in EHLO. */
  readonly heloName: string;
  /** Opens connections; over TCP if left out. */
  readonly connect?: Connect;
  /** Begins TLS; `secureClient` if left out. */
  readonly secure?: Secure;
  /** Authorities whose certificates are trusted beside the system's, as PEM. */
  readonly authorities?: readonly string[];
  /** Timeouts that differ from {@linkcode DEFAULT_TIMEOUTS}. */
  readonly timeouts?: Partial<Timeouts>;
  /** Tells the time; the machine's clock if left out. */
  readonly clock?: Clock;
  /** Takes what happens; nobody does if left out. */
  readonly log?: Log;
}

/** An address that was tried in vain. */
export interface Attempt extends Origin {
  /** The port that was connected to. */
  readonly port: number;
  /** What came of it, as our own reply: 4yz for a connection that failed. */
  readonly reply: HopReply;
  /** Whether it was we who wanted no session for this message. */
  readonly isDecided?: boolean;
}

/** A session in which a mail transaction can begin. */
export interface Link extends Origin {
  /** The port that was connected to. */
  readonly port: number;
  /** The session. */
  readonly client: Client;
  /** What the host offers. */
  readonly facts: EhloFacts;
  /** What is known of its TLS; each message is decided about by it. */
  readonly hopTls: HopTls;
  /** What the log shall tell of its TLS, though mail may go. */
  readonly tlsNote?: string;
}

/** One address of one target. */
export interface Candidate extends Origin {
  /** The port to connect to. */
  readonly port: number;
}

/**
 * Goes through the addresses of the targets, each at most once. What is left after an
 * {@linkcode open} is for the next one, when the session that it gave came to nothing.
 */
export class Connector {
  readonly #candidates: Candidate[];
  readonly #opener: Opener;
  readonly #timeouts: Timeouts;
  readonly #clock: Clock;
  readonly #deadline: number;
  readonly #attempts: Attempt[] = [];

  /** Makes a connector; the time for all its attempts begins to run. */
  constructor(targets: readonly Target[], approach: Approach, options: ConnectorOptions) {
    this.#candidates = targets.flatMap(({ host, addresses, port }) =>
      addresses.map((address) => ({ host, address, port }))
    );
    this.#opener = new Opener(approach, options, (step) => this.#limit(step));
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#clock = options.clock ?? systemClock;
    this.#deadline = this.#clock.now() + this.#timeouts.open;
  }

  /** What was tried in vain, in order. */
  get attempts(): readonly Attempt[] {
    return this.#attempts;
  }

  /** Whether there is an address left that may be tried. */
  get hasMore(): boolean {
    return this.#candidates.length > 0 && this.#clock.now() < this.#deadline;
  }

  /** Notes that a session which was opened came to nothing after all. */
  fail(link: Link, reply: HopReply): void {
    const { host, address, port } = link;
    this.#attempts.push({ host, address, port, reply });
  }

  /** Why there is no session: a passing reason, if there was one, before a lasting one. */
  get failure(): HopReply {
    const replies = this.#attempts.map((attempt) => attempt.reply);
    return replies.findLast(isTransient) ?? replies.at(-1) ??
      reply(451, "4.4.1", "No mail host could be reached in time");
  }

  /**
   * Opens a session with the next host that wants one.
   *
   * @returns nothing when there is none; {@linkcode failure} says why
   * @throws the reason of `signal`, once it is aborted
   */
  async open(signal: AbortSignal): Promise<Link | undefined> {
    while (this.hasMore) {
      const candidate = this.#candidates.shift()!;
      const opened = await this.#opener.open(candidate, signal);
      if (signal.aborted && "client" in opened) opened.client.close();
      signal.throwIfAborted();
      if ("client" in opened) return opened;
      const isDecided = "kind" in opened;
      const reply = isDecided ? opened.reply : opened;
      this.#attempts.push({ ...candidate, reply, ...isDecided && { isDecided } });
    }
    return undefined;
  }

  /**
   * A timeout, or this address's share of the time that is left for all of them, so that a host that
   * takes connections and says nothing leaves some to the next.
   */
  #limit(step: keyof Timeouts): number {
    const left = Math.max(0, this.#deadline - this.#clock.now());
    const share = Math.max(left / (this.#candidates.length + 1), this.#timeouts.connect);
    return Math.min(this.#timeouts[step], share, left);
  }
}
