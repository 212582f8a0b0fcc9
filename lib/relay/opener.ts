/** Opens a session with one address: the connection, TLS, and the login where there is one. @module */
import { type Clock, systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { connectTcp } from "../net/tcp_transport.ts";
import { secureClient } from "../net/tls_transport.ts";
import type { Transport } from "../net/transport.ts";
import type { EhloFacts } from "../smtp/ehlo_facts.ts";
import { reply, replyText, standingReply } from "../smtp/reply.ts";
import { authenticate } from "./authenticate.ts";
import { Client, type ClientEvent, errorText, type Secured } from "./client.ts";
import type { Candidate, ConnectorOptions, Link } from "./connector.ts";
import type { Credentials } from "./credentials.ts";
import { endingReply, formatOrigin, type HopReply, relayedReply } from "./remote_reply.ts";
import type { StsPolicy } from "./mta_sts/policy.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.ts";
import {
  decideHost,
  decideTls,
  type HopTls,
  type SenderTls,
  type TlsDecision,
  type TlsRefusal,
} from "./tls_decision.ts";
import type { TlsLevel } from "./tls_policy.ts";

/** How a next hop is spoken to. */
export interface Approach {
  /** Whether it speaks LMTP. */
  readonly isLmtp: boolean;
  /** Whether the connection begins with TLS (RFC 8314 section 3.3). */
  readonly isImplicitTls: boolean;
  /** Whether the operator gave the name of the host, and no record did. */
  readonly isNamed: boolean;
  /** How much TLS the operator asks of it. */
  readonly tlsLevel: TlsLevel;
  /** What the domain asks for, if it asks for anything. */
  readonly policy?: StsPolicy;
  /** What the sender of the message asks for. */
  readonly sender: SenderTls;
  /** Who we are to it, where it is to know. */
  readonly credentials?: Credentials;
}

/** Decides whether a message may go in a session, a new one or one that was kept. */
export function decideSession(approach: Approach, hopTls: HopTls): TlsDecision {
  const { isImplicitTls, tlsLevel, policy, sender } = approach;
  // Where TLS comes first there is no session without it.
  const level = isImplicitTls && tlsLevel === "opportunistic" ? "require" : tlsLevel;
  return decideTls(level, policy, hopTls, sender);
}

const NO_TLS = standingReply(451, "4.7.5", "TLS could not be begun in time");

/** TLS could not be begun; printable. */
interface TlsFailure {
  readonly problem: string;
}

/** Opens sessions for a connector. */
export class Opener {
  readonly #approach: Approach;
  readonly #options: ConnectorOptions;
  readonly #limit: (step: keyof Timeouts) => number;
  readonly #clock: Clock;
  readonly #log: Log;

  /** @param limit how long a step may take that begins now */
  constructor(
    approach: Approach,
    options: ConnectorOptions,
    limit: (step: keyof Timeouts) => number,
  ) {
    this.#approach = approach;
    this.#options = options;
    this.#limit = limit;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? noLog;
  }

  /**
   * Opens a session with an address, or answers why there is none: the reply of a host that cannot be
   * had, or the decision that is against one. Once `signal` is aborted it settles soon, and the session is
   * over.
   */
  async open(candidate: Candidate, signal: AbortSignal): Promise<Link | HopReply | TlsRefusal> {
    const { isImplicitTls, policy, sender, credentials } = this.#approach;
    const fit = decideHost(policy, candidate.host, sender);
    if (fit.kind === "refuse") return fit;
    const opened = isImplicitTls
      ? await this.#openInTls(candidate, signal)
      : await this.#openByStartTls(candidate, signal);
    if (!("client" in opened)) return opened;
    const { client, facts, hopTls } = opened;
    const decision = decideSession(this.#approach, hopTls);
    if (decision.kind === "refuse") {
      void client.quit();
      return decision;
    }
    if (credentials !== undefined) {
      const server = { ...candidate, offered: facts.auth };
      const failure = await closing(client, signal, authenticate(client, credentials, server));
      if (failure !== undefined) {
        void client.quit();
        return failure;
      }
    }
    return decision.note === undefined ? opened : { ...opened, tlsNote: decision.note };
  }

  async #openInTls(
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Link | HopReply | TlsRefusal> {
    const transport = await this.#connect(candidate, signal);
    if ("code" in transport) return transport;
    const secured = await this.#handshake(transport, candidate, signal);
    if (!("problem" in secured)) return await this.#greet(secured, candidate, signal);
    const decision = decideSession(this.#approach, this.#failed(candidate, secured));
    return decision.kind === "refuse" ? decision : NO_TLS;
  }

  async #openInPlaintext(candidate: Candidate, signal: AbortSignal): Promise<Link | HopReply> {
    const transport = await this.#connect(candidate, signal);
    return "code" in transport ? transport : await this.#greet(transport, candidate, signal);
  }

  async #openByStartTls(
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Link | HopReply | TlsRefusal> {
    const link = await this.#openInPlaintext(candidate, signal);
    if ("code" in link || !link.facts.startTls) return link;
    const secured = await this.#secure(link, candidate, signal);
    if (!("problem" in secured)) return secured;
    const hopTls = this.#failed(candidate, secured);
    const decision = decideSession(this.#approach, hopTls);
    if (decision.kind === "refuse") return decision;
    if (signal.aborted) return NO_TLS;
    // The session is over, or at least in doubt, and the host is as good without TLS as it was before.
    const again = await this.#openInPlaintext(candidate, signal);
    return "code" in again ? again : { ...again, hopTls };
  }

  /** What is known of a host with which TLS could not be begun. */
  #failed({ host }: Candidate, { problem }: TlsFailure): HopTls {
    return { host, isNamed: this.#approach.isNamed, offersStartTls: true, problem };
  }

  /** Goes on in TLS. */
  async #secure(
    link: Link,
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Link | TlsFailure | HopReply> {
    const { client } = link;
    let failed: TlsFailure | undefined;
    const event = await closing(
      client,
      signal,
      client.starttls(async (transport) => {
        const secured = await this.#handshake(transport, candidate, signal);
        if (!("problem" in secured)) return secured;
        failed = secured;
        throw new Error(secured.problem);
      }),
    );
    switch (event.type) {
      case "ready":
        return this.#link(candidate, client, event.facts);
      case "reply":
        void client.quit();
        return { problem: `it refuses STARTTLS: ${replyText(event.reply).slice(0, 400)}` };
      case "lost":
        return failed ?? { problem: `the session was lost: ${event.text}` };
      default:
        // One that breaks the protocol here may be one that has come between.
        return failureOf(client, event, candidate);
    }
  }

  /** Carries out the handshake; the transport is closed where it fails. */
  async #handshake(
    transport: Transport,
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Secured | TlsFailure> {
    const { secure = secureClient, authorities } = this.#options;
    // An address literal is a name in brackets.
    const serverName = candidate.host.replace(/^\[(?:IPv6:)?(.*)\]$/i, "$1");
    const { host, address, port } = candidate;
    try {
      const late = "the handshake took too long";
      const secured = await this.#within("handshake", late, signal, (signal) => {
        return secure(transport, { serverName, authorities, signal });
      });
      const { version, cipher } = secured.tls;
      this.#log("debug", "hop-secured", { host, address, port, version, cipher });
      return secured;
    } catch (error) {
      transport.close();
      const problem = errorText(error);
      this.#log("debug", "hop-not-secured", { host, address, port, problem });
      return { problem };
    }
  }

  /** Hears the greeting and what the host offers. */
  async #greet(
    transport: Transport | Secured,
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Link | HopReply> {
    const { heloName } = this.#options;
    const client = new Client(transport, {
      heloName,
      lmtp: this.#approach.isLmtp,
      timeouts: this.#timeouts(),
      clock: this.#clock,
    });
    const event = await closing(client, signal, client.event("greeting"));
    return event.type === "ready"
      ? this.#link(candidate, client, event.facts)
      : failureOf(client, event, candidate);
  }

  #link({ host, address, port }: Candidate, client: Client, facts: EhloFacts): Link {
    const { tls } = client;
    const hopTls = {
      host,
      isNamed: this.#approach.isNamed,
      offersStartTls: tls !== undefined || facts.startTls,
      ...tls !== undefined && { tls, offersRequireTls: facts.requireTls },
    };
    return { host, address, port, client, facts, hopTls };
  }

  /** The timeouts of a session; those of its beginning depend on when a step begins. */
  #timeouts(): Timeouts {
    const limit = this.#limit;
    return {
      ...DEFAULT_TIMEOUTS,
      ...this.#options.timeouts,
      get greeting() {
        return limit("greeting");
      },
      get starttls() {
        return limit("starttls");
      },
      get auth() {
        return limit("auth");
      },
    };
  }

  async #connect(candidate: Candidate, signal: AbortSignal): Promise<Transport | HopReply> {
    const { connect = connectTcp } = this.#options;
    const { address: hostname, port } = candidate;
    try {
      return await this.#within("connect", "the connection took too long", signal, (signal) => {
        return connect({ hostname, port, signal });
      });
    } catch (error) {
      const text = `${formatOrigin(candidate)} cannot be reached: ${errorText(error)}`;
      return reply(451, "4.4.1", text);
    }
  }

  /** Does one step with a signal that is aborted when its time is up as well. */
  async #within<T>(
    step: keyof Timeouts,
    late: string,
    signal: AbortSignal,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    const controller = new AbortController();
    const abort = () => controller.abort(signal.reason);
    signal.addEventListener("abort", abort);
    using _timer = this.#clock.after(this.#limit(step), () => controller.abort(new Error(late)));
    try {
      return await run(controller.signal);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

/** Waits for something that a session does, and closes the session once `signal` is aborted. */
async function closing<T>(client: Client, signal: AbortSignal, done: Promise<T>): Promise<T> {
  const close = () => client.close();
  if (signal.aborted) close();
  signal.addEventListener("abort", close);
  try {
    return await done;
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/** Says why a session does not begin. */
function failureOf(client: Client, event: ClientEvent, candidate: Candidate): HopReply {
  switch (event.type) {
    case "refused":
      // A host that wants no mail now, or none at all, says nothing of the other hosts.
      void client.quit();
      return relayedReply(event.reply, candidate);
    case "closed":
    case "fault":
    case "lost":
      return endingReply(event, candidate);
    default:
      client.close();
      throw new Error(`Cannot begin a session with a ${event.type}`);
  }
}
