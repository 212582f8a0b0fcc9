/** Opens a session with one address: the connection, TLS, and the login where there is one. @module */
import { type Clock, systemClock } from "../net/clock.ts";
import { connectTcp } from "../net/tcp_transport.ts";
import { secureClient } from "../net/tls_transport.ts";
import type { Transport } from "../net/transport.ts";
import { reply, replyText } from "../smtp/reply.ts";
import { authenticate } from "./authenticate.ts";
import { Client, type ClientEvent, errorText, type Secured } from "./client.ts";
import type { Candidate, ConnectorOptions, Link } from "./connector.ts";
import type { Credentials } from "./credentials.ts";
import { endingReply, formatOrigin, type HopReply, relayedReply } from "./remote_reply.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./timeouts.ts";
import type { TlsLevel } from "./tls_policy.ts";

/** How a next hop is spoken to. */
export interface Approach {
  /** Whether it speaks LMTP. */
  readonly isLmtp: boolean;
  /** Whether the connection begins with TLS (RFC 8314 section 3.3). */
  readonly isImplicitTls: boolean;
  /** How much TLS is asked of it. */
  readonly tlsLevel: TlsLevel;
  /** Who we are to it, where it is to know. */
  readonly credentials?: Credentials;
}

/** Why there is no TLS. */
interface TlsFailure {
  readonly failure: HopReply;
  /** Whether plaintext may be tried where no policy is against it. */
  readonly mayFallBack: boolean;
}

/** Opens sessions for a connector. */
export class Opener {
  readonly #approach: Approach;
  readonly #options: ConnectorOptions;
  readonly #limit: (step: keyof Timeouts) => number;
  readonly #clock: Clock;

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
  }

  /**
   * Opens a session with an address, or answers the reply that says why there is none. Once `signal` is
   * aborted it settles soon, and the session is over.
   */
  async open(candidate: Candidate, signal: AbortSignal): Promise<Link | HopReply> {
    const { isImplicitTls, credentials } = this.#approach;
    const opened = isImplicitTls
      ? await this.#openInTls(candidate, signal)
      : await this.#openByStartTls(candidate, signal);
    if (!("client" in opened) || credentials === undefined) return opened;
    const { client, facts } = opened;
    const server = { ...candidate, offered: facts.auth };
    const failure = await closing(client, signal, authenticate(client, credentials, server));
    if (failure === undefined) return opened;
    void client.quit();
    return failure;
  }

  async #openInTls(candidate: Candidate, signal: AbortSignal): Promise<Link | HopReply> {
    const transport = await this.#connect(candidate, signal);
    if ("code" in transport) return transport;
    const secured = await this.#handshake(transport, candidate, signal);
    return "code" in secured ? secured : await this.#greet(secured, candidate, signal);
  }

  async #openInPlaintext(candidate: Candidate, signal: AbortSignal): Promise<Link | HopReply> {
    const transport = await this.#connect(candidate, signal);
    return "code" in transport ? transport : await this.#greet(transport, candidate, signal);
  }

  async #openByStartTls(candidate: Candidate, signal: AbortSignal): Promise<Link | HopReply> {
    const { tlsLevel } = this.#approach;
    const link = await this.#openInPlaintext(candidate, signal);
    if ("code" in link) return link;
    if (!link.facts.startTls) {
      if (tlsLevel === "opportunistic") return link;
      void link.client.quit();
      const text = `${
        formatOrigin(candidate)
      } offers no TLS (STARTTLS), and there is no mail without`;
      return reply(451, "4.7.4", text);
    }
    const secured = await this.#secure(link, candidate, signal);
    if ("client" in secured) return secured;
    const { failure, mayFallBack } = secured;
    if (tlsLevel !== "opportunistic" || !mayFallBack || signal.aborted) return failure;
    // The session is over, or at least in doubt, and the host is as good without TLS as it was before.
    const again = await this.#openInPlaintext(candidate, signal);
    return "code" in again ? again : { ...again, tlsProblem: failure.lines[0] };
  }

  /** Goes on in TLS. */
  async #secure(
    link: Link,
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Link | TlsFailure> {
    const { client } = link;
    const where = formatOrigin(candidate);
    let failed: HopReply | undefined;
    const event = await closing(
      client,
      signal,
      client.starttls(async (transport) => {
        const secured = await this.#handshake(transport, candidate, signal);
        if (!("code" in secured)) return secured;
        failed = secured;
        throw new Error(secured.lines[0]);
      }),
    );
    switch (event.type) {
      case "ready":
        return { ...link, facts: event.facts };
      case "reply": {
        void client.quit();
        const text = `${where} refuses STARTTLS: ${replyText(event.reply).slice(0, 400)}`;
        return { failure: reply(451, "4.7.4", text), mayFallBack: true };
      }
      case "lost": {
        const text = `${where} was lost in TLS: ${event.text}`;
        return { failure: failed ?? reply(451, "4.7.5", text), mayFallBack: true };
      }
      default:
        // One that breaks the protocol here may be one that has come between.
        return { failure: failureOf(client, event, candidate), mayFallBack: false };
    }
  }

  /** Carries out the handshake; the transport is closed where it fails. */
  async #handshake(
    transport: Transport,
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Secured | HopReply> {
    const { secure = secureClient, authorities } = this.#options;
    const where = formatOrigin(candidate);
    // An address literal is a name in brackets.
    const serverName = candidate.host.replace(/^\[(?:IPv6:)?(.*)\]$/i, "$1");
    let secured: Secured;
    try {
      secured = await this.#within("handshake", "the handshake took too long", signal, (signal) => {
        return secure(transport, { serverName, authorities, signal });
      });
    } catch (error) {
      transport.close();
      return reply(451, "4.7.5", `TLS with ${where} failed: ${errorText(error)}`);
    }
    const { isVerified, problem = "unknown reason" } = secured.tls;
    if (this.#approach.tlsLevel !== "verify" || isVerified) return secured;
    secured.close();
    const text = `The certificate of ${where} is not verified for ${serverName}: ${problem}`;
    return reply(451, "4.7.5", text);
  }

  /** Hears the greeting and what the host offers. */
  async #greet(
    transport: Transport | Secured,
    candidate: Candidate,
    signal: AbortSignal,
  ): Promise<Link | HopReply> {
    const { heloName } = this.#options;
    const { host, address, port } = candidate;
    const client = new Client(transport, {
      heloName,
      lmtp: this.#approach.isLmtp,
      timeouts: this.#timeouts(),
      clock: this.#clock,
    });
    const event = await closing(client, signal, client.event("greeting"));
    return event.type === "ready"
      ? { host, address, port, client, facts: event.facts }
      : failureOf(client, event, candidate);
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
