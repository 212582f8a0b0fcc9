/** What is found out of a running server when somebody asks for its metrics. @module */
import process from "node:process";
import type { Inbox } from "../inbox/inbox.ts";
import type { Clock } from "../policy/clock.ts";
import { freeOctets } from "../queue/disk_space.ts";
import type { Store } from "../queue/store.ts";
import type { Registry } from "./registry.ts";
import { sharedQuestion } from "./shared_question.ts";
import type { StoreHealth } from "./store_health.ts";

/** What is looked at. */
export interface ServerGaugeOptions {
  /** How many sessions are under way. */
  readonly sessions: () => number;
  readonly store: Pick<Store, "stats" | "nextDue">;
  readonly health: () => Promise<StoreHealth>;
  readonly inbox: Pick<Inbox, "condition">;
  /** The state directory. */
  readonly directory: string;
  /** The version of the program. */
  readonly version: string;
  readonly clock: Clock;
}

/** Adds the gauges. What does not answer in five seconds is not shown. */
export function addServerGauges(registry: Registry, options: ServerGaugeOptions): void {
  addSessionGauge(registry, options);
  addQueueGauges(registry, options);
  addInboxGauges(registry, options);
  addProcessGauges(registry);
  const { deno, v8 } = Deno.version;
  const build = { version: options.version, deno, v8, target: Deno.build.target };
  registry.gauge("smtpd_build_info", "The program and what it runs on; always 1.", {
    version: [build.version],
    deno: [deno],
    v8: [v8],
    target: [build.target],
  }).set(build, 1);
}

function addSessionGauge(registry: Registry, { sessions }: ServerGaugeOptions): void {
  const gauge = registry.gauge("smtpd_sessions", "Sessions that are under way.", {});
  registry.onScrape(() => gauge.set({}, sessions()));
}

const STATES = ["queued", "held", "delivered", "failed", "removed"] as const;

function addQueueGauges(
  registry: Registry,
  { store, health, directory, clock }: ServerGaugeOptions,
): void {
  const up = registry.gauge("smtpd_store_up", "Whether all parts of the queue answer.", {});
  const takesMail = registry.gauge(
    "smtpd_ready",
    "Whether mail is taken, as /readyz says: the queue answers and has room.",
    {},
  );
  const answer = registry.gauge(
    "smtpd_store_answer_seconds",
    "How long the queue took to answer, in this scrape.",
    {},
  );
  const recipients = registry.gauge(
    "smtpd_queue_recipients",
    "Recipients by state; those that are finished as long as queueHistory says.",
    { state: STATES },
  );
  const messages = registry.gauge(
    "smtpd_queue_messages",
    "Messages with recipients that are queued or held.",
    {},
  );
  const bytes = registry.gauge("smtpd_queue_bytes", "Octets of these messages.", {});
  const age = registry.gauge(
    "smtpd_queue_oldest_age_seconds",
    "How long ago the oldest of these messages was accepted; 0 where there is none.",
    {},
  );
  const overdue = registry.gauge(
    "smtpd_queue_overdue_seconds",
    "How long the recipient that has waited longest is due and not attempted; 0 where none is.",
    {},
  );
  const free = registry.gauge(
    "smtpd_queue_disk_free_bytes",
    "Octets that are free on the disk of the queue.",
    {},
  );
  const ask = sharedQuestion(
    () => Promise.all([store.stats(), store.nextDue()]).catch(() => undefined),
    clock,
  );
  registry.onScrape(async () => {
    const begun = performance.now();
    const [{ kind }, known] = await Promise.all([
      health().finally(() => answer.set({}, (performance.now() - begun) / 1000)),
      ask(),
    ]);
    up.set({}, kind === "takes mail" || kind === "full" ? 1 : 0);
    takesMail.set({}, kind === "takes mail" ? 1 : 0);
    const [stats, due] = known ?? [];
    for (const state of STATES) recipients.set({ state }, stats?.recipients[state]);
    messages.set({}, stats?.messages);
    bytes.set({}, stats?.octets);
    const secondsSince = (time = Infinity) => Math.max(0, clock.now() - time) / 1000;
    age.set({}, stats && secondsSince(stats.oldest));
    overdue.set({}, stats && secondsSince(due));
    // Without the permission to ask it is infinite.
    const octets = freeOctets(directory);
    free.set({}, octets < Infinity ? octets : undefined);
  });
}

function addInboxGauges(registry: Registry, { inbox, clock }: ServerGaugeOptions): void {
  const messages = registry.gauge("smtpd_inbox_messages", "Messages that the inbox shows.", {});
  const waiting = registry.gauge(
    "smtpd_inbox_waiting_messages",
    "Messages that came, or stand otherwise, and are not in the index of the inbox yet.",
    {},
  );
  const comparing = registry.gauge(
    "smtpd_inbox_comparing",
    "Whether the index of the inbox is still being compared with the whole queue.",
    {},
  );
  const ask = sharedQuestion(() => inbox.condition().catch(() => undefined), clock);
  registry.onScrape(async () => {
    const known = await ask();
    messages.set({}, known?.messages);
    waiting.set({}, known?.waiting);
    comparing.set({}, known && Number(known.isComparing));
  });
}

/** These have the names that Prometheus knows of every program. */
function addProcessGauges(registry: Registry): void {
  const memory = registry.gauge("process_resident_memory_bytes", "Resident memory.", {});
  const time = registry.gauge(
    "process_cpu_seconds_total",
    "Time of processors, of the user and of the system.",
    {},
    "counter",
  );
  const descriptors = registry.gauge(
    "process_open_fds",
    "Open descriptors, where the runtime lets the program count them.",
    {},
  );
  registry.gauge("process_start_time_seconds", "When the program began, since the epoch.", {})
    .set({}, performance.timeOrigin / 1000);
  registry.onScrape(() => {
    memory.set({}, Deno.memoryUsage().rss);
    const { user, system } = process.cpuUsage();
    time.set({}, (user + system) / 1e6);
    descriptors.set({}, openDescriptors());
  });
}

/** Only Linux tells it so, and Deno behind 2.4 lets only those look who have every permission. */
function openDescriptors(): number | undefined {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return undefined;
  }
}
