/** What the connections of a server have in common. @module */
import { ClientLimits } from "../policy/client_limits.ts";
import { queueIds } from "../queue/queue_id.ts";
import type { ReceiverOptions } from "../smtp/receiver_options.ts";
import { standingReply } from "../smtp/reply.ts";
import type { Clock } from "./clock.ts";
import type { ConversationContext } from "./conversation.ts";
import type { Deadlines } from "./deadlines.ts";
import type { ServerOptions, Service } from "./server_options.ts";
import { submissionIntake } from "./submission.ts";

/** What the connections of a server share. */
export interface ConnectionContext extends ServerOptions, ConversationContext {
  /** What is known of clients. */
  readonly clients: ClientLimits;
  /** Where they come in. */
  readonly service: Service;
  /** The clock. */
  readonly clock: Clock;
  /** Who wakes a connection that waits too long. */
  readonly deadlines: Deadlines;
  /** How their receivers behave. */
  readonly receiver: ReceiverOptions;
}

/** What is known of the clients of a server: what it shares with others, or nothing yet. */
export function clientLimitsOf(
  { clients, limits, relaying, submission }: ServerOptions,
  clock: Clock,
): ClientLimits {
  const { relayFrom: exempt } = relaying;
  const accounts = submission?.accounts;
  return clients ?? new ClientLimits({ rates: limits, exempt, accounts, clock });
}

/** Makes what the connections to one service of a server share. */
export function connectionContext(
  options: ServerOptions,
  service: Service,
  clock: Clock,
  deadlines: Deadlines,
): ConnectionContext {
  const { hostname, lmtp, normalizeNewlines, dsn, requireTls, identity, sasl, limits } = options;
  const receiver = {
    hostname,
    lmtp,
    normalizeNewlines,
    dsn,
    requireTls,
    startTls: identity !== undefined,
    auth: sasl !== undefined,
    ...limits,
  };
  return {
    ...options,
    service,
    ...service.submission && {
      mustAuthenticate: true,
      hidesClient: options.submission?.hidesClient,
      intake: submissionIntake(options.intake, { hostname, clock, ...options.submission }),
    },
    clock,
    deadlines,
    clients: clientLimitsOf(options, clock),
    greeting: standingReply(220, undefined, `${hostname} ${lmtp ? "LMTP" : "ESMTP"} smtpd`),
    hello: standingReply(250, undefined, hostname),
    nextMessageId: queueIds(() => clock.now()),
    receiver,
  };
}
