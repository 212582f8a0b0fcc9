/** A day of mixed load in minutes: everything that runs for 24 hours is made shorter by the same factor. */
import { assertInvariants } from "../queue/invariants.ts";
import { startClients } from "./crash_clients.ts";
import { type Figures, Ledger } from "./crash_ledger.ts";
import { hostnameOf } from "./crash_life.ts";
import { startReceiver } from "./crash_receiver.ts";
import { eventually, startSmtpd, temporaryDirectory } from "./smtpd.ts";
import { startHop } from "./soak_hop.ts";
import { startReader } from "./soak_reader.ts";
import { descriptorsOf, type Seen, watch } from "./soak_watch.ts";

const DAY = 24 * 3600;

const CLIENTS = 20;

/** Messages a second at the height of the day; at night it is a tenth. */
const MOST_A_SECOND = 60;

/**
 * The times of the server that a day is made shorter with, in seconds. Whoever comes just before the hop has
 * gone for its longest time, and is put off once when it is back, is tried again before the lifetime is over.
 */
const RETRY = [300, 900, 1800, 3600];
const LIFETIME = 6 * 3600;
const HISTORY = 3600;

/** The hours in which the failing hop is down. */
const DOWN: readonly (readonly [from: number, to: number])[] = [[3, 4], [8, 10], [15, 15.5], [
  18,
  19.5,
]];

/** How often the hops are looked after, and how long the server may take to settle, in milliseconds. */
const STEP = 100;
const SETTLE = 60_000;

/**
 * Descriptors that may be open behind a day and were not before: those of the thread that reads messages
 * for the inbox, which is started when the first one is opened, and connections that wait for more.
 */
const KEPT_OPEN = 12;

/** A policy that is asked about every recipient and every message, and lets all pass. */
const HOOKS = `
  export function rcpt(_session, { forwardPath }) {
    if (forwardPath.localPart === "nobody") return { code: 550, enhanced: "5.1.1", text: "No" };
  }
  export async function data(_session, { header, content }) {
    let size = 0;
    for await (const octets of content) size += octets.length;
    if (header.length === 0 || size === 0) return { code: 550, enhanced: "5.6.0", text: "No" };
  }
`;

/** What a soak came to. */
export interface SoakFigures extends Figures, Seen {
  readonly seconds: number;
  /** Descriptors before anything came, and at the end, once all has gone. */
  readonly descriptors: readonly [before: number, after: number];
  readonly putOff: number;
  /** Events of the inbox that its reader has seen, and answers that it got. */
  readonly reader: readonly [events: number, answers: number];
  readonly hangups: number;
  /** Connections that the hop that comes and goes has taken. */
  readonly taken: number;
}

