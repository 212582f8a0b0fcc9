import { assertEquals } from "@std/assert";
import { StrayTime } from "../../lib/hooks/stray_time.ts";

/** When hooks are asked, or have used so much; and whether that is too much, where they may use 1,000 ms. */
const TABLE: Record<string, readonly (readonly [now: number, used: number | "asked", boolean?])[]> =
  {
    "what is asked may take its time": [[0, "asked"], [500, 500, false], [999, 499, false]],
    "hooks that work on are noticed": [
      [0, "asked"],
      [500, 500, false],
      [1_000, 500, false],
      [1_500, 500, false],
      [2_000, 500, true],
    ],
    "a question begins the account anew": [
      [1_000, 900, false],
      [1_500, "asked"],
      [1_600, 100, false],
      [2_500, 900, false],
      [2_600, 100, false],
    ],
    "a timer that uses little is forgotten": Array.from(
      { length: 100 },
      (_, i) => [(i + 1) * 10_000, 490, false] as const,
    ),
    "a timer that uses much is not": [[10_000, 900, false], [20_000, 900, true]],
  };

for (const [name, steps] of Object.entries(TABLE)) {
  Deno.test(name, () => {
    const stray = new StrayTime(1_000);
    for (const [now, used, expected] of steps) {
      if (used === "asked") stray.asked(now);
      else assertEquals(stray.isTooMuch(used, now), expected, `at ${now}`);
    }
  });
}
