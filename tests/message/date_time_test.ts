import { assertEquals } from "@std/assert";
import { dateTime } from "../../lib/message/date_time.ts";

const TABLE: [string, number, string][] = [
  ["2024-01-01T00:00:00Z", 0, "Mon, 1 Jan 2024 00:00:00 +0000"],
  ["2024-02-29T23:59:59.999Z", 0, "Thu, 29 Feb 2024 23:59:59 +0000"],
  ["2024-12-31T23:30:00Z", 60, "Wed, 1 Jan 2025 00:30:00 +0100"],
  ["2024-03-01T00:00:00Z", -300, "Thu, 29 Feb 2024 19:00:00 -0500"],
  ["2024-06-15T12:00:00Z", 345, "Sat, 15 Jun 2024 17:45:00 +0545"],
  ["2024-06-15T12:00:00Z", -210, "Sat, 15 Jun 2024 08:30:00 -0330"],
  ["2024-06-15T12:00:00Z", -30, "Sat, 15 Jun 2024 11:30:00 -0030"],
  ["1970-01-01T00:00:00Z", 0, "Thu, 1 Jan 1970 00:00:00 +0000"],
];

for (const [date, offset, expected] of TABLE) {
  Deno.test(`date ${date} is written ${expected}`, () => {
    assertEquals(dateTime(new Date(date), offset), expected);
  });
}

Deno.test("date is the same instant in the machine's own time zone", () => {
  const date = new Date("2024-06-15T12:34:56Z");
  assertEquals(Date.parse(dateTime(date)), date.getTime());
});
