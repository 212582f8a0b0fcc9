/**
 * Mail without a queue: what the next hop says is what the client is told, while it waits. Nothing is
 * stored, so nothing can be lost.
 *
 * @module
 */
import type { Intake, IntakeTransaction } from "../net/intake.ts";
import { chain } from "../net/maybe_promise.ts";
import type { MaybePromise, RcptDecision } from "../policy/hooks.ts";
import type { RelayingRules } from "../policy/relaying.ts";
import type { Session } from "../policy/session.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { isPositive, type Reply, replyForAll, standingReply } from "../smtp/reply.ts";
import { discard } from "./discard.ts";
import type { NextHop } from "./next_hop.ts";
import type { Outlet, Outlets, OutletTransaction } from "./outlet.ts";
import { parseReleaseRoute } from "./release_route.ts";
import { hopOf, nextHopKey, nextHopOf } from "./route.ts";
import type { Routing } from "./routing.ts";
import { type RemoteOptions, RemoteTransaction } from "./transaction.ts";

/** Where mail goes and how. */
export interface PassThroughOptions {
  /** Where mail for domains that are not local goes. */
  readonly route: Routing;
  /** The relaying rules, for the local domains. Whether a client may relay is asked elsewhere. */
  readonly relaying: RelayingRules;
  /** How next hops are reached over the network. */
  readonly remote: RemoteOptions;
  /** Takes mail for local domains. Without one it is refused for the time being. */
  readonly local?: Outlet;
  /** Takes mail whose route ends on this host. Without them it is refused for the time being. */
  readonly outlets?: Outlets;
}

const OTHER_HOP = standingReply(
  452,
  "4.5.3",
  "This recipient has another next hop than the first; send the message to it separately",
);
/** LMTP (RFC 2033) and programs have a result for each recipient, and the client has room for one. */
const ONE_AT_A_TIME = standingReply(
  452,
  "4.5.3",
  "The next hop answers for each recipient; send the message to the others separately",
);
const NO_RECIPIENTS = standingReply(554, "5.5.1", "No valid recipients");
const NO_OUTLET = standingReply(451, "4.3.5", "Delivery by this route is not set up here");
const NO_LOCAL = standingReply(451, "4.3.5", "Local delivery is not set up here");

/** Begins a transaction to any kind of next hop. */
export function openOutlet(
  hop: NextHop,
  mail: MailParameters,
  options: Pick<PassThroughOptions, "remote" | "local" | "outlets">,
): MaybePromise<OutletTransaction | Reply> {
  switch (hop.kind) {
    case "local":
      return options.local?.(mail) ?? NO_LOCAL;
    case "discard":
      return discard(mail);
    case "maildir":
    case "program":
    case "web":
      return options.outlets?.(hop)?.(mail) ?? NO_OUTLET;
    case "mx":
    case "smtp":
    case "smtps":
    case "lmtp":
      return new RemoteTransaction(hop, mail, options.remote);
  }
}

/** Hands each transaction to the next hop of its first recipient, live. */
export function passThrough(options: PassThroughOptions): Intake {
  return { mail: (session, mail) => new PassThroughTransaction(session, mail, options) };
}

class PassThroughTransaction implements IntakeTransaction {
  readonly #session: Session;
  readonly #mail: MailParameters;
  readonly #options: PassThroughOptions;
  /** The next hop under way, and its key. */
  #outlet: OutletTransaction | undefined;
  #key = "";
  /** Whether the next hop has a result for each recipient. */
  #answersEach = false;
  #accepted = 0;
  #isAborted = false;

  constructor(session: Session, mail: MailParameters, options: PassThroughOptions) {
    this.#session = session;
    this.#mail = mail;
    this.#options = options;
  }

  rcpt(named: RcptParameters, { forwardPaths, route }: RcptDecision = {}): MaybePromise<Reply> {
    if (forwardPaths !== undefined && forwardPaths.length > 1) {
      throw new TypeError(
        "Cannot pass a message on to several mailboxes for one recipient: that takes a queue",
      );
    }
    const rcpt = { ...named, forwardPath: forwardPaths?.[0] ?? named.forwardPath };
    const { route: routing, relaying } = this.#options;
    const hop = route === undefined
      ? nextHopOf(routing, relaying, rcpt.forwardPath)
      : hopOf(parseReleaseRoute(route), rcpt.forwardPath);
    const key = nextHopKey(hop);
    if (this.#accepted > 0) {
      if (key !== this.#key) return OTHER_HOP;
      if (this.#answersEach && this.#session.protocol !== "LMTP") return ONE_AT_A_TIME;
    } else if (this.#outlet !== undefined && key !== this.#key) {
      // All that was asked of the hop before was refused, so it is not needed any more.
      this.#outlet.abort();
      this.#outlet = undefined;
    }
    if (this.#outlet !== undefined) return this.#ask(this.#outlet, rcpt);
    return chain(openOutlet(hop, this.#mail, this.#options), (begun) => {
      if ("code" in begun) return begun;
      this.#outlet = begun;
      this.#key = key;
      this.#answersEach = hop.kind === "lmtp" || hop.kind === "program";
      if (this.#isAborted) begun.abort();
      return this.#ask(begun, rcpt);
    });
  }

  #ask(outlet: OutletTransaction, rcpt: RcptParameters): MaybePromise<Reply> {
    return chain(outlet.rcpt(rcpt), (answer) => {
      if (isPositive(answer)) this.#accepted++;
      return answer;
    });
  }

  data(trace: string): MaybePromise<Reply | void> {
    return this.#outlet === undefined ? NO_RECIPIENTS : this.#outlet.data(trace);
  }

  write(bytes: Uint8Array): MaybePromise<void> {
    return this.#outlet?.write(bytes);
  }

  end(): MaybePromise<Reply | readonly Reply[]> {
    return chain(this.#outlet?.end() ?? NO_RECIPIENTS, (outcome) => {
      return "code" in outcome || this.#session.protocol === "LMTP"
        ? outcome
        : replyForAll(outcome);
    });
  }

  abort(): void {
    this.#isAborted = true;
    this.#outlet?.abort();
  }
}
