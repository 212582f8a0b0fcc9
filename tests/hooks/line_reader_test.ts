import { assertEquals, assertRejects } from "@std/assert";
import { LineReader, streamSource } from "../../lib/hooks/line_reader.ts";

const encoder = new TextEncoder();

/** A stream of octets that gives one part at a time. */
function streamOf(next: () => string | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const part = next();
      if (part !== undefined) return controller.enqueue(encoder.encode(part));
      controller.close();
      controller.byobRequest?.respond(0);
    },
  });
}

function readerOf(maxLine: number, ...parts: string[]): LineReader {
  return new LineReader(streamSource(streamOf(() => parts.shift())), maxLine);
}

async function linesOf(reader: LineReader): Promise<string[]> {
  const lines: string[] = [];
  for (let line = await reader.line(); line !== undefined; line = await reader.line()) {
    lines.push(line);
  }
  return lines;
}

Deno.test("lines are the same wherever the stream is cut", async () => {
  const text = "one\n\ntwo €\nlast";
  const expected = ["one", "", "two €", "last"];
  assertEquals(await linesOf(readerOf(100, text)), expected);
  assertEquals(await linesOf(readerOf(100, ...text)), expected);
  assertEquals(await linesOf(readerOf(100, text, "\n")), expected);
  assertEquals(await linesOf(readerOf(100)), []);
});

Deno.test("octets behind a line are as many as were asked for", async () => {
  for (const parts of [["#1 5\nab\ncdnext\n"], [..."#1 5\nab\ncdnext\n"]]) {
    const reader = readerOf(100, ...parts);
    assertEquals(await reader.line(), "#1 5");
    assertEquals(await reader.octets(5), encoder.encode("ab\ncd"));
    assertEquals(await reader.line(), "next");
    assertEquals(await reader.octets(0), new Uint8Array(0));
    assertEquals(await reader.octets(1), undefined);
  }
});

Deno.test("a line that is too long is not read to its end", async () => {
  assertEquals(await readerOf(5, "12345\n").line(), "12345");
  await assertRejects(() => readerOf(5, "123456\n").line(), RangeError, "more than 5 octets");
  let given = 0;
  const endless = streamOf(() => {
    given++;
    return "x".repeat(1000);
  });
  await assertRejects(() => new LineReader(streamSource(endless), 10_000).line(), RangeError);
  assertEquals(given <= 13, true);
});

Deno.test("a line that is longer than what is read at once is read whole", async () => {
  const line = "0123456789".repeat(10_000);
  assertEquals(await linesOf(readerOf(1_000_000, `${line}\n`, "next")), [line, "next"]);
});
