import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals } from "@std/assert";
import type { ContentReader, ContentSource } from "../../lib/inbox/content.ts";
import { contentReader, inlineReader, ReaderBusyError } from "../../lib/inbox/content_reader.ts";
import { type Clock, systemClock } from "../../lib/net/clock.ts";
import { FakeClock, settle } from "../net/fake_clock.ts";

const encoder = new TextEncoder();

/** A message by its text, with a count of how often it was read. */
function message(text: string): { readonly source: ContentSource; readonly count: number } {
  let count = 0;
  return {
    get count() {
      return count;
    },
    async *source() {
      count++;
      // The slice is overwritten by the next one, as those of a store are.
      const slice = new Uint8Array(7);
      const octets = encoder.encode(text);
      for (let at = 0; at < octets.length; at += slice.length) {
        const part = octets.subarray(at, at + slice.length);
        slice.set(part);
        yield await Promise.resolve(slice.subarray(0, part.length));
      }
    },
  };
}

const withParts = [
  "Subject: parts",
  "Content-Type: multipart/mixed; boundary=b",
  "",
  "--b",
  "",
  "Hello",
  "--b",
  "Content-Type: image/png",
  "Content-Transfer-Encoding: base64",
  "",
  "AAEC",
  "--b",
  "Content-Type: image/gif",
  "Content-Transfer-Encoding: base64",
  "",
  "AwQ=",
  "--b--",
  "",
].join("\r\n");

const readers: [name: string, make: () => ContentReader][] = [
  ["a worker", () => contentReader()],
  ["this thread", () => inlineReader()],
];

/** Parts of each encoding, with all that comes in between. */
const encodings = [
  "Content-Type: multipart/mixed; boundary=b",
  "",
  ...["7bit", "base64", "quoted-printable"].flatMap((encoding) => [
    "--b",
    "Content-Type: application/octet-stream",
    `Content-Transfer-Encoding: ${encoding}`,
    "",
    "AAEC=",
    "",
    "\u00e4=41=\t",
  ]),
  "--b",
  "Content-Type: application/octet-stream",
  "",
  "--b--",
].join("\r\n");

Deno.test("a worker and this thread read the same", async () => {
  await using worker = contentReader();
  await using inline = inlineReader();
  const { source } = message(encodings);
  assertEquals(await worker.read("1", source), await inline.read("1", source));
  for (const index of [0, 1, 2, 3]) {
    const part = await worker.part("1", index, source);
    assert(part !== undefined);
    assertEquals(part, await inline.part("1", index, source));
  }
});

for (const [name, make] of readers) {
  Deno.test(`a reader in ${name} reads messages and their parts`, async () => {
    await using reader = make();
    const { source } = message(withParts);
    const content = await reader.read("1", source);
    assertEquals([content.subject, content.text], ["parts", "Hello\n"]);
    assertEquals(content.parts.map(({ type, size }) => [type, size]), [
      ["image/png", 3],
      ["image/gif", 2],
    ]);
    const part = await reader.part("1", 1, source);
    assertEquals(part, { part: content.parts[1], octets: new Uint8Array([3, 4]) });
    for (const index of [2, -1, 0.5, NaN]) {
      assertEquals(await reader.part("1", index, source), undefined);
    }
  });

  Deno.test(`a reader in ${name} reads a message once for all who ask at that time`, async () => {
    await using reader = make();
    const asked = message(withParts);
    const [content, first, second] = await Promise.all([
      reader.read("1", asked.source),
      reader.part("1", 0, asked.source),
      reader.part("1", 1, asked.source),
    ]);
    assertEquals(asked.count, 1);
    assertStrictEquals(first?.part, content.parts[0]);
    assertEquals(second?.octets, new Uint8Array([3, 4]));
    await reader.read("1", asked.source);
    assertEquals(asked.count, 1);
  });

  Deno.test(`a reader in ${name} reads no more than 32 MiB of a message`, async () => {
    await using reader = make();
    const mebibyte = new Uint8Array(1024 * 1024).fill(97);
    let given = 0;
    const content = await reader.read("1", async function* () {
      yield encoder.encode("Subject: large\r\n\r\n");
      for (; given < 100; given++) yield await Promise.resolve(mebibyte);
    });
    assertEquals(given, 31);
    assertEquals(content.subject, "large");
    assertEquals(content.text.length, 1024 * 1024);
    assertMatch(
      content.problem!,
      /^it is too large, so only its first 33,554,432 octets are read;/,
    );
  });

  Deno.test(`a reader in ${name} passes on why a message is not there, and reads on`, async () => {
    await using reader = make();
    // deno-lint-ignore require-yield
    const source = async function* (): AsyncGenerator<Uint8Array> {
      throw await Promise.resolve(new Deno.errors.NotFound("Cannot read the message: it is gone"));
    };
    await assertRejects(() => reader.read("1", source), Deno.errors.NotFound, "it is gone");
    const { subject } = await reader.read("1", message("Subject: back\r\n\r\n").source);
    assertEquals(subject, "back");
  });
}

Deno.test("a reader that is closed refuses what is asked and what waits", async () => {
  const reader = contentReader();
  const gate = Promise.withResolvers<void>();
  const reading = Array.from({ length: 4 }, (_, i) =>
    reader.read(`slow ${i}`, async function* () {
      await gate.promise;
      yield encoder.encode("Subject: x\r\n\r\n");
    }));
  const { source } = message("Subject: x\r\n\r\n");
  const waiting = reader.read("1", source);
  await reader[Symbol.asyncDispose]();
  await assertRejects(() => waiting, Error, "the reader of messages was closed");
  await assertRejects(() => reader.read("2", source), Error, "the reader of messages was closed");
  gate.resolve();
  for (const one of reading) {
    await assertRejects(() => one, Error, "the reader of messages was closed");
  }
});

