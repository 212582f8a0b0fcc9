/**
 * Counts what happens, by the events of the log: what is counted is what the log tells, and nothing else
 * has to know that it is counted. The level that the log is written from is no matter.
 *
 * @module
 */
import type { Log, LogFields } from "../net/log.ts";
import type { NextHop } from "../relay/next_hop.ts";
import type { Registry } from "./registry.ts";

const REASONS = ["connections", "rate", "early", "proxy_header", "policy"] as const;
const COMMANDS = [
  ...["helo", "mail", "rcpt", "data", "auth", "xclient", "xforward"] as const,
  // What could not be read, or came out of turn.
  "command",
] as const;
const CLASSES = ["4yz", "5yz"] as const;
const MECHANISMS = [
  ...["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"] as const,
  "unknown",
] as const;
const RESULTS = ["delivered", "deferred", "failed"] as const;
const ATTEMPT_RESULTS = [...RESULTS, "mixed"] as const;
const VERSIONS = ["TLSv1.2", "TLSv1.3", "unknown"] as const;
const HOPS = [
  ...["mx", "smarthost", "lmtp", "maildir", "program", "web_hook", "discard"] as const,
  "unknown",
] as const;

/** What next hops are told apart by. */
const HOP_OF: Readonly<Record<NextHop["kind"], typeof HOPS[number]>> = {
  mx: "mx",
  smtp: "smarthost",
  smtps: "smarthost",
  lmtp: "lmtp",
  local: "maildir",
  maildir: "maildir",
  program: "program",
  web: "web_hook",
  discard: "discard",
};

const HOP_BY_KIND: ReadonlyMap<unknown, typeof HOPS[number]> = new Map(Object.entries(HOP_OF));

/** In seconds. A flush takes as long as the disk needs, or many of them where it is slow. */
const FLUSH_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
/** In seconds, up to the time that a host may take for the end of the mail data. */
const ATTEMPT_BOUNDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600];

/** The value if it is one of those, else the one that stands for all others. */
function among<T>(values: readonly T[], value: unknown, other: NoInfer<T>): T {
  return values.includes(value as T) ? value as T : other;
}

/** A counter never goes back, as a time does that a clock was put back in. */
function numberOf(value: LogFields[string]): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

function secondsOf({ milliseconds }: LogFields): number {
  return numberOf(milliseconds) / 1000;
}

function classOf({ code }: LogFields): typeof CLASSES[number] {
  return numberOf(code) < 500 ? "4yz" : "5yz";
}

/** What is done at an event. */
export type EventCounter = (fields: LogFields) => void;

/** Adds the metrics that are counted by events; answers what is done at each of these. */
export function eventCounters(registry: Registry): ReadonlyMap<string, EventCounter> {
  const counters = new Map<string, EventCounter>();
  for (const add of [addSessions, addMessages, addDeliveries, addTls, addStore]) {
    for (const [event, counter] of add(registry)) counters.set(event, counter);
  }
  return counters;
}

/** Counts the events of a log, and hands them on. */
export function countingLog(registry: Registry, log: Log): Log {
  const counters = eventCounters(registry);
  const noted = registry.counter(
    "smtpd_log_events_total",
    "Warnings and errors that were told to the log.",
    { level: ["warn", "error"] },
  );
  return (level, event, fields) => {
    if (level === "warn" || level === "error") noted.add({ level });
    counters.get(event)?.(fields);
    log(level, event, fields);
  };
}

type Counters = readonly (readonly [event: string, counter: EventCounter])[];

function addSessions(registry: Registry): Counters {
  const sessions = registry.counter("smtpd_sessions_total", "Sessions that began.", {});
  const connections = registry.counter(
    "smtpd_connections_refused_total",
    "Connections that were refused, by the limit or the policy that stood against them.",
    { reason: REASONS },
  );
  const commands = registry.counter(
    "smtpd_commands_refused_total",
    "Commands that were refused, by command and class of the reply.",
    { command: COMMANDS, class: CLASSES },
  );
  const messages = registry.counter(
    "smtpd_messages_refused_total",
    "Messages that were refused behind their end, by class of the reply.",
    { class: CLASSES },
  );
  const logins = registry.counter(
    "smtpd_auth_total",
    "Logins by SMTP, by mechanism and result.",
    { mechanism: MECHANISMS, result: ["success", "failure"] },
  );
  const webLogins = registry.counter(
    "smtpd_web_logins_refused_total",
    "Logins to the inbox that were refused.",
    {},
  );
  return [
    ["connected", () => sessions.add({})],
    [
      "authenticated",
      ({ mechanism }) =>
        logins.add({ mechanism: among(MECHANISMS, mechanism, "unknown"), result: "success" }),
    ],
    ["refused", (fields) => {
      const { step, cause, mechanism } = fields;
      switch (step) {
        case "connect":
          return connections.add({ reason: among(REASONS, cause, "policy") });
        case "proxy header":
          return connections.add({ reason: "proxy_header" });
        case "end of data":
          return messages.add({ class: classOf(fields) });
        case "web login":
          return webLogins.add({});
        case "auth":
          logins.add({ mechanism: among(MECHANISMS, mechanism, "unknown"), result: "failure" });
      }
      commands.add({ command: among(COMMANDS, step, "command"), class: classOf(fields) });
    }],
  ];
}