/** Runs it: a day in so many seconds. Fails where a message is not accounted for. */
export async function soak(seconds: number, seed: number): Promise<SoakFigures> {
  const factor = DAY / seconds;
  const shorter = (time: number) => `${Math.max(1, Math.round(time * 1000 / factor))}ms`;
  const ledger = new Ledger(Infinity, (address) => address.endsWith("@two.test"));
  await using receiver = startReceiver(seed, ledger);
  using hop = startHop(receiver.port);
  using gone = startHop(receiver.port);
  gone.up(false);
  using directory = temporaryDirectory();
  const queue = `${directory.path}/queue`;
  const config = `${directory.path}/config.json`;
  Deno.writeTextFileSync(
    config,
    JSON.stringify({
      queueHistory: shorter(HISTORY),
      delayNotice: "never",
      routes: [
        `two.test smtp://127.0.0.1:${hop.port}`,
        `never.test smtp://127.0.0.1:${gone.port}`,
      ],
    }),
  );
  const hooks = `${directory.path}/hooks.js`;
  Deno.writeTextFileSync(hooks, HOOKS);
  await using smtpd = await startSmtpd(
    ...["--hooks", hooks],
    ...["--hostname", hostnameOf(1), "--queue", queue, "--config", config, "--ui", "0"],
    ...["--route", `smtp://127.0.0.1:${receiver.port}`],
    ...["--retry", RETRY.map(shorter).join(","), "--queue-lifetime", shorter(LIFETIME)],
  );
  const url = String((await smtpd.event("listening", { service: "http" })).url);
  /** Waits until nothing is open but what is always open. */
  const idle = async (most: number) =>
    await eventually(async () => {
      const now = await descriptorsOf(smtpd.pid);
      return now <= most ? now : undefined;
    }, () =>
      `more than ${most} descriptors stay open`, SETTLE);
  const before = await descriptorsOf(smtpd.pid);
  const begun = performance.now();
  const spent = () => (performance.now() - begun) / 1000;
  const hour = () => spent() / seconds * 24;
  const seen = watch(smtpd.pid);
  const clients = startClients({
    count: CLIENTS,
    seed,
    oneLargeIn: 100,
    oneInVainIn: 50,
    areSomeRefused: true,
    ledger,
    pace: dayPace(hour),
    destination: () => Promise.resolve({ port: Promise.resolve(smtpd.port), ended: NEVER }),
  });
  const reader = startReader(url);
  let hangups = 0;
  try {
    for (; spent() < seconds; await pause(STEP)) {
      hop.up(!DOWN.some(([from, to]) => hour() >= from && hour() < to));
      // An operator renews a certificate each hour.
      if (hour() > hangups + 1) {
        hangups++;
        Deno.kill(smtpd.pid, "SIGHUP");
      }
    }
  } finally {
    await reader[Symbol.asyncDispose]();
  }
  hop.up(true);
  await clients.stop();
  const machine = await seen.end();
  const left = async () => {
    const { states } = await (await fetch(`${url}api/counts`)).json();
    return states.queued === 0 || undefined;
  };
  await eventually(left, () => "mail stays in the queue", LIFETIME / factor * 1000 + SETTLE);
  const after = await idle(before + KEPT_OPEN);
  await smtpd.stop();
  assertInvariants(queue);
  return {
    ...ledger.check(),
    ...machine,
    seconds,
    descriptors: [before, after],
    putOff: receiver.putOff(),
    reader: [reader.events, reader.asked],
    hangups,
    taken: hop.taken,
  };
}

const NEVER = new Promise<never>(() => {});

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Lets as many messages go as belong to the hour: least at four in the morning, most at four in the afternoon. */
function dayPace(hour: () => number): () => Promise<void> {
  let next = performance.now();
  return async () => {
    const height = 0.55 - 0.45 * Math.cos((hour() - 4) / 24 * 2 * Math.PI);
    const now = performance.now();
    next = Math.max(now, next + 1000 / (MOST_A_SECOND * height));
    await pause(next - now);
  };
}

/** Says in a few lines what a soak came to. */
export function shownSoak(figures: SoakFigures): string {
  const { seconds, acknowledged, delivered, bounced, putOff, duplicates, descriptors, reader } =
    figures;
  const { eighths, growth, mostDescriptors, hangups, taken } = figures;
  return [
    `a day in ${seconds} s: ${acknowledged} messages, ${delivered} recipients delivered, ` +
    `${bounced} bounced, 0 lost, ${duplicates.unrecorded + duplicates.unanswered} copies too many`,
    `  ${putOff} times put off, ${taken} connections to the hop that comes and goes, ` +
    `${hangups} times SIGHUP`,
    `  ${reader[0]} events and ${reader[1]} answers to the reader of the inbox`,
    `  memory in each eighth of the day, MiB: ${eighths.map((mib) => mib.toFixed(0)).join(" ")}; ` +
    `the last quarter is ${growth.toFixed(3)} x the one before`,
    `  descriptors: ${descriptors[0]} before, ${mostDescriptors} at most, ${descriptors[1]} after`,
  ].join("\n");
}
