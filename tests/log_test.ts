import { assert, assertEquals, assertMatch } from "@std/assert";
import { type LineLog, lineLog, type LogFormat, type LogOutput } from "../lib/log.ts";
import type { LogFields, LogLevel } from "../lib/net/log.ts";

const NOW = Date.UTC(2026, 10, 23, 9, 0, 0, 5);

/** An output that keeps what it gets, one string for each write. */
class Kept implements LogOutput {
  readonly writes: string[] = [];
  /** How many octets the next writes take; an error is thrown. Without one, all are taken. */
  readonly answers: (number | Error)[] = [];

  writeSync(bytes: Uint8Array): number {
    const answer = this.answers.shift() ?? bytes.length;
    if (answer instanceof Error) throw answer;
    const taken = Math.min(answer, bytes.length);
    this.writes.push(new TextDecoder().decode(bytes.subarray(0, taken)));
    return taken;
  }

  now(): number {
    return NOW;
  }

  get text(): string {
    return this.writes.join("");
  }
}

function lineOf(format: LogFormat, event: string, fields: LogFields): string {
  const output = new Kept();
  using lines = lineLog("info", format, output);
  lines.log("info", event, fields);
  lines.flush();
  return output.text;
}

/** Waits until the log has flushed by itself. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const values: [what: string, value: string | number | boolean, text: string, json: string][] = [
  ["plain text", "a@b.example", "a@b.example", '"a@b.example"'],
  ["number", 42, "42", "42"],
  ["boolean", false, "false", "false"],
  ["empty text", "", '""', '""'],
  ["space", "250 Ok", '"250 Ok"', '"250 Ok"'],
  ["equals sign", "a=b", '"a=b"', '"a=b"'],
  ["quote", 'a"b', '"a\\"b"', '"a\\"b"'],
  ["backslash", "a\\b", '"a\\\\b"', '"a\\\\b"'],
  ["line ends", "a\r\nb", '"a\\x0d\\x0ab"', '"a\\r\\nb"'],
  ["escaped line ends", "a\\x0d", '"a\\\\x0d"', '"a\\\\x0d"'],
  ["tab", "a\tb", '"a\\x09b"', '"a\\tb"'],
  ["escape", "\x1b[2J", '"\\x1b[2J"', '"\\u001b[2J"'],
  ["delete and C1", "\x7f\x9b", '"\\x7f\\x9b"', '"\\u007f\\u009b"'],
  ["NUL", "\0", '"\\x00"', '"\\u0000"'],
  ["letters beyond ASCII", "bücher", '"b\\xfccher"', '"b\\u00fccher"'],
  ["line separator", "\u2028", '"\\u2028"', '"\\u2028"'],
  ["turned text", "\u202eabc", '"\\u202eabc"', '"\\u202eabc"'],
  ["emoji", "😀", '"\\ud83d\\ude00"', '"\\ud83d\\ude00"'],
];

Deno.test("a value from the wire stays on its line and in its field", async (t) => {
  for (const [what, value, text, json] of values) {
    await t.step(what, () => {
      assertEquals(
        lineOf("text", "seen", { value, size: 1 }),
        `2026-11-23T09:00:00.005Z info event=seen value=${text} size=1\n`,
      );
      const line = lineOf("json", "seen", { value, size: 1 });
      assertEquals(
        line,
        `{"time":"2026-11-23T09:00:00.005Z","level":"info","event":"seen","value":${json},"size":1}\n`,
      );
      assertEquals(JSON.parse(line).value, value);
    });
  }
});

Deno.test("a field without a value is left out", () => {
  assertMatch(lineOf("text", "seen", { a: undefined, b: 1 }), /event=seen b=1\n$/);
  assertEquals(Object.keys(JSON.parse(lineOf("json", "seen", { a: undefined }))), [
    "time",
    "level",
    "event",
  ]);
});

Deno.test("events below the level are not written", () => {
  const levels: LogLevel[] = ["debug", "info", "warn", "error"];
  for (const [i, least] of levels.entries()) {
    const output = new Kept();
    using lines = lineLog(least, "text", output);
    for (const level of levels) lines.log(level, "seen", {});
    lines.flush();
    const written = output.text.trimEnd().split("\n").map((line) => line.split(" ")[1]);
    assertEquals(written, levels.slice(i));
  }
});

Deno.test("the lines of one turn are written together, without being asked for", async () => {
  const output = new Kept();
  using lines = lineLog("info", "text", output);
  for (let i = 0; i < 10; i++) lines.log("info", "seen", { i });
  assertEquals(output.writes, []);
  await until(() => output.writes.length > 0);
  assertEquals(output.writes.length, 1);
  assertEquals(output.text.split("\n").length, 11);
});

Deno.test("no more than 16 KiB and a line gather before they are written", () => {
  const output = new Kept();
  using lines = lineLog("info", "text", output);
  for (let i = 0; i < 1000; i++) lines.log("info", "seen", { text: "x".repeat(50) });
  assert(output.writes.length >= 5);
  for (const write of output.writes) assert(write.length < 16 * 1024 + 200);
});

Deno.test("an error is written at once, behind what came before", () => {
  const output = new Kept();
  using lines = lineLog("info", "text", output);
  lines.log("info", "first", {});
  lines.log("error", "second", {});
  assertMatch(output.text, /event=first\n.*event=second\n$/);
});

Deno.test("disposing writes what has gathered", () => {
  const output = new Kept();
  {
    using lines = lineLog("info", "text", output);
    lines.log("info", "last", {});
  }
  assertMatch(output.text, /event=last\n$/);
});

Deno.test("a write that takes only a part is followed by one with the rest", () => {
  const output = new Kept();
  using lines = lineLog("info", "text", output);
  output.answers.push(5, 7);
  lines.log("error", "whole", {});
  assertEquals(output.writes.length, 3);
  assertMatch(output.text, /^2026.*event=whole\n$/);
});

Deno.test("a full pipe gets the rest later, in order", async () => {
  const output = new Kept();
  using lines = lineLog("info", "text", output);
  output.answers.push(5, new Deno.errors.WouldBlock(), 0);
  lines.log("error", "first", {});
  lines.log("error", "second", {});
  assertEquals(output.text.length, 5);
  await until(() => output.text.endsWith("event=second\n"));
  assertMatch(output.text, /^2026\S+ error event=first\n2026\S+ error event=second\n$/);
});

Deno.test("a pipe that stays full costs bounded memory, and says how much was dropped", async () => {
  const output = new Kept();
  using lines = lineLog("info", "text", output);
  let isFull = true;
  const { writeSync } = Kept.prototype;
  output.writeSync = (bytes) => {
    if (isFull) throw new Deno.errors.WouldBlock();
    return writeSync.call(output, bytes);
  };
  const line = "x".repeat(1000);
  const written = 3000;
  for (let i = 0; i < written; i++) lines.log("info", "seen", { line });
  isFull = false;
  await until(() => output.text.includes("log_lines_dropped"));
  const dropped = Number(/event=log_lines_dropped lines=(\d+)/.exec(output.text)?.[1]);
  const kept = output.text.match(/event=seen/g)!.length;
  assertEquals(kept + dropped, written);
  assert(output.text.length < 1024 * 1024 + 3 * 16 * 1024);
});

Deno.test("a pipe that nobody reads is no reason to fail", () => {
  const output = new Kept();
  using lines: LineLog = lineLog("info", "text", output);
  output.answers.push(new Deno.errors.BrokenPipe());
  lines.log("error", "lost", {});
  lines.log("error", "next", {});
  assertMatch(output.text, /^\S+ error event=next\n$/);
});
