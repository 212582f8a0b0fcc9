import { assert, assertEquals, assertFalse } from "@std/assert";
import { PrintedLog } from "../../lib/hooks/printed_log.ts";
import type { LogFields } from "../../lib/net/log.ts";
import { FakeClock } from "../net/fake_clock.ts";

Deno.test("of much that is printed, some is logged, and how much was not", async () => {
  const clock = new FakeClock();
  const logged: [event: string, fields: LogFields][] = [];
  const printed = new PrintedLog((_level, event, fields) => logged.push([event, fields]), clock);
  for (let i = 0; i < 150; i++) assert(printed.take(`line ${i}`));
  assertEquals(logged.length, 100);
  await clock.advance(200);
  assert(printed.take("x".repeat(5_000)));
  assertEquals(logged.slice(100), [
    ["hooks-print-dropped", { lines: 50 }],
    ["hooks-printed", { text: "x".repeat(1_000) }],
  ]);
  for (let i = 0; i < 2; i++) assert(printed.take("y"));
  printed.end();
  assertEquals(logged.at(-1), ["hooks-print-dropped", { lines: 1 }]);
});

Deno.test("more than a MiB in ten seconds is too much to be printed", async () => {
  const clock = new FakeClock();
  const printed = new PrintedLog(() => {}, clock);
  const line = "x".repeat(1024 * 16 - 100);
  for (let i = 0; i < 64; i++) assert(printed.take(line));
  assertFalse(printed.take(line));
  await clock.advance(10_000);
  let lines = 0;
  while (printed.take("")) lines++;
  assert(lines > 10_000 && lines < 10_486, `${lines}`);
});
