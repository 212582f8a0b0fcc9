/** A run of the crash test: kills the server again and again under load, then checks every promise. */
import { assert, assertEquals } from "@std/assert";
import { assertInvariants } from "../queue/invariants.ts";
import { seeded } from "../smtp/wire.ts";
import type { Figures } from "./crash_ledger.ts";
import type { Life } from "./crash_life.ts";
import { type Kill, KILL_POINTS } from "./crash_points.ts";
import type { Receiver } from "./crash_receiver.ts";
import { CrashWorld, inTime } from "./crash_world.ts";

/** How one life ends. */
type End =
  | { readonly kind: "point"; readonly kill: Kill }
  /** So many milliseconds behind its start, or behind the moment from which on it takes mail. */
  | { readonly kind: "time"; readonly since: "start" | "open"; readonly after: number };

/** Plans the ends: a third of them at random times, and every point, as long as there are enough. */
function planEnds(seed: number, count: number, points: typeof KILL_POINTS): End[] {
  const below = seeded(seed);
  const inSomeOrder = shuffled(points, below);
  const atPoints = Math.min(count, Math.max(points.length, Math.round(count * 2 / 3)));
  const ends = Array.from({ length: count }, (_, i): End => {
    if (i < atPoints) {
      const point = inSomeOrder[i % points.length];
      const isRare = /^blob|^notice|^removal/.test(point);
      return { kind: "point", kill: { point, skip: below(isRare ? 4 : 60) } };
    }
    return below(4) === 0
      ? { kind: "time", since: "start", after: below(400) }
      : { kind: "time", since: "open", after: below(600) };
  });
  return shuffled(ends, below);
}

function shuffled<T>(values: readonly T[], below: (limit: number) => number): T[] {
  const all = [...values];
  for (let i = all.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}

/** What a run came to. */
export interface RunFigures extends Figures {
  readonly kills: number;
  /** How many of the kills were at random times; the others were at points. */
  readonly random: number;
  /** How often the receiver has put something off. */
  readonly putOff: number;
  readonly seconds: number;
}

/** Kills a server so many times, and fails if it breaks a promise or hangs. A sink is stopped as well. */
export async function crashRun(
  seed: number,
  kills: number,
  sink?: Receiver,
): Promise<RunFigures> {
  const begun = performance.now();
  await using world = new CrashWorld({ seed, clients: 20, oneLargeIn: 12, sink });
  const ends = planEnds(
    seed,
    kills,
    // A sink refuses nobody, so that there are no notices.
    KILL_POINTS.filter((point) => sink === undefined || !point.startsWith("notice")),
  );
  for (const [i, end] of ends.entries()) {
    const life = world.begin(end.kind === "point" ? { kill: end.kill } : {});
    if (end.kind === "time") await killAt(life, end);
    const what = `kill ${i + 1} by seed ${seed}: ${JSON.stringify(end)}`;
    const { signal } = await inTime(what, life.ended, life);
    assertEquals(signal, "SIGKILL", `${what}\n${life.errors}`);
    // Where the first is killed early, there may be no database.
    if (world.ledger.acknowledged > 0) assertInvariants(world.queue);
  }
  const figures = await world.finish(world.begin({}));
  assertEquals([...world.refusals], []);
  return {
    ...figures,
    kills,
    random: ends.filter(({ kind }) => kind === "time").length,
    putOff: world.putOff,
    seconds: (performance.now() - begun) / 1000,
  };
}

async function killAt(life: Life, end: End & { kind: "time" }): Promise<void> {
  if (end.since === "open") await inTime("the server is open", life.port, life);
  await new Promise((resolve) => setTimeout(resolve, end.after));
  life.kill();
}

/** Says in a few lines what a run came to. */
export function shownFigures(seed: number, figures: RunFigures): string {
  const { kills, random, acknowledged, delivered, bounced, putOff, duplicates, seconds } = figures;
  return [
    `seed ${seed}: ${kills} kills, ${kills - random} of them at named points, in ${
      seconds.toFixed(0)
    } s`,
    `  ${acknowledged} messages acknowledged: ${delivered} recipients delivered, ${bounced} bounced, 0 lost`,
    `  ${putOff} times put off by the receiver`,
    `  copies too many: ${duplicates.unrecorded} taken by the next hop and not recorded when the server was killed,`,
    `                   ${duplicates.unanswered} committed and not answered when it was killed, so sent again`,
  ].join("\n");
}

/** Runs, and holds that the run was one that could show something. */
export async function crashRunOfNote(seed: number, kills: number): Promise<RunFigures> {
  const figures = await crashRun(seed, kills);
  assert(figures.acknowledged > 5 * kills, `only ${figures.acknowledged} messages`);
  assert(figures.bounced > kills / 2, `only ${figures.bounced} bounces`);
  assert(figures.putOff > 0);
  return figures;
}
