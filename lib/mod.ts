/**
 * The building blocks of a mail server: one that gives you sessions, sessions that give you messages,
 * a relay that you can hand a message to, and the protocol itself without any I/O.
 *
 * @example A mail relay.
 * ```ts
 * import { listen, relay } from "@smtpd/smtpd";
 *
 * await using server = listen({ port: 0, hosts: ["127.0.0.1"] }, async (session) => {
 *   for await (const mail of session.process()) {
 *     mail.accept(await relay(mail)); // 250 only after the next hop's
 *   }
 * });
 * console.log(`smtp://127.0.0.1:${server.port}`);
 * ```
 *
 * @module
 */
export {
  type IncomingSession,
  listen,
  type ListeningServer,
  type ListenOptions,
  type SessionHandler,
} from "./net/listen.ts";
export type { IncomingMail } from "./net/incoming_mail.ts";
export type { Clock } from "./net/clock.ts";
export type { ServerCertificate } from "./net/tls_identity.ts";
export type { Log, LogFields, LogLevel } from "./net/log.ts";
export { ListenError, type ListeningEndpoint, type RunningServer } from "./net/server.ts";
export type { ServerLimits, Service } from "./net/server_options.ts";
export type { ClientRates } from "./policy/client_limits.ts";
export type { Rate } from "./policy/rate.ts";

export type {
  DataDecision,
  Hooks,
  IncomingMessage,
  MaybePromise,
  RcptDecision,
  Verdict,
} from "./policy/hooks.ts";
export { parseFault } from "./policy/faults/fault_parser.ts";
export type {
  FaultConditions,
  FaultEffect,
  FaultRule,
  FaultStep,
  FaultTurns,
  ServiceName,
} from "./policy/faults/fault_rule.ts";
export {
  type FaultCount,
  type FaultMoment,
  type FaultOptions,
  Faults,
  type FaultScope,
} from "./policy/faults/faults.ts";
export type { Cidr, Ip } from "./policy/network.ts";
export type { HookAnswer, HookRefusal, HooksModule, HookStep } from "./hooks/hooks_module.ts";
export type { Account, Accounts } from "./policy/accounts.ts";
export { makeVerifier, type ScramVerifier } from "./policy/scram_verifier.ts";
export type { AuthOptions, BearerToken, SaslSession } from "./policy/sasl.ts";
export type { Endpoint, Session, TlsFacts, Upstream } from "./policy/session.ts";
export type { HeaderField } from "./message/header.ts";
export type { HeaderChange } from "./message/header_changes.ts";

export {
  type InboxMail,
  type NextOptions,
  openInbox,
  type OpenInboxOptions,
  type TestInbox,
} from "./inbox/open_inbox.ts";
export type { ReleaseOptions } from "./inbox/inbox.ts";
export type { Content, ContentPart, HeaderAddress } from "./inbox/content.ts";
export type { MessageState, Search, Summary } from "./inbox/message_index.ts";

export { type EventMetrics, eventMetrics } from "./metrics/event_metrics.ts";
export type { ExpositionFormat } from "./metrics/exposition.ts";

export { mtaSts, type MtaStsOptions, relay, type RelayOptions } from "./relay/relay.ts";
export type { StsPolicies, StsPolicy } from "./relay/mta_sts.ts";
export type { TlsLevel } from "./relay/tls_policy.ts";
export type { OutgoingMessage, RelayResult } from "./relay/offer.ts";
export type { HopReply, Origin } from "./relay/remote_reply.ts";

export type { DsnMailParameters, DsnRcptParameters, Notify, Ret } from "./smtp/dsn_parameters.ts";
export type { BodyType, Envelope, MailParameters, RcptParameters } from "./smtp/envelope.ts";
export { formatMailbox, formatPath, type Mailbox, needsUtf8 } from "./smtp/mailbox.ts";
export {
  formatReply,
  isPermanent,
  isPositive,
  isTransient,
  printable,
  type Reply,
  reply,
  replyForAll,
  SmtpError,
} from "./smtp/reply.ts";
