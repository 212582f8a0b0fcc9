import { assert, assertEquals } from "@std/assert";
import { eventCounters } from "../../lib/metrics/event_counters.ts";
import { eventMetrics } from "../../lib/metrics/event_metrics.ts";
import { Registry } from "../../lib/metrics/registry.ts";
import type { LogFields, LogLevel } from "../../lib/net/log.ts";
import { counted, samplesOf } from "./samples.ts";

const events: readonly (readonly [event: string, LogFields, Record<string, number>])[] = [
  ["connected", { client: "192.0.2.1" }, { "smtpd_sessions_total": 1 }],
  [
    "refused",
    { step: "connect", cause: "rate", code: 421 },
    { 'smtpd_connections_refused_total{reason="rate"}': 1 },
  ],
  [
    "refused",
    { step: "connect", code: 554 },
    { 'smtpd_connections_refused_total{reason="policy"}': 1 },
  ],
  [
    "refused",
    { step: "proxy header", reply: "it did not come in time" },
    { 'smtpd_connections_refused_total{reason="proxy_header"}': 1 },
  ],
  [
    "refused",
    { step: "rcpt", code: 550 },
    { 'smtpd_commands_refused_total{command="rcpt",class="5yz"}': 1 },
  ],
  [
    "refused",
    { step: "mail", code: 450 },
    { 'smtpd_commands_refused_total{command="mail",class="4yz"}': 1 },
  ],
  [
    "refused",
    { step: "end of data", code: 554 },
    { 'smtpd_messages_refused_total{class="5yz"}': 1 },
  ],
  [
    "refused",
    { step: "auth", code: 535, mechanism: "PLAIN" },
    {
      'smtpd_commands_refused_total{command="auth",class="5yz"}': 1,
      'smtpd_auth_total{mechanism="PLAIN",result="failure"}': 1,
    },
  ],
  ["refused", { step: "web login", code: 401 }, { "smtpd_web_logins_refused_total": 1 }],
  [
    "authenticated",
    { account: "joe", mechanism: "SCRAM-SHA-256" },
    { 'smtpd_auth_total{mechanism="SCRAM-SHA-256",result="success"}': 1 },
  ],
  ["accepted", { size: 1234, recipients: 3 }, {
    "smtpd_messages_accepted_total": 1,
    "smtpd_messages_accepted_bytes_total": 1234,
    "smtpd_messages_accepted_recipients_total": 3,
  }],
  ["notice", {}, { "smtpd_notices_total": 1 }],
  ["delivered", {}, { 'smtpd_recipients_total{result="delivered"}': 1 }],
  ["deferred", {}, { 'smtpd_recipients_total{result="deferred"}': 1 }],
  ["failed", {}, { 'smtpd_recipients_total{result="failed"}': 1 }],
  ["hop-suspended", {}, { "smtpd_hops_suspended_total": 1 }],
  [
    "secured",
    { version: "TLSv1.3" },
    { 'smtpd_tls_handshakes_total{direction="in",version="TLSv1.3"}': 1 },
  ],
  [
    "hop-secured",
    { version: "TLSv1.2" },
    { 'smtpd_tls_handshakes_total{direction="out",version="TLSv1.2"}': 1 },
  ],
  ["tls-failed", { session: "s1" }, { 'smtpd_tls_handshakes_failed_total{direction="in"}': 1 }],
  ["tls-failed", { hop: "mx:y.test" }, {}],
  ["hop-not-secured", {}, { 'smtpd_tls_handshakes_failed_total{direction="out"}': 1 }],
  ["queue-full", {}, { 'smtpd_store_errors_total{cause="full"}': 1 }],
  ["queue-failed", {}, { 'smtpd_store_errors_total{cause="failed"}': 1 }],
  ["store-failed", {}, { 'smtpd_store_errors_total{cause="failed"}': 1 }],
  ["flushed", { milliseconds: 3000 }, {
    'smtpd_store_flush_seconds_bucket{le="5.0"}': 1,
    'smtpd_store_flush_seconds_bucket{le="+Inf"}': 1,
    "smtpd_store_flush_seconds_sum": 3,
    "smtpd_store_flush_seconds_count": 1,
  }],
  ["attempted", { kind: "smtps", result: "mixed", milliseconds: 400_000 }, {
    'smtpd_attempts_total{next_hop="smarthost",result="mixed"}': 1,
    'smtpd_attempt_duration_seconds_bucket{next_hop="smarthost",le="600.0"}': 1,
    'smtpd_attempt_duration_seconds_bucket{next_hop="smarthost",le="+Inf"}': 1,
    'smtpd_attempt_duration_seconds_sum{next_hop="smarthost"}': 400,
    'smtpd_attempt_duration_seconds_count{next_hop="smarthost"}': 1,
  }],
  ["closed", { code: 221 }, {}],
];

