import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  afterTransient,
  DEFAULT_SCHEDULE,
  delayAfter,
  type Schedule,
  type Standing,
} from "../../lib/queue/schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ACCEPTED = Date.UTC(2030, 0, 1);
const EXACT: Schedule = { ...DEFAULT_SCHEDULE, jitter: 0 };

/** Every attempt of a recipient that always fails, as minutes since it was accepted. */
function life(
  schedule: Schedule,
  random: () => number,
  notice: Standing["delayNotice"],
): { attempts: number[]; told: number[]; failed: number } {
  const attempts: number[] = [];
  const told: number[] = [];
  let now = ACCEPTED;
  let delayNotice = notice;
  while (true) {
    attempts.push((now - ACCEPTED) / MINUTE);
    const step = afterTransient(schedule, {
      attempts: attempts.length,
      accepted: ACCEPTED,
      expires: ACCEPTED + schedule.lifetime,
      now,
      delayNotice,
    }, random);
    if (step.state === "failed") return { attempts, told, failed: (now - ACCEPTED) / MINUTE };
    if (step.delayTold) {
      told.push((now - ACCEPTED) / MINUTE);
      delayNotice = "told";
    }
    assert(step.due > now, "the next attempt is later");
    now = step.due;
  }
}

Deno.test("schedule tries for five days by its delays, the last of which repeats", () => {
  const { attempts, told, failed } = life(EXACT, () => 0.5, "unwanted");
  assertEquals(attempts.slice(0, 7), [0, 5, 20, 50, 110, 230, 470]);
  const rest = attempts.slice(7).map((at, i) => at - attempts[6 + i]);
  assertEquals(rest.slice(0, -1), Array(14).fill(480));
  assertEquals([told, failed, attempts.at(-1)], [[], 7200, 7200]);
});

Deno.test("schedule tells of the delay once, at its time, and goes on as it would have", () => {
  const { attempts, told, failed } = life(EXACT, () => 0.5, "wanted");
  assertEquals([told, failed], [[240], 7200]);
  assertEquals(attempts.slice(5, 10), [230, 240, 480, 960, 1440]);
});

Deno.test("schedule varies each delay by a tenth at most", () => {
  for (const [number, factor] of [[0, 0.9], [0.5, 1], [1 - Number.EPSILON, 1.1]]) {
    for (const [attempts, delay] of [[1, 5], [2, 15], [3, 30], [7, 480], [50, 480]]) {
      const step = afterTransient(DEFAULT_SCHEDULE, {
        attempts,
        accepted: ACCEPTED,
        expires: ACCEPTED + 5 * DAY,
        now: ACCEPTED,
        delayNotice: "unwanted",
      }, () => number);
      assertEquals(step, { state: "queued", due: ACCEPTED + Math.round(delay * MINUTE * factor) });
    }
  }
});

Deno.test("schedule gives a message up at the end of its lifetime, not before", () => {
  const standing = {
    attempts: 3,
    accepted: ACCEPTED,
    expires: ACCEPTED + HOUR,
    delayNotice: "unwanted" as const,
  };
  const at = (now: number) => afterTransient(EXACT, { ...standing, now }, () => 0.5);
  assertEquals(at(ACCEPTED + HOUR - 1), { state: "queued", due: ACCEPTED + HOUR });
  assertEquals(at(ACCEPTED + HOUR), { state: "failed" });
  assertEquals(at(ACCEPTED + DAY), { state: "failed" });
});

Deno.test("schedule tells of the delay where it hears of it late, and never without a time for it", () => {
  const standing = {
    attempts: 1,
    accepted: ACCEPTED,
    expires: ACCEPTED + 5 * DAY,
    now: ACCEPTED + 9 * HOUR,
    delayNotice: "wanted" as const,
  };
  assertEquals(afterTransient(EXACT, standing, () => 0.5), {
    state: "queued",
    due: ACCEPTED + 9 * HOUR + 5 * MINUTE,
    delayTold: true,
  });
  const never = { ...EXACT, delayNotice: undefined };
  assertEquals(afterTransient(never, standing, () => 0.5), {
    state: "queued",
    due: ACCEPTED + 9 * HOUR + 5 * MINUTE,
  });
});

Deno.test("schedule without delays is refused", () => {
  assertThrows(() => delayAfter({ ...EXACT, delays: [] }, 1), RangeError, "Cannot retry");
});