function addMessages(registry: Registry): Counters {
  const messages = registry.counter(
    "smtpd_messages_accepted_total",
    "Messages that were accepted, those of smtpd sendmail too.",
    {},
  );
  const bytes = registry.counter(
    "smtpd_messages_accepted_bytes_total",
    "Octets of the messages that were accepted.",
    {},
  );
  const recipients = registry.counter(
    "smtpd_messages_accepted_recipients_total",
    "Recipients of the messages that were accepted.",
    {},
  );
  const notices = registry.counter(
    "smtpd_notices_total",
    "Notices to senders that were made: of failures, delays and deliveries.",
    {},
  );
  return [
    ["accepted", ({ size, recipients: count }) => {
      messages.add({});
      bytes.add({}, numberOf(size));
      recipients.add({}, numberOf(count));
    }],
    ["notice", () => notices.add({})],
  ];
}

function addDeliveries(registry: Registry): Counters {
  const recipients = registry.counter(
    "smtpd_recipients_total",
    "What became of recipients in an attempt: delivered, deferred to another, or given up.",
    { result: RESULTS },
  );
  const attempts = registry.counter(
    "smtpd_attempts_total",
    "Attempts to deliver a message, by next hop and what they came to for all recipients alike.",
    { next_hop: HOPS, result: ATTEMPT_RESULTS },
  );
  const times = registry.histogram(
    "smtpd_attempt_duration_seconds",
    "How long attempts to deliver took, by next hop.",
    ATTEMPT_BOUNDS,
    { next_hop: HOPS },
  );
  const suspended = registry.counter(
    "smtpd_hops_suspended_total",
    "How often a next hop that is down was left alone.",
    {},
  );
  return [
    ...RESULTS.map((result) => [result, () => recipients.add({ result })] as const),
    ["attempted", (fields) => {
      const next_hop = HOP_BY_KIND.get(fields.kind) ?? "unknown";
      attempts.add({ next_hop, result: among(ATTEMPT_RESULTS, fields.result, "mixed") });
      times.observe({ next_hop }, secondsOf(fields));
    }],
    ["hop-suspended", () => suspended.add({})],
  ];
}

function addTls(registry: Registry): Counters {
  const directions = ["in", "out"] as const;
  const handshakes = registry.counter(
    "smtpd_tls_handshakes_total",
    "TLS sessions that were begun, with clients (in) and next hops (out), by version.",
    { direction: directions, version: VERSIONS },
  );
  const failures = registry.counter(
    "smtpd_tls_handshakes_failed_total",
    "TLS handshakes that failed, with clients (in) and next hops (out).",
    { direction: directions },
  );
  const count = (direction: typeof directions[number]): EventCounter => ({ version }) =>
    handshakes.add({ direction, version: among(VERSIONS, version, "unknown") });
  return [
    ["secured", count("in")],
    ["hop-secured", count("out")],
    ["tls-failed", ({ session }) => {
      // That of a next hop, whose handshake is told by itself, is a remark about one that is used.
      if (session !== undefined) failures.add({ direction: "in" });
    }],
    ["hop-not-secured", () => failures.add({ direction: "out" })],
  ];
}

function addStore(registry: Registry): Counters {
  const times = registry.histogram(
    "smtpd_store_flush_seconds",
    "How long the queue took to write and flush what it was told meanwhile, at once.",
    FLUSH_BOUNDS,
    {},
  );
  const errors = registry.counter(
    "smtpd_store_errors_total",
    "How often the queue could not be written, for lack of room or otherwise.",
    { cause: ["full", "failed"] },
  );
  return [
    ["flushed", (fields) => times.observe({}, secondsOf(fields))],
    ["queue-full", () => errors.add({ cause: "full" })],
    ["queue-failed", () => errors.add({ cause: "failed" })],
    ["store-failed", () => errors.add({ cause: "failed" })],
  ];
}