Deno.test("a reader that is closed ends its worker and what is in it", async () => {
  const reader = contentReader({ clock: new FakeClock() });
  const reading = reader.read("1", message("Subject: x\r\n\r\n").source);
  await settle();
  await reader[Symbol.asyncDispose]();
  await assertRejects(() => reading, Error, "the reader of messages was closed");
});

Deno.test("a reader has four messages in memory, and lets 1,000 wait in order", async () => {
  await using reader = inlineReader();
  const started: number[] = [];
  const gate = Promise.withResolvers<void>();
  const ask = (i: number) =>
    reader.read(`${i}`, async function* () {
      started.push(i);
      await gate.promise;
      yield encoder.encode(`Subject: ${i}\r\n\r\n`);
    });
  const reading = Array.from({ length: 1_004 }, (_, i) => ask(i));
  await settle();
  assertEquals(started, [0, 1, 2, 3]);
  await assertRejects(() => ask(1_004), ReaderBusyError, "1000 others wait to be read");
  gate.resolve();
  const subjects = (await Promise.all(reading)).map(({ subject }) => subject);
  assertEquals(subjects, subjects.map((_, i) => `${i}`));
  assertEquals(started, started.map((_, i) => i));
});

Deno.test("what was not asked for longest is forgotten when there is no room", async () => {
  await using reader = inlineReader();
  const octets = new Uint8Array(24 * 1024 * 1024).fill(97);
  const counts = new Map<string, number>();
  const ask = (id: string) =>
    reader.read(id, async function* () {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      yield encoder.encode("Content-Type: application/x-large\r\n\r\n");
      yield await Promise.resolve(octets);
    });
  for (const id of ["a", "b", "a", "c", "a", "b"]) await ask(id);
  assertEquals([...counts], [["a", 1], ["b", 2], ["c", 1]]);
});

Deno.test("a message that hangs is given up, and the others are read", async () => {
  const clock = new FakeClock();
  await using reader = contentReader({ clock, timeLimit: 3_000 });
  await reader.read("first", message("").source);
  // A worker cannot answer in the same turn, so this one hangs as far as the clock knows.
  const hanging = reader.read("hangs", message("Subject: hangs\r\n\r\nHello").source);
  await settle();
  const others = ["a", "b"].map((id) =>
    reader.read(id, message(`Subject: ${id}\r\n\r\nHello`).source)
  );
  await settle();
  // One for the message, and one that forgets the first.
  assertEquals(clock.waiting, 2);
  await clock.advance(3_000);
  const { subject, text, problem } = await hanging;
  assertEquals([subject, text], ["hangs", "Hello"]);
  assertEquals(problem, "it could not be read within 3 s, so it is shown as it came");
  const contents = await Promise.all(others);
  assertEquals(contents.map(({ subject, problem }) => [subject, problem]), [
    ["a", undefined],
    ["b", undefined],
  ]);
  // It is not tried again each time.
  const again = await reader.read("hangs", message("").source);
  assertEquals(again.problem, problem);
  assertEquals(clock.waiting, 1);
});

Deno.test("a worker that is busy for hours is ended", async () => {
  let isFirst = true;
  // Only the first message is given up: the next ones have all the time that they need.
  const clock: Clock = {
    now: () => systemClock.now(),
    after(delay, wake) {
      const handle = isFirst ? systemClock.after(delay, wake) : { [Symbol.dispose]() {} };
      isFirst = false;
      return handle;
    },
  };
  await using reader = contentReader({ clock, timeLimit: 500 });
  // For each of the links, postal-mime looks for the end of the tag through all that follows.
  const html = "<a href='".repeat(1024 * 1024);
  const busy = [
    "Subject: busy",
    "Content-Type: multipart/mixed; boundary=b",
    "",
    "--b",
    "",
    "plain",
    "--b",
    "Content-Type: text/html",
    "",
    html,
  ].join("\r\n");
  const [first, second] = await Promise.all(
    [busy, "Subject: next\r\n\r\n"].map((text, i) =>
      reader.read(`${i}`, async function* () {
        yield await Promise.resolve(encoder.encode(text));
      })
    ),
  );
  assertEquals(first.subject, "busy");
  assertEquals(first.problem, "it could not be read within 0.5 s, so it is shown as it came");
  assertEquals([second.subject, second.problem], ["next", undefined]);
});

/** Repeats a line as often as it goes into 2 MiB. */
function fill(line: string): string {
  return line.repeat(2 * 1024 * 1024 / line.length);
}

const mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
const encoded = "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n";

/** Messages of which postal-mime alone would make gigabytes, or hours. */
const bombs: [name: string, message: string][] = [
  ["nothing but line ends", "\r\n" + fill("\n")],
  ["lines of one letter", "\r\n" + fill("a\r\n")],
  ["nothing but header fields", fill("a:\r\n")],
  ["nothing but delimiters", mixed + fill("--b\n")],
  ["parts with a type", mixed + fill("--b\r\nContent-Type: a/b\r\n\r\n\r\n")],
  ["one line of padded base64", encoded + fill("AA=")],
  ["lines of padded base64", encoded + fill("AA=".repeat(25) + "\r\n")],
];

Deno.test("messages that would take too much memory are read in part", async (t) => {
  await using reader = contentReader();
  for (const [name, text] of bombs) {
    await t.step(name, async () => {
      const octets = encoder.encode(`Subject: bomb\r\n${text}`);
      const content = await reader.read(name, async function* () {
        yield await Promise.resolve(octets);
      });
      assertEquals(content.subject, "bomb");
      assertMatch(content.problem!, /^it has too many lines, so only its first [\d,]+ octets/);
      assert(content.parts.length <= 10_000);
    });
  }
});
