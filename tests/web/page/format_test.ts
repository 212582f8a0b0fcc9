import { assertEquals } from "@std/assert";
import {
  comingTime,
  counted,
  durationText,
  listTime,
  replyText,
  sizeText,
  stateOf,
} from "../../../lib/web/page/format.js";
import type { RecipientState } from "../../../lib/web/page/types.d.ts";

Deno.test("sizes are written as a person reads them", () => {
  const sizes: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KB"],
    [9949, "9.9 KB"],
    [9950, "10 KB"],
    [999_499, "999 KB"],
    [999_500, "1.0 MB"],
    [25 * 1024 * 1024, "26 MB"],
    [5e9, "5.0 GB"],
    [5e12, "5000 GB"],
  ];
  for (const [octets, text] of sizes) assertEquals(sizeText(octets), text);
});

Deno.test("lengths of time are written by their largest unit", () => {
  const lengths: [number, string][] = [
    [-5, "0 ms"],
    [12, "12 ms"],
    [1200, "1.2 s"],
    [300_000, "5 min"],
    [5 * 3_600_000, "5 h"],
    [5 * 86_400_000, "5 days"],
  ];
  for (const [length, text] of lengths) assertEquals(durationText(length), text);
});

Deno.test("times in a list are relative until a day is over", () => {
  const now = new Date(2026, 5, 15, 12).getTime();
  const ago = (milliseconds: number) => listTime(new Date(now - milliseconds).toISOString(), now);
  assertEquals(ago(-5000), "now");
  assertEquals(ago(59_999), "now");
  assertEquals(ago(60_000), "1 min");
  assertEquals(ago(3_599_999), "59 min");
  assertEquals(ago(3_600_000), "1 h");
  assertEquals(ago(86_399_999), "23 h");
  assertEquals(/15/.test(ago(31 * 86_400_000)), true);
  assertEquals(/2025/.test(ago(365 * 86_400_000)), true);
});

Deno.test("a time to come says how far away it is", () => {
  const now = Date.parse("2026-06-15T12:00:00Z");
  assertEquals(comingTime("2026-06-15T12:05:00Z", now), "in 5 min");
  assertEquals(comingTime("2026-06-15T12:00:00.100Z", now), "in 1.0 s");
  assertEquals(comingTime("2026-06-15T11:00:00Z", now), "now");
});

Deno.test("a message stands as what is still to be done of it", () => {
  const stands = (...states: RecipientState[]) =>
    stateOf(states.map((state) => ({ to: "a@b.test", state, attempts: 0 })));
  assertEquals(stands("delivered", "held", "queued"), "held");
  assertEquals(stands("delivered", "queued", "failed"), "queued");
  assertEquals(stands("delivered", "failed"), "failed");
  assertEquals(stands("removed", "delivered"), "delivered");
  assertEquals(stands("removed"), "removed");
});

Deno.test("replies and counts are written in one line", () => {
  assertEquals(
    replyText({ code: 250, enhanced: "2.0.0", lines: ["OK", "done"] }),
    "250 2.0.0 OK done",
  );
  assertEquals(replyText({ code: 421, lines: ["bye"] }), "421 bye");
  assertEquals(counted(1, "message"), "1 message");
  assertEquals(counted(2, "message"), "2 messages");
  assertEquals(counted(0, "reply", "replies"), "0 replies");
});
