import { assertEquals } from "@std/assert";
import { showProgress } from "../../lib/cli/progress.ts";

Deno.test("a bar is shown for what takes a while, and taken away", () => {
  let time = 0;
  const written: string[] = [];
  {
    using progress = showProgress({
      total: 200,
      write: (text) => written.push(text),
      now: () => time,
    });
    progress.at(10);
    assertEquals(written, [], "nothing for what is done at once");
    time = 600;
    progress.at(50);
    progress.at(60);
    time = 800;
    progress.at(250);
  }
  assertEquals(written, [
    `\r[${"#".repeat(8)}${".".repeat(22)}] 25 % 50 of 200\x1b[K`,
    `\r[${"#".repeat(30)}] 100 % 250 of 200\x1b[K`,
    "\r\x1b[K",
  ]);
});

Deno.test("where it is not known how much there is, the bar is a count", () => {
  let time = 0;
  const written: string[] = [];
  using progress = showProgress({
    total: undefined,
    write: (text) => written.push(text),
    now: () => time,
  });
  time = 600;
  progress.at(7);
  assertEquals(written, ["\r7\x1b[K"]);
});