Deno.test("each event counts for what it tells, once", async (t) => {
  for (const [event, fields, expected] of events) {
    await t.step(`${event} ${JSON.stringify(fields)}`, async () => {
      const metrics = eventMetrics();
      metrics.log("info", event, fields);
      assertEquals(counted(await metrics.format()), expected);
    });
  }
});

Deno.test("warnings and errors are counted whatever they tell, and every event goes on", async () => {
  const lines: unknown[] = [];
  const metrics = eventMetrics((...line) => lines.push(line));
  const told: [LogLevel, string, LogFields][] = [
    ["debug", "a", {}],
    ["info", "b", { x: 1 }],
    ["warn", "c", {}],
    ["error", "d", {}],
    ["error", "e", {}],
  ];
  for (const line of told) metrics.log(...line);
  assertEquals(lines, told);
  assertEquals(counted(await metrics.format()), {
    'smtpd_log_events_total{level="warn"}': 1,
    'smtpd_log_events_total{level="error"}': 2,
  });
});

Deno.test("every event that is counted is one that something tells, and is in the table above", async () => {
  const known = [...eventCounters(new Registry()).keys()].sort();
  assertEquals(
    [...new Set(events.map(([event]) => event))].filter((event) => event !== "closed").sort(),
    known,
  );
  const sources: string[] = [];
  for (const folder of ["net", "relay", "queue", "web", "cli", "inbox"]) {
    const url = new URL(`../../lib/${folder}/`, import.meta.url);
    for (const { name } of Deno.readDirSync(url)) {
      if (name.endsWith(".ts")) sources.push(await Deno.readTextFile(new URL(name, url)));
    }
  }
  const text = sources.join("");
  for (const event of known) assert(text.includes(`"${event}"`), event);
});

Deno.test("100,000 senders and whatever else they say make no series", async () => {
  const metrics = eventMetrics();
  const names = [...eventCounters(new Registry()).keys()];
  const before = [...samplesOf(await metrics.format()).keys()];
  const fields = [
    "step",
    "cause",
    "mechanism",
    "version",
    "kind",
    "result",
    "session",
    "reply",
    "to",
  ];
  for (let i = 0; i < 100_000; i++) {
    const from = `u${i}@d${i}.example`;
    const said = Object.fromEntries(fields.map((field) => [field, `${from}"\n{}`]));
    metrics.log("info", names[i % names.length], {
      ...said,
      from,
      client: `192.0.2.${i}`,
      code: i,
    });
  }
  const after = await metrics.format();
  assertEquals([...samplesOf(after).keys()], before);
  assert(!after.includes("example"));
});

Deno.test("a time of any length has a bucket, and none makes the sum less", async () => {
  const metrics = eventMetrics();
  for (const milliseconds of [1e9, 0.5, 0, -1, NaN, "x", undefined]) {
    metrics.log("debug", "flushed", { milliseconds });
  }
  const samples = samplesOf(await metrics.format());
  assertEquals(samples.get("smtpd_store_flush_seconds_count"), 7);
  assertEquals(samples.get('smtpd_store_flush_seconds_bucket{le="5.0"}'), 6);
  assertEquals(samples.get("smtpd_store_flush_seconds_sum"), 1_000_000.0005);
});
