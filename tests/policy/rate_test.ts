import { assertEquals } from "@std/assert";
import { takeToken, TokenBucket, tokensMissing, waitForToken } from "../../lib/policy/rate.ts";

Deno.test("token bucket gives a period's tokens at once, and then as they come about", () => {
  const bucket = new TokenBucket({ count: 3, period: 6_000 }, 0);
  for (let i = 0; i < 3; i++) {
    assertEquals(bucket.wait(0), 0);
    bucket.take(0);
  }
  assertEquals(bucket.wait(0), 2_000);
  assertEquals(bucket.wait(500), 1_500);
  assertEquals(bucket.wait(2_000), 0);
  bucket.take(2_000);
  assertEquals(bucket.wait(2_000), 2_000);
  // No more than a period's gather, however long nobody asks, and a clock that goes back gives none.
  assertEquals(bucket.wait(1_000_000), 0);
  for (let i = 0; i < 3; i++) bucket.take(1_000_000);
  assertEquals(bucket.wait(900_000), 2_000);
});

Deno.test("token bucket gives exactly a period's tokens at once at the time of day", () => {
  const now = Date.UTC(2026, 0, 1);
  for (const count of [1, 3, 7, 60, 100, 999, 1000]) {
    for (const period of [1_000, 60_000, 600_000, 3_600_000]) {
      const rate = { count, period };
      let full = 0;
      let taken = 0;
      while (taken <= count && waitForToken(rate, full, now) === 0) {
        full = takeToken(rate, full, now);
        taken++;
      }
      assertEquals(taken, count, `${count} in ${period} ms`);
      assertEquals(Math.round(tokensMissing(rate, full, now)), count);
      const wait = waitForToken(rate, full, now);
      assertEquals(waitForToken(rate, full, now + wait), 0);
      assertEquals(tokensMissing(rate, full, now + period + 1), 0);
    }
  }
});

Deno.test("nothing is taken from an empty bucket", () => {
  const rate = { count: 2, period: 1_000 };
  let full = 0;
  for (let i = 0; i < 10; i++) full = takeToken(rate, full, 5_000);
  assertEquals(waitForToken(rate, full, 5_000), 500);
});
