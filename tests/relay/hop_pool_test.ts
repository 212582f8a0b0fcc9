import { assertEquals } from "@std/assert";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import { Client } from "../../lib/relay/client.ts";
import type { Link } from "../../lib/relay/connector.ts";
import { HopPool, type HopPoolOptions, type Visit } from "../../lib/relay/hop_pool.ts";
import type { Conduct } from "../../lib/relay/sessions.ts";
import { DEFAULT_TIMEOUTS } from "../../lib/relay/timeouts.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { type Seen, serve } from "./fake_hosts.ts";
import { SimClock } from "./queue_world.ts";

const BUSY = reply(421, "4.3.2", "busy");
const MINUTE = 60_000;

function poolOf(options: Partial<HopPoolOptions> = {}) {
  const clock = new SimClock();
  const pool = new HopPool({ pause: (times) => times * MINUTE, clock, ...options });
  return { clock, pool };
}

/** Fills a next hop; answers its deliveries. */
function fill(pool: HopPool, key: string): Visit[] {
  const visits: Visit[] = [];
  for (let visit; (visit = pool.enter(key)) !== undefined;) visits.push(visit);
  return visits;
}

function leave(visits: readonly Visit[], conduct: Conduct): void {
  for (const visit of visits) {
    visit.note(conduct, conduct === "answered" ? undefined : BUSY);
    visit.leave();
  }
}

const any = () => true;

/** Opens a session. */
async function open(clock: SimClock): Promise<{ link: Link; seen: Seen }> {
  const [ours, theirs] = memoryPair();
  const seen: Seen = { commands: [], messages: [], ends: [], content: 0 };
  void serve(theirs, {}, seen);
  const client = new Client(ours, { heloName: "us.test", timeouts: DEFAULT_TIMEOUTS, clock });
  const event = await clock.run(client.event("greeting"));
  if (event.type !== "ready") throw new Error("Cannot open a session");
  const { facts } = event;
  const hopTls = { host: "mx.test", offersStartTls: false };
  return { link: { host: "mx.test", address: "192.0.2.1", port: 25, client, facts, hopTls }, seen };
}

Deno.test("pool gives a next hop more as it does well, up to its limit", () => {
  const { pool } = poolOf({ perHop: 9 });
  const sizes: number[] = [];
  for (let round = 0; round < 5; round++) {
    const visits = fill(pool, "a");
    sizes.push(visits.length);
    const [first, ...rest] = visits;
    // One stays under way, so that the next hop is not forgotten.
    leave(rest, "answered");
    leave([first], "answered");
    const keep = pool.enter("a");
    assertEquals(keep === undefined, false);
    keep?.leave();
  }
  assertEquals(sizes[0], 2);
  assertEquals(sizes.every((size) => size <= 9), true);
});

Deno.test("pool grows fast at first, halves on trouble, and grows slowly from there", () => {
  const { pool } = poolOf({ perHop: 100 });
  let visits = fill(pool, "a");
  const sizes = [visits.length];
  for (
    const conduct of [
      "answered",
      "answered",
      "answered",
      "troubled",
      "answered",
      "answered",
    ] as const
  ) {
    const next: Visit[] = [];
    for (const visit of visits) {
      leave([visit], conduct);
      next.push(...fill(pool, "a"));
    }
    visits = next;
    sizes.push(pool.active);
  }
  // All of the sixteen failed of one cause, which counts once.
  assertEquals(sizes, [2, 4, 8, 16, 8, 8, 9]);
});

Deno.test("pool leaves a next hop alone that cannot be reached, and then probes it", async () => {
  const { pool, clock } = poolOf();
  const both = fill(pool, "a");
  assertEquals(both.length, 2);
  leave(both, "unreachable");
  for (let times = 1; times <= 4; times++) {
    const suspension = pool.suspension("a");
    assertEquals(suspension, { until: clock.now() + times * MINUTE, why: BUSY });
    await clock.advance(times * MINUTE - 1);
    assertEquals(pool.suspension("a") === undefined, false);
    await clock.advance(1);
    assertEquals([pool.suspension("a"), pool.isDown("a")], [undefined, true]);
    const probes = fill(pool, "a");
    assertEquals(probes.length, 1);
    leave(probes, "unreachable");
  }
  await clock.advance(5 * MINUTE);
  leave(fill(pool, "a"), "answered");
  assertEquals(pool.isDown("a"), false);
  assertEquals(pool.size, 0);
});

Deno.test("pool suspends a next hop that did well only after failures in a row", () => {
  const { pool } = poolOf({ perHop: 8, initial: 8 });
  leave(fill(pool, "a").slice(0, 1), "answered");
  const limits: number[] = [];
  for (let i = 0; i < 6 && pool.suspension("a") === undefined; i++) {
    const visit = pool.enter("a", true)!;
    leave([visit], "troubled");
    limits.push(pool.limit("a"));
  }
  assertEquals(limits, [4, 2, 1, 1]);
  assertEquals(pool.isDown("a"), true);
});

Deno.test("pool probes at once what an operator wants", () => {
  const { pool } = poolOf();
  leave(fill(pool, "a"), "unreachable");
  pool.forgive();
  assertEquals(pool.suspension("a"), undefined);
  assertEquals(fill(pool, "a").length, 1);
});

