import { assertEquals } from "@std/assert";
import { ReadBuffer } from "../../lib/net/buffers.ts";

const LARGE = 64 * 1024;

/** Reads one after the other: whether of mail data, the size of the buffer it needs, and what it brings. */
const READS: Record<string, readonly (readonly [boolean, number, number])[]> = {
  "commands are read into a small buffer": [[false, 512, 6], [false, 512, 512], [false, 512, 6]],
  "mail data is read into a large buffer": [[false, 512, 6], [true, LARGE, 4096], [
    true,
    LARGE,
    LARGE,
  ]],
  "mail data that trickles is read into a small buffer": [
    [false, 512, 6],
    [true, LARGE, 9],
    [true, 512, 1],
    [true, 512, 511],
  ],
  "mail data that fills a small buffer gets a large one": [
    [true, LARGE, 1],
    [true, 512, 512],
    [true, LARGE, 512],
    [true, LARGE, 511],
    [true, 512, 1],
  ],
  "a message behind one that trickled gets a large buffer": [
    [true, LARGE, 1],
    [true, 512, 3],
    [false, 512, 20],
    [true, LARGE, 100],
  ],
};

for (const [name, reads] of Object.entries(READS)) {
  Deno.test(name, () => {
    const buffer = new ReadBuffer();
    for (const [isMailData, size, length] of reads) {
      assertEquals(buffer.take(isMailData).length, size);
      buffer.filled(length);
    }
    buffer.release();
  });
}

Deno.test("sessions whose mail data trickles share one large buffer", () => {
  const large = new Set<Uint8Array>();
  const sessions = Array.from({ length: 100 }, () => new ReadBuffer());
  for (const session of sessions) {
    large.add(session.take(true));
    session.filled(1);
    session.take(true);
  }
  assertEquals(large.size, 1);
  for (const session of sessions) session.release();
});
