import { assertEquals } from "@std/assert";
import {
  formatDuration,
  formatRate,
  parseDuration,
  parseRate,
  parseSize,
} from "../../lib/policy/quantity.ts";

Deno.test("duration is written in its largest exact unit, and read again", () => {
  const table: readonly (readonly [number, string])[] = [
    [1, "1ms"],
    [1_500, "1500ms"],
    [90_000, "90s"],
    [60_000, "1m"],
    [3_600_000, "1h"],
    [36 * 3_600_000, "36h"],
    [24 * 86_400_000, "24d"],
  ];
  for (const [milliseconds, text] of table) {
    assertEquals(formatDuration(milliseconds), text);
    assertEquals(parseDuration(text), milliseconds);
  }
});

Deno.test("rate is a number of something in a time", () => {
  const table: readonly (readonly [string, number, number])[] = [
    ["100/1h", 100, 3_600_000],
    ["1000000/1ms", 1_000_000, 1],
  ];
  for (const [text, count, period] of table) {
    assertEquals(parseRate(text), { count, period });
    assertEquals(formatRate({ count, period }), text);
  }
  for (const text of ["", "/", "1", "1/", "/1h", "0/1h", "01/1h", "1000001/1h", "1/1h/", "1/0s"]) {
    assertEquals(parseRate(text), undefined, text);
  }
});

Deno.test("size is a number of octets, in units of two kinds", () => {
  const table: readonly (readonly [string, number | undefined])[] = [
    ["1", 1],
    ["512B", 512],
    ["25MiB", 26_214_400],
    ["2MB", 2_000_000],
    ["1GiB", 1_073_741_824],
    ["0", undefined],
    ["1.5MiB", undefined],
    ["1kib", undefined],
    ["9007199254740992", undefined],
    ["", undefined],
  ];
  for (const [text, octets] of table) assertEquals(parseSize(text), octets, text);
});