Deno.test("pool leaves room for others when one next hop would take all of it", () => {
  const { pool } = poolOf({ total: 20, perHop: 100, initial: 100 });
  assertEquals(fill(pool, "a").length, 10);
  assertEquals(fill(pool, "b").length, 5);
  assertEquals(fill(pool, "c").length, 3);
  assertEquals(fill(pool, "d").length, 1);
  assertEquals(fill(pool, "e").length, 1);
  assertEquals([fill(pool, "f").length, pool.active], [0, 20]);
});

Deno.test("pool has limits of their own for some next hops", () => {
  const { pool } = poolOf({ initial: 50, perHopOf: (key) => key === "slow" ? 1 : undefined });
  assertEquals([fill(pool, "slow").length, fill(pool, "other").length], [1, 20]);
});

Deno.test("pool remembers no more next hops than it may", () => {
  const { pool } = poolOf({ remembered: 10, total: 100 });
  for (let i = 0; i < 1000; i++) leave(fill(pool, `${i}`), "unreachable");
  assertEquals(pool.size, 10);
  assertEquals([pool.isDown("999"), pool.isDown("0")], [true, false]);
  for (let i = 0; i < 1000; i++) leave(fill(pool, `up${i}`), "answered");
  assertEquals(pool.size <= 10, true);
});

Deno.test("pool keeps a session for the same next hop, and not for ever", async (t) => {
  await t.step("for the same next hop", async () => {
    const { pool, clock } = poolOf();
    const { link, seen } = await open(clock);
    const visit = pool.enter("a")!;
    assertEquals(visit.take(any), undefined);
    visit.give(link);
    visit.leave();
    assertEquals(pool.enter("b")!.take(any), undefined);
    const again = pool.enter("a")!;
    assertEquals([again.take(any), again.take(any)], [link, undefined]);
    again.give(link);
    await clock.advance(4_999);
    assertEquals([pool.idle, seen.ends], [1, []]);
    await clock.advance(1);
    assertEquals([pool.idle, seen.ends], [0, ["QUIT"]]);
  });
  await t.step("for what may go in it", async () => {
    const { pool, clock } = poolOf({ initial: 4 });
    const [first, second] = [await open(clock), await open(clock)];
    pool.enter("a")!.give(first.link);
    pool.enter("a")!.give(second.link);
    const visit = pool.enter("a")!;
    assertEquals(visit.take(() => false), undefined);
    assertEquals(visit.take((link) => link === first.link), first.link);
    assertEquals(pool.enter("a")!.take(any), second.link);
  });
  await t.step("for so many messages", async () => {
    const { pool, clock } = poolOf({ messagesPerSession: 3 });
    const { link, seen } = await open(clock);
    pool.enter("a")!.give(link);
    for (let i = 0; i < 2; i++) {
      const visit = pool.enter("a", true)!;
      assertEquals(visit.take(any), link);
      visit.give(link);
    }
    assertEquals(pool.idle, 0);
    await clock.advance(1);
    assertEquals(seen.ends, ["QUIT"]);
  });
  await t.step("until it is too old", async () => {
    const { pool, clock } = poolOf({ idle: 10 * MINUTE, age: MINUTE });
    const { link, seen } = await open(clock);
    pool.enter("a")!.give(link);
    await clock.advance(MINUTE);
    assertEquals(pool.enter("a", true)!.take(any), undefined);
    await clock.advance(1);
    assertEquals(seen.ends, ["QUIT"]);
  });
  await t.step("while it lives", async () => {
    const { pool, clock } = poolOf();
    const { link } = await open(clock);
    pool.enter("a")!.give(link);
    link.client.close();
    assertEquals(pool.enter("a")!.take(any), undefined);
  });
  await t.step("while there is room", async () => {
    const { pool, clock } = poolOf({ total: 2 });
    const opened = [await open(clock), await open(clock), await open(clock)];
    for (const [i, { link }] of opened.entries()) {
      const visit = pool.enter(`${i}`, true)!;
      visit.give(link);
      visit.leave();
    }
    assertEquals(pool.idle, 2);
    await clock.advance(1);
    assertEquals(opened.map(({ seen }) => seen.ends.length), [1, 0, 0]);
  });
  await t.step("until it is closed", async () => {
    const { pool, clock } = poolOf();
    const [first, second] = [await open(clock), await open(clock)];
    pool.enter("a")!.give(first.link);
    const visit = pool.enter("a")!;
    await clock.run(pool.close());
    visit.give(second.link);
    await clock.run(pool.close());
    assertEquals([first.seen.ends, second.seen.ends], [["QUIT"], ["QUIT"]]);
  });
});

Deno.test("pool gives a next hop less when it puts messages off, and never takes it for down", () => {
  const { pool } = poolOf({ perHop: 16, initial: 16 });
  const sizes: number[] = [];
  let visits = fill(pool, "a");
  for (let round = 0; round < 7; round++) {
    sizes.push(visits.length);
    const next: Visit[] = [];
    for (const visit of visits) {
      leave([visit], "busy");
      // Somebody is always there, so that the next hop is not forgotten.
      const entered = pool.enter("a");
      if (entered !== undefined) next.push(entered);
    }
    visits = next;
  }
  assertEquals(sizes, [16, 8, 4, 2, 1, 1, 1]);
  assertEquals(pool.isDown("a"), false);
  assertEquals(pool.suspension("a"), undefined);
});
